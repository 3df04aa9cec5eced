//! One lane at work: a batch is locked, read, decided, written, committed; then its callers are answered.

use std::sync::Arc;

use chit_batch::{Failure, Worker};
use chit_types::{Clock, IdSource, ShardCount};

use super::command::{Answer, Command, Fault, WalletRef};
use super::decide::Batch;
use super::settings::SettingsCache;
use super::watch::Watchers;
use super::{Parts, load};
use crate::store::{LaneStore, StoreFailure, WalletKey};

/// A command in a queue.
#[derive(Debug)]
pub(super) struct Item {
    pub wallet: WalletRef,
    pub key: WalletKey,
    pub command: Command,
}

impl Item {
    pub fn new(wallet: WalletRef, command: Command, shards: ShardCount) -> Self {
        let key = WalletKey { shard: wallet.shard(shards), id: wallet.id() };
        Self { wallet, key, command }
    }
}

/// A lane's worker over any database.
pub(super) struct LaneWorker<S> {
    store: S,
    settings: SettingsCache,
    watchers: Watchers,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
}

impl<S: LaneStore> LaneWorker<S> {
    pub fn new(parts: &Parts, store: S, settings: SettingsCache, watchers: Watchers) -> Self {
        Self { store, settings, watchers, clock: Arc::clone(&parts.clock), ids: Arc::clone(&parts.ids) }
    }

    async fn batch(&mut self, items: &[Item]) -> Result<Vec<Result<Answer, Fault>>, StoreFailure> {
        let settings = self.settings.of_all(items.iter().map(|item| &item.wallet.tenant)).await?;
        let (keys, places) = load::places(items);
        let wallets = self.store.begin(&keys).await?;
        // After the lock: whoever held these rows before us has told the time before us.
        let mut batch = Batch::new(items, &places, wallets, &settings, self.clock.now(), self.ids.as_ref());
        load::all(&mut self.store, &mut batch, items, &places).await?;
        let answers = batch.decide(items, &places);
        let pending = batch.pending();
        let writes = batch.writes();
        self.store.commit(&writes, &pending).await?;
        self.watchers.wake(writes.iter().map(|write| write.state.wallet.id));
        Ok(answers)
    }
}

impl<S: LaneStore> Worker for LaneWorker<S> {
    type Item = Item;
    type Answer = Result<Answer, Fault>;

    async fn attempt(&mut self, batch: &[Item]) -> Result<Vec<Self::Answer>, Failure> {
        self.batch(batch).await.map_err(|failure| match failure {
            StoreFailure::Transient(why) => Failure::Transient(why),
            StoreFailure::Unknown(why) => Failure::Unknown(why),
            StoreFailure::Permanent(why) => Failure::Permanent(why),
        })
    }

    async fn recover(&mut self, _after: &Failure) {
        self.store.recover().await;
    }

    fn weight(item: &Item) -> usize {
        /// What an item costs in memory and in a statement's binds beside its texts.
        const BASE: usize = 512;
        let text = match &item.command {
            Command::Apply(envelope) => {
                let details = &envelope.details;
                let pairs = details.metadata.iter().map(|(key, value)| key.len() + value.len());
                details.description.len() + details.reference.len() + pairs.sum::<usize>()
            }
            Command::Create { .. } | Command::Update { .. } | Command::BookDue => 0,
        };
        BASE + text
    }

    fn group(item: &Item) -> [u8; 16] {
        item.key.id.0
    }
}
