//! Forgets what is kept for a time only: feed positions, and holds whose late window is over.

use std::time::Duration;

use chit_types::{Shard, Timestamp};

use crate::domain::settings::LATE_COMMIT_WINDOW;
use crate::engine::Parts;
use crate::store::StoreFailure;

/// The feed is kept for 35 days.
const FEED_KEPT: Duration = Duration::from_secs(35 * 86_400);

/// Forgets what is too old at `now`. Answers how many rows.
///
/// # Errors
/// When the database fails; the next run goes on.
pub async fn purge(parts: &Parts, now: Timestamp) -> Result<u64, StoreFailure> {
    let before = |kept: Duration| {
        let micros = i64::try_from(kept.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(now.micros().saturating_sub(micros))
    };
    let mut gone = 0;
    for shard in (0..parts.shards.get()).map(Shard) {
        gone += parts.store.purge_feed(shard, before(FEED_KEPT)).await?;
        gone += parts.store.purge_holds(shard, before(LATE_COMMIT_WINDOW)).await?;
    }
    Ok(gone)
}
