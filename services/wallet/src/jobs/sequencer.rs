//! Gives committed batches their positions in the feed.

use crate::store::{Store, StoreFailure};

/// Sequences everything pending. Answers how many positions were given.
///
/// # Errors
/// When the database fails; what was done stays, the rest waits for the next run.
pub async fn sequence(store: &Store) -> Result<u64, StoreFailure> {
    let shards = store.shards_pending().await?;
    store.sequence(&shards).await
}
