use std::time::Duration;

/// The bounds of every lane. [`Default`] is what a service runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneConfig {
    /// Writers, each with a connection of its own. Three keep a two-core database busy: cores + 1.
    pub lanes: usize,
    /// Items that may wait in one lane: four full batches, so the last one waits about four commits.
    pub queue_items: usize,
    /// Bytes that may wait in one lane; four full batches again.
    pub queue_bytes: usize,
    /// Operations in a batch: beyond 4,000 a commit gets slower without getting cheaper per item.
    pub batch_items: usize,
    /// Bytes in a batch: keeps one statement's binds and one commit's log within what a database likes.
    pub batch_bytes: usize,
    /// Attempts at the same batch before it is answered `Unavailable`: with the back-off below about four
    /// seconds, enough for a database that restarts.
    pub attempts: u32,
    /// Back-off after the first failed attempt; doubled each time, then jittered by half.
    pub backoff_first: Duration,
    /// Back-off never grows beyond this.
    pub backoff_most: Duration,
    /// One attempt may take this long before its outcome counts as unknown: a black-holed connection gives no error.
    pub attempt_timeout: Duration,
}

impl Default for LaneConfig {
    fn default() -> Self {
        Self {
            lanes: 3,
            queue_items: 16_000,
            queue_bytes: 32 << 20,
            batch_items: 4_000,
            batch_bytes: 8 << 20,
            attempts: 14,
            backoff_first: Duration::from_millis(5),
            backoff_most: Duration::from_millis(500),
            attempt_timeout: Duration::from_secs(30),
        }
    }
}
