//! Who waits for a wallet to change in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chit_types::WalletId;
use tokio::sync::watch;

/// Wakes when a batch of this process changed the wallet.
#[derive(Debug)]
pub struct Watch(watch::Receiver<u64>);

impl Watch {
    /// Returns after the next change, or at once if there was one since the last call.
    pub async fn changed(&mut self) {
        // The sender goes only when the desk does; then nothing changes any more.
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

type ByWallet = HashMap<WalletId, watch::Sender<u64>>;

/// Everyone who waits.
#[derive(Clone, Debug, Default)]
pub(super) struct Watchers(Arc<Mutex<ByWallet>>);

impl Watchers {
    pub fn watch(&self, wallet: WalletId) -> Watch {
        let mut waiting = self.lock();
        // Those who left are forgotten when someone else comes, so the map is as large as those who wait.
        waiting.retain(|id, sender| *id == wallet || sender.receiver_count() > 0);
        Watch(waiting.entry(wallet).or_insert_with(|| watch::Sender::new(0)).subscribe())
    }

    /// Wakes those who wait for any of these.
    pub fn wake(&self, wallets: impl Iterator<Item = WalletId>) {
        let waiting = self.lock();
        if waiting.is_empty() {
            return;
        }
        for wallet in wallets {
            if let Some(sender) = waiting.get(&wallet) {
                sender.send_modify(|count| *count += 1);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ByWallet> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
