//! The desk: commands queue in lanes, a lane decides what waits as one batch and answers after the commit.
//!
//! Reading order: `command` (what is asked and answered), `worker` (one batch), `decide` (each command of it in turn),
//! `load` (what must be read for that), `settings` (tenants' settings, kept near), `watch` (who waits for a change),
//! `reader` (everything that changes nothing).

mod command;
mod decide;
mod entries;
mod load;
mod reader;
mod settings;
mod watch;
mod worker;

use std::fmt::{self, Debug};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chit_batch::{Drained, LaneConfig, LaneStats, Lanes};
use chit_types::{Clock, IdSource, ShardCount};
use tokio::time::Instant;

pub use command::{Answer, Command, Fault, Freeze, Purpose, WalletRef};
pub use entries::{Event, FeedEntry};
pub use reader::{
    ClosedGrants, FeedContent, FeedPage, GrantsPage, ReadFault, Reader, Verification, WalletNow,
};
pub use settings::SettingsCache;
pub use watch::Watch;

pub use crate::store::reads::Span;
pub use crate::store::settings::SaveFault;

use crate::store::{AnyLane, Store};
use watch::Watchers;
use worker::{Item, LaneWorker};

/// What a desk and its reader are made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Where the ledger is.
    pub store: Store,
    /// The installation's shard count.
    pub shards: ShardCount,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes new ids.
    pub ids: Arc<dyn IdSource>,
}

/// Takes commands. Clones share the lanes.
#[derive(Clone)]
pub struct Desk {
    lanes: Lanes<LaneWorker<AnyLane>>,
    shards: ShardCount,
    settings: SettingsCache,
    watchers: Watchers,
}

impl Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("shards", &self.shards).finish_non_exhaustive()
    }
}

impl Desk {
    /// Starts the lanes, as many as suit the database, on the current tokio runtime.
    #[must_use]
    pub fn start(parts: &Parts) -> Self {
        let lanes = parts.store.usual_lanes();
        Self::start_with(parts, LaneConfig { lanes, ..LaneConfig::default() })
    }

    /// Starts the lanes with bounds of one's own.
    #[must_use]
    pub fn start_with(parts: &Parts, config: LaneConfig) -> Self {
        let settings = SettingsCache::new(parts.store.clone(), Arc::clone(&parts.clock));
        let watchers = Watchers::default();
        let worker = |_| LaneWorker::new(parts, parts.store.lane(), settings.clone(), watchers.clone());
        Self { lanes: Lanes::start(config, worker), shards: parts.shards, settings, watchers }
    }

    /// Carries out one command. Dropping the future before work on it began withdraws it.
    pub fn submit(
        &self,
        wallet: WalletRef,
        command: Command,
        deadline: Option<Instant>,
    ) -> impl Future<Output = Result<Answer, Fault>> + Send + use<> {
        let item = Item::new(wallet, command, self.shards);
        let pending = self.lanes.submit(item.key.shard.0, item, deadline);
        async move { flat(pending.await) }
    }

    /// Carries out many, each by itself: one answer each, in their order.
    pub fn submit_many(
        &self,
        commands: Vec<(WalletRef, Command)>,
        deadline: Option<Instant>,
    ) -> impl Future<Output = Vec<Result<Answer, Fault>>> + Send + use<> {
        let item = |(wallet, command)| {
            let item = Item::new(wallet, command, self.shards);
            (item.key.shard.0, item)
        };
        let pending = self.lanes.submit_many(commands.into_iter().map(item).collect(), deadline);
        async move { pending.await.into_iter().map(flat).collect() }
    }

    /// Carries out one command and calls `reply` with its answer, on the lane's task: it must be quick. Waits for a
    /// place in the queue instead of answering `Overloaded`: for a stream, which stops reading and drops nothing.
    pub async fn submit_when_room(
        &self,
        wallet: WalletRef,
        command: Command,
        deadline: Option<Instant>,
        reply: impl FnOnce(Result<Answer, Fault>) + Send + 'static,
    ) {
        let item = Item::new(wallet, command, self.shards);
        let shard = item.key.shard.0;
        self.lanes.submit_when_room(shard, item, deadline, |answer| reply(flat(answer))).await;
    }

    /// Tenants' settings: read here, and changed here, so that this desk knows at once.
    #[must_use]
    pub fn settings(&self) -> &SettingsCache {
        &self.settings
    }

    /// Wakes when this process changes the wallet. Another pod's changes are found by looking, every second or so.
    #[must_use]
    pub fn watch(&self, wallet: &WalletRef) -> Watch {
        self.watchers.watch(wallet.id())
    }

    /// Every lane's depth and counters.
    #[must_use]
    pub fn stats(&self) -> Vec<LaneStats> {
        self.lanes.stats()
    }

    /// Stops the intake, works off what is queued, for at most `limit`.
    pub async fn drain(&self, limit: Duration) -> Drained {
        self.lanes.drain(limit).await
    }
}

fn flat(answer: Result<Result<Answer, Fault>, chit_batch::LaneError>) -> Result<Answer, Fault> {
    answer?
}
