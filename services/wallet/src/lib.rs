//! Wallets: grants, holds and a ledger that can be trusted.
//!
//! In reading order: [`domain`] (nouns and rules), [`engine`] (how operations become batches), [`store`] (the only SQL),
//! [`jobs`] (what goes on beside the calls), [`rpc`] (the contract).

pub mod config;
pub mod domain;
pub mod engine;
pub mod jobs;
pub mod rpc;
pub mod store;

use std::sync::Arc;
use std::time::Duration;

use chit_runtime::{Job, Next, Service};
use chit_store::Database;
use chit_types::{Clock, IdSource};

pub use config::WalletConfig;
pub use store::MIGRATIONS;

use engine::{Desk, Parts, Reader};
use store::{Store, StoreFailure};

/// The service as a value, over a migrated database: its lanes start at once, on the current tokio runtime. Ready while
/// the database answers with the schema that this program knows.
#[must_use]
pub fn build(
    config: WalletConfig,
    database: Database,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
) -> Service {
    let shards = config.shard_count();
    let parts = Parts { store: Store::Database(database.clone()), shards, clock, ids };
    let desk = Desk::start_with(&parts, config.lane_config(parts.store.usual_lanes()));
    let reader = Reader::new(&parts, &desk);
    let server = rpc::server(desk.clone(), reader, shards, Arc::clone(&parts.clock), config.poll_interval());
    let (drained, drain_limit) = (desk.clone(), config.drain_limit());
    Service::new("wallet")
        .grpc(server)
        .ready(move || {
            let database = database.clone();
            async move {
                let ready = MIGRATIONS.check_ready(&database, shards).await;
                ready.map_err(|error| error.to_string())
            }
        })
        .drain(move || async move {
            let _counts = drained.drain(drain_limit).await;
        })
        .job(sweeper(&parts, desk, config.sweep_interval()))
        .job(sequencer(&parts, config.sequence_interval()))
        .job(purger(&parts, config.purge_interval()))
}

fn sweeper(parts: &Parts, desk: Desk, interval: Duration) -> Job {
    let parts = parts.clone();
    Job::every("wallet.sweep", interval, move |_| {
        let (parts, desk) = (parts.clone(), desk.clone());
        async move {
            let now = parts.clock.now();
            let swept = jobs::sweep(&parts, &desk, now).await?;
            Ok::<_, StoreFailure>(next(swept as u64))
        }
    })
}

fn sequencer(parts: &Parts, interval: Duration) -> Job {
    let store = parts.store.clone();
    Job::every("wallet.sequence", interval, move |_| {
        let store = store.clone();
        async move {
            let given = jobs::sequence(&store).await?;
            Ok::<_, StoreFailure>(next(given))
        }
    })
}

fn purger(parts: &Parts, interval: Duration) -> Job {
    let parts = parts.clone();
    Job::every("wallet.purge", interval, move |_| {
        let parts = parts.clone();
        async move {
            let now = parts.clock.now();
            let gone = jobs::purge(&parts, now).await?;
            Ok::<_, StoreFailure>(next(gone))
        }
    })
}

/// A job that found a whole bounded piece of work has probably left some.
fn next(done: u64) -> Next {
    const FULL: u64 = 500;
    if done >= FULL { Next::AtOnce } else { Next::AfterInterval }
}
