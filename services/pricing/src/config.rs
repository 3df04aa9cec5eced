//! What an operator may set, with its reasons.

use std::time::Duration;

use serde::Deserialize;

/// A published version reaches every follower in well under this time, so that no two pods price the
/// same instant by different versions.
pub const PUBLISH_LEAD: Duration = Duration::from_secs(1);
/// How often a follower looks for what another pod committed; a quarter of the publish lead.
pub const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// A stream says that it lives this often; the contract promises it.
pub const HEARTBEAT: Duration = Duration::from_secs(10);

/// Pricing's settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long before it counts something must be published, in milliseconds.
    pub publish_lead_millis: u64,
    /// How often a follower looks for what another pod committed, in milliseconds.
    pub poll_interval_millis: u64,
    /// How often a stream without changes says that it lives, in milliseconds.
    pub heartbeat_millis: u64,
}

impl Default for Config {
    fn default() -> Self {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Self {
            publish_lead_millis: millis(PUBLISH_LEAD),
            poll_interval_millis: millis(POLL_INTERVAL),
            heartbeat_millis: millis(HEARTBEAT),
        }
    }
}

impl Config {
    /// Everything that is wrong with these settings.
    #[must_use]
    pub fn validate(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.poll_interval_millis == 0 {
            faults.push("poll_interval_millis is zero".to_string());
        }
        if self.publish_lead_millis < self.poll_interval_millis.saturating_mul(2) {
            faults.push("publish_lead_millis is below twice poll_interval_millis".to_string());
        }
        if !(1..=HEARTBEAT.as_millis()).contains(&u128::from(self.heartbeat_millis)) {
            faults.push("heartbeat_millis is not within 1 and 10000".to_string());
        }
        faults
    }

    pub(crate) fn publish_lead(&self) -> Duration {
        Duration::from_millis(self.publish_lead_millis)
    }

    pub(crate) fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.poll_interval_millis)
    }

    pub(crate) fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.heartbeat_millis)
    }
}
