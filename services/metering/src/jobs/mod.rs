//! Background work: each bounded, safe to run twice, and beside another pod that does the same.

mod closer;
mod settler;
mod tidy;

pub use closer::close_once;
pub use settler::{Settled, settle_once};

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chit_runtime::{Job, Next};
use tokio::time::Instant;

use crate::config::Config;
use crate::pipeline::Desk;

/// While the wallet is away the settler waits at most this long between attempts.
const AWAY_LONGEST: Duration = Duration::from_secs(30);
/// How often days are made ahead and the feed is pruned.
const TIDY_INTERVAL: Duration = Duration::from_secs(3_600);

/// Every job of a pod.
pub fn all(desk: &Desk, config: &Config) -> Vec<Job> {
    vec![settler(desk.clone(), config), closer(desk.clone(), config), tidy(desk.clone())]
}

fn settler(desk: Desk, config: &Config) -> Job {
    let after = config.settle_after();
    let interval = config.settle_interval();
    let not_before = Arc::new(Mutex::new(Instant::now()));
    let failures = Arc::new(AtomicU64::new(0));
    Job::every("metering.settler", interval, move |_| {
        let (desk, not_before, failures) = (desk.clone(), Arc::clone(&not_before), Arc::clone(&failures));
        async move {
            if *not_before.lock().unwrap_or_else(PoisonError::into_inner) > Instant::now() {
                return Ok(Next::AfterInterval);
            }
            let settled = settle_once(&desk, after).await?;
            if settled.is_wallet_away {
                let count = failures.fetch_add(1, Ordering::Relaxed).min(8);
                let pause = interval.saturating_mul(1 << count).min(AWAY_LONGEST);
                *not_before.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + pause;
                return Ok(Next::AfterInterval);
            }
            failures.store(0, Ordering::Relaxed);
            let next = if settled.has_more { Next::AtOnce } else { Next::AfterInterval };
            Ok::<_, chit_store::StoreError>(next)
        }
    })
}

fn closer(desk: Desk, config: &Config) -> Job {
    Job::every("metering.closer", config.close_interval(), move |_| {
        let desk = desk.clone();
        async move {
            let closed = close_once(&desk).await?;
            Ok::<_, chit_store::StoreError>(if closed == 0 { Next::AfterInterval } else { Next::AtOnce })
        }
    })
}

fn tidy(desk: Desk) -> Job {
    Job::every("metering.tidy", TIDY_INTERVAL, move |_| {
        let desk = desk.clone();
        async move {
            tidy::tidy_once(desk.tools()).await?;
            Ok::<_, chit_store::StoreError>(Next::AfterInterval)
        }
    })
}

/// Makes the tables of the days around now: before the first event, else its day stays in the default table.
pub async fn make_days(store: &crate::store::Store, now: chit_types::Timestamp) -> crate::store::Result<()> {
    tidy::make_days(store, now).await
}
