//! Makes the tables of coming days, and forgets the feed's old rows.

use std::time::Duration;

use chit_types::Timestamp;

use crate::domain::clockwork::WINDOW_DAYS;
use crate::pipeline::Tools;
use crate::store::{PARTITION_DAYS_AHEAD, Result, Store};

/// How long the feed is kept.
const FEED_KEPT: Duration = Duration::from_secs(7 * 86_400);

pub(super) async fn tidy_once(tools: &Tools) -> Result<()> {
    let now = tools.clock.now();
    make_days(&tools.store, now).await?;
    let mut tx = tools.store.begin().await?;
    tx.prune_feed(now - FEED_KEPT).await?;
    tx.commit().await
}

/// Makes the tables of every day an event may occur on, and of a few ahead.
pub(super) async fn make_days(store: &Store, now: Timestamp) -> Result<()> {
    let window = i64::try_from(WINDOW_DAYS).unwrap_or(i64::MAX);
    store.ensure_days(now.day() - window..=now.day() + PARTITION_DAYS_AHEAD).await?;
    Ok(())
}
