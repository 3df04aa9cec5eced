//! What an operator may set, with its reasons.

use std::time::Duration;

use chit_batch::LaneConfig;
use serde::Deserialize;

/// Writers: cores + 1 of a small database.
const LANES: usize = 3;
/// A step this old is not in flight in a healthy pod any more.
const SETTLE_AFTER_MILLIS: u64 = 2_000;
/// How often the settler looks: an ACCEPTED event that a crash left behind is deducted about this late.
const SETTLE_INTERVAL_MILLIS: u64 = 1_000;
/// How often ended authorizations are closed.
const CLOSE_INTERVAL_MILLIS: u64 = 5_000;

/// Metering's settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Writer tasks of this pod.
    pub lanes: usize,
    /// How long a stored step may be in flight before the settler sends it again, in milliseconds.
    pub settle_after_millis: u64,
    /// How often the settler looks, in milliseconds.
    pub settle_interval_millis: u64,
    /// How often ended authorizations are closed, in milliseconds.
    pub close_interval_millis: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            lanes: LANES,
            settle_after_millis: SETTLE_AFTER_MILLIS,
            settle_interval_millis: SETTLE_INTERVAL_MILLIS,
            close_interval_millis: CLOSE_INTERVAL_MILLIS,
        }
    }
}

impl Config {
    /// Everything that is wrong with these settings.
    #[must_use]
    pub fn validate(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !(1..=64).contains(&self.lanes) {
            faults.push("lanes is not within 1 and 64".to_string());
        }
        if self.settle_interval_millis == 0 {
            faults.push("settle_interval_millis is zero".to_string());
        }
        if self.close_interval_millis == 0 {
            faults.push("close_interval_millis is zero".to_string());
        }
        faults
    }

    pub(crate) fn lane_config(&self) -> LaneConfig {
        LaneConfig { lanes: self.lanes, ..LaneConfig::default() }
    }

    pub(crate) fn settle_after(&self) -> Duration {
        Duration::from_millis(self.settle_after_millis)
    }

    pub(crate) fn settle_interval(&self) -> Duration {
        Duration::from_millis(self.settle_interval_millis)
    }

    pub(crate) fn close_interval(&self) -> Duration {
        Duration::from_millis(self.close_interval_millis)
    }
}
