//! What an operator may set, with its reasons.

use std::time::Duration;

use chit_batch::LaneConfig;
use chit_types::ShardCount;
use serde::Deserialize;

/// Idle wallets are booked within a second or so of what is due; operations never wait for it.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// How long after a commit its events may have no position yet: what a follower waits for at most, when it is near.
const SEQUENCE_INTERVAL: Duration = Duration::from_millis(100);
/// Purges look for little and are in no hurry.
const PURGE_INTERVAL: Duration = Duration::from_secs(60);
/// A follower or watcher looks for what other pods did this often.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// At the stop lanes have this long to work off what they queued: their queues hold about a second of work.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// The wallet service's settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WalletConfig {
    /// The installation's shard count: chosen at the first migration, never changed.
    pub shards: u16,
    /// Writers, each with a connection of its own; 0 means as many as suit the database.
    pub lanes: usize,
    /// Operations that may wait in one lane before it answers RESOURCE_EXHAUSTED.
    pub queue_items: usize,
    /// How often idle wallets are looked at for what is due, in milliseconds.
    pub sweep_interval_millis: u64,
    /// How often committed events get their positions in the feed, in milliseconds.
    pub sequence_interval_millis: u64,
    /// How often what is past its keeping is removed, in milliseconds.
    pub purge_interval_millis: u64,
    /// How often followers and watchers look for what other pods did, in milliseconds.
    pub poll_interval_millis: u64,
    /// How long the lanes may take to empty at the stop, in milliseconds.
    pub drain_limit_millis: u64,
}

impl Default for WalletConfig {
    fn default() -> Self {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Self {
            shards: ShardCount::DEFAULT.get(),
            lanes: 0,
            queue_items: LaneConfig::default().queue_items,
            sweep_interval_millis: millis(SWEEP_INTERVAL),
            sequence_interval_millis: millis(SEQUENCE_INTERVAL),
            purge_interval_millis: millis(PURGE_INTERVAL),
            poll_interval_millis: millis(POLL_INTERVAL),
            drain_limit_millis: millis(DRAIN_LIMIT),
        }
    }
}

impl WalletConfig {
    /// Everything that is wrong with these settings.
    #[must_use]
    pub fn validate(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if ShardCount::new(self.shards).is_none() {
            faults.push("shards is not within 1 and 32767".to_string());
        }
        if self.lanes > usize::from(self.shards) {
            faults.push("lanes is above shards".to_string());
        }
        if self.queue_items == 0 {
            faults.push("queue_items is zero".to_string());
        }
        for (name, millis) in [
            ("sweep_interval_millis", self.sweep_interval_millis),
            ("sequence_interval_millis", self.sequence_interval_millis),
            ("purge_interval_millis", self.purge_interval_millis),
            ("poll_interval_millis", self.poll_interval_millis),
            ("drain_limit_millis", self.drain_limit_millis),
        ] {
            if millis == 0 {
                faults.push(format!("{name} is zero"));
            }
        }
        faults
    }

    /// The shard count; [`validate`](Self::validate) refuses what is none.
    #[must_use]
    pub fn shard_count(&self) -> ShardCount {
        ShardCount::new(self.shards).unwrap_or(ShardCount::DEFAULT)
    }

    pub(crate) fn lane_config(&self, usual_lanes: usize) -> LaneConfig {
        LaneConfig {
            lanes: if self.lanes == 0 { usual_lanes } else { self.lanes },
            queue_items: self.queue_items,
            ..LaneConfig::default()
        }
    }

    pub(crate) fn sweep_interval(&self) -> Duration {
        Duration::from_millis(self.sweep_interval_millis)
    }

    pub(crate) fn sequence_interval(&self) -> Duration {
        Duration::from_millis(self.sequence_interval_millis)
    }

    pub(crate) fn purge_interval(&self) -> Duration {
        Duration::from_millis(self.purge_interval_millis)
    }

    pub(crate) fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.poll_interval_millis)
    }

    pub(crate) fn drain_limit(&self) -> Duration {
        Duration::from_millis(self.drain_limit_millis)
    }
}
