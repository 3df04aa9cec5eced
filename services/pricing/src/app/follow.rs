//! Following everything that decides a price.

use std::time::Duration;

use tokio::sync::watch;

use super::{App, Fault};
use crate::store::Changes;

/// Where a follower stands.
#[derive(Debug)]
pub struct Follower {
    tenant: String,
    /// Everything up to here was told.
    position: i64,
    commits: watch::Receiver<u64>,
}

/// What a follower is told next.
#[derive(Debug)]
pub struct Told {
    /// Changes in order.
    pub changes: Changes,
    /// Nothing more was committed when this was read.
    pub caught_up: bool,
}

impl App {
    /// A follower that has been told everything up to `position`.
    #[must_use]
    pub fn follower(&self, tenant: &str, position: i64) -> Follower {
        Follower { tenant: tenant.to_string(), position, commits: self.commits.subscribe() }
    }

    /// What the follower has not been told yet, some of it.
    pub async fn tell(&self, follower: &mut Follower) -> Result<Told, Fault> {
        follower.commits.mark_unchanged();
        let head = self.store.head(&follower.tenant).await?;
        let changes = if head > follower.position {
            self.store.changes(&follower.tenant, follower.position, head).await?
        } else {
            Changes { items: Vec::new(), up_to: follower.position }
        };
        follower.position = changes.up_to;
        Ok(Told { caught_up: changes.up_to >= head, changes })
    }

    /// Waits for a commit of this process, or as long as commits of others may go unnoticed.
    pub async fn wait(&self, follower: &mut Follower) {
        let woken = follower.commits.changed();
        let _poll = tokio::time::timeout(self.config.poll_interval(), woken).await;
    }

    /// How often a stream that has nothing to tell says that it lives.
    #[must_use]
    pub fn heartbeat(&self) -> Duration {
        self.config.heartbeat()
    }
}
