//! Books what is due in wallets that nobody touches, by the same lanes and the same rule as any operation does.

use chit_types::{Shard, Timestamp};

use crate::engine::{Command, Desk, Fault, Parts, WalletRef};
use crate::store::StoreFailure;

/// Wallets of one shard swept in one go; the next run takes the next.
const WALLETS_AT_ONCE: u64 = 500;

/// Books what is due by `now`. Answers in how many wallets something was looked at.
///
/// # Errors
/// When due wallets cannot be read; what lanes could not take is left for the next run.
pub async fn sweep(parts: &Parts, desk: &Desk, now: Timestamp) -> Result<usize, StoreFailure> {
    let mut swept = 0;
    for shard in (0..parts.shards.get()).map(Shard) {
        let due = parts.store.due(&[shard], now, WALLETS_AT_ONCE).await?;
        if due.is_empty() {
            continue;
        }
        let names = parts.store.names(&due).await?;
        let command = |(_, tenant, customer, unit): (_, String, String, String)| {
            (WalletRef::new(tenant, customer, unit), Command::BookDue)
        };
        let answers = desk.submit_many(names.into_iter().map(command).collect(), None).await;
        swept += answers.iter().filter(|answer| answer.is_ok()).count();
        for fault in answers.into_iter().filter_map(Result::err) {
            match fault {
                Fault::Draining => return Ok(swept),
                Fault::Refused(_)
                | Fault::VersionConflict { .. }
                | Fault::Overloaded { .. }
                | Fault::DeadlinePassed
                | Fault::Unavailable(_)
                | Fault::Internal(_) => tracing::warn!(%fault, shard = shard.0, "a wallet was not swept"),
            }
        }
    }
    Ok(swept)
}
