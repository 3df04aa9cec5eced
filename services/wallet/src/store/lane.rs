//! What the engine asks of a database for one batch: lock and read, read more, write and commit.

use std::future::Future;

use chit_types::{KeyHash, Shard, Timestamp, WalletId};

use crate::domain::wallet::Repayment;
use crate::domain::{Changes, Grant, GrantId, Hold, HoldId, Past, Transaction, Wallet, WalletState};

/// Open grants that a wallet's row takes; further ones are rows.
pub const GRANTS_IN_ROW: usize = 64;
/// Unpaid lots that a wallet's row takes; further ones are rows.
pub const LOTS_IN_ROW: usize = 64;

/// Where a wallet's row is. Ordered as rows are locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WalletKey {
    /// Its shard.
    pub shard: Shard,
    /// Its id.
    pub id: WalletId,
}

/// What to read beside the locked rows. A `usize` is a wallet's place among those locked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadRequest {
    /// Transactions by their idempotency keys.
    pub keys: Vec<(usize, KeyHash)>,
    /// Holds by their ids.
    pub holds: Vec<(usize, HoldId)>,
    /// Wallets of which all open holds are wanted.
    pub open_holds: Vec<usize>,
    /// Closed grants.
    pub grants: Vec<(usize, GrantId)>,
    /// Past transactions with what was undone and repaid of them.
    pub past: Vec<(usize, i64)>,
}

impl LoadRequest {
    /// Asks for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

/// What was found of it.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Transactions found by key.
    pub transactions: Vec<(usize, Transaction)>,
    /// Holds found.
    pub holds: Vec<(usize, Hold)>,
    /// Closed grants found.
    pub grants: Vec<(usize, Grant)>,
    /// Past transactions found.
    pub past: Vec<(usize, Past)>,
}

/// What a batch did to one wallet.
#[derive(Clone, Copy, Debug)]
pub struct WalletWrite<'a> {
    /// The wallet afterwards, with its holds and closed grants.
    pub state: &'a WalletState,
    /// What changed.
    pub changes: &'a Changes,
    /// It has no row yet.
    pub is_new: bool,
    /// What is fixed of its open grants changed, or which are open.
    pub terms_changed: bool,
    /// Its overdraft limit, freeze, thresholds or version changed.
    pub settings_changed: bool,
    /// Its next due time before.
    pub due_before: Option<Timestamp>,
    /// As it was before, where its row was full.
    pub overflow_before: Option<&'a Wallet>,
}

/// A shard's row for the sequencer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The shard.
    pub shard: Shard,
    /// A fresh id.
    pub id: [u8; 16],
    /// When.
    pub at: Timestamp,
    /// What happened, as the feed keeps it.
    pub entries: String,
}

/// How a database failed a batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreFailure {
    /// Nothing was written; the same batch may succeed.
    #[error("{0}")]
    Transient(String),
    /// The connection was lost during COMMIT.
    #[error("{0}")]
    Unknown(String),
    /// The same batch would fail again.
    #[error("{0}")]
    Permanent(String),
}

/// One lane's database. A batch is `begin`, any number of `load`, `commit`; after any failure, `recover`.
pub trait LaneStore: Send + 'static {
    /// Begins and locks these wallets, which are in rising order and all different. `None` for those without a row.
    fn begin(
        &mut self,
        wallets: &[WalletKey],
    ) -> impl Future<Output = Result<Vec<Option<Wallet>>, StoreFailure>> + Send;

    /// Reads beside the locked rows, in a statement of its own: it sees what others committed before the lock.
    fn load(&mut self, request: &LoadRequest) -> impl Future<Output = Result<Loaded, StoreFailure>> + Send;

    /// Writes and commits; with nothing to write, ends the transaction.
    fn commit(
        &mut self,
        writes: &[WalletWrite<'_>],
        pending: &[Pending],
    ) -> impl Future<Output = Result<(), StoreFailure>> + Send;

    /// Forgets whatever is under way, so that the next `begin` starts afresh.
    fn recover(&mut self) -> impl Future<Output = ()> + Send;
}

/// Past transactions with their reversals and repayments, by wallet and number.
pub(super) fn assemble_past(
    transactions: Vec<(usize, Transaction)>,
    reversals: &[(usize, Transaction)],
    repayments: &[(usize, Repayment)],
) -> Vec<(usize, Past)> {
    let with_rest = |(place, transaction): (usize, Transaction)| {
        let seq = transaction.seq;
        let mine = |(at, one): &&(usize, Transaction)| *at == place && one.reverses == Some(seq);
        let repaid = |(at, one): &&(usize, Repayment)| *at == place && one.owed_seq == seq;
        let past = Past {
            reversals: reversals.iter().filter(mine).map(|(_, one)| one.clone()).collect(),
            repayments: repayments.iter().filter(repaid).map(|(_, one)| *one).collect(),
            transaction,
        };
        (place, past)
    };
    transactions.into_iter().map(with_rest).collect()
}
