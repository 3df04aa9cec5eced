//! Everything that is read outside a batch: always the primary's rows, so that a read after an acknowledged write
//! includes it, whichever pod wrote.

use chit_store::Database;
use chit_types::{Shard, Timestamp, WalletId};
use sea_orm::{ConnectionTrait, IsolationLevel, QueryResult, Statement, TransactionTrait, Value};

use super::lane::{GRANTS_IN_ROW, LOTS_IN_ROW};
use super::row::{self, Columns, RowError, shard_number};
use super::settings::failed;
use super::{Store, StoreFailure, WalletKey};
use crate::domain::verify::{Finding, Verifier};
use crate::domain::{Grant, GrantId, Hold, HoldId, Transaction, Wallet};
use crate::{grant_columns, hold_columns, transaction_columns, wallet_columns};

/// Transactions of a wallet are verified by pages of so many.
const VERIFY_PAGE: u64 = 1_000;
/// Rows of wallets asked for by id in one statement.
const IDS_AT_ONCE: usize = 500;

/// Which transactions, newest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// Only those with lower numbers.
    pub before: Option<i64>,
    /// Only those at or after this time.
    pub from: Option<Timestamp>,
    /// Only those before this time.
    pub until: Option<Timestamp>,
}

/// Names of so many wallets. CROSS JOIN: SQLite must not turn it around.
pub(super) fn names_sql(count: usize) -> String {
    let places: Vec<String> = (0..count).map(|at| format!("(${}, ${})", at * 2 + 1, at * 2 + 2)).collect();
    format!(
        "WITH k (shard, wallet_id) AS (VALUES {}) SELECT w.wallet_id, w.tenant, w.customer, w.unit \
           FROM k CROSS JOIN wallets w WHERE w.shard = k.shard AND w.wallet_id = k.wallet_id",
        places.join(", ")
    )
}

/// An id as a bind.
pub(super) fn id(bytes: [u8; 16]) -> Value {
    sea_orm::prelude::Uuid::from_bytes(bytes).into()
}

/// The binds that name a wallet.
fn of(key: WalletKey) -> Vec<Value> {
    vec![shard_number(key.shard).into(), id(key.id.0)]
}

fn with(key: WalletKey, more: impl IntoIterator<Item = Value>) -> Vec<Value> {
    of(key).into_iter().chain(more).collect()
}

fn failed_row(error: &RowError) -> StoreFailure {
    match error {
        RowError::SeaOrm(error) => failed(error),
        RowError::Sqlx(_) | RowError::Packed(_) => StoreFailure::Permanent(error.to_string()),
    }
}

/// Runs one of our statements and reads its rows.
pub(super) async fn all<T>(
    connection: &impl ConnectionTrait,
    sql: impl Into<String>,
    binds: Vec<Value>,
    read: impl Fn(&QueryResult, usize) -> Result<T, RowError>,
) -> Result<Vec<T>, StoreFailure> {
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, binds);
    let rows = connection.query_all_raw(statement).await.map_err(|error| failed(&error))?;
    rows.iter().map(|row| read(row, 0)).collect::<Result<_, _>>().map_err(|error| failed_row(&error))
}

const REPAYMENTS: &str = "SELECT r.owed_seq, r.seq, r.ordinal, r.grant_id, r.amount FROM repayments r \
       WHERE r.shard = $1 AND r.wallet_id = $2";
const REVERSED_BY: &str = "SELECT r.of_seq, r.seq FROM reversals r WHERE r.shard = $1 AND r.wallet_id = $2";
const WALLET: &str =
    concat!("SELECT ", wallet_columns!(), " FROM wallets w WHERE w.shard = $1 AND w.wallet_id = $2");
const OVERFLOW_GRANTS: &str = concat!(
    "SELECT ",
    grant_columns!(),
    " FROM grants g WHERE g.shard = $1 AND g.wallet_id = $2 AND g.overflow ORDER BY g.opened_by, g.grant_id"
);
const OVERFLOW_LOTS: &str =
    "SELECT l.seq, l.rest FROM owed_lots l WHERE l.shard = $1 AND l.wallet_id = $2 ORDER BY l.seq";
const OPEN_HOLDS: &str = concat!(
    "SELECT ",
    hold_columns!(),
    " FROM holds h WHERE h.shard = $1 AND h.wallet_id = $2 AND h.state = 1 AND h.hold_id > $3 \
       ORDER BY h.hold_id LIMIT $4"
);
const HOLD: &str = concat!(
    "SELECT ",
    hold_columns!(),
    " FROM holds h WHERE h.shard = $1 AND h.wallet_id = $2 AND h.hold_id = $3"
);
const TRANSACTIONS: &str = concat!(
    "SELECT ",
    transaction_columns!(),
    " FROM transactions t WHERE t.shard = $1 AND t.wallet_id = $2 AND t.seq > $3 AND t.seq <= $4 \
       ORDER BY t.seq LIMIT $5"
);
const NEWEST: &str = concat!(
    "SELECT ",
    transaction_columns!(),
    " FROM transactions t WHERE t.shard = $1 AND t.wallet_id = $2 AND t.seq < $3 AND t.at >= $4 AND t.at < $5 \
       ORDER BY t.seq DESC LIMIT $6"
);
const REVERSALS: &str = concat!(
    "SELECT ",
    transaction_columns!(),
    " FROM reversals r JOIN transactions t ON t.shard = r.shard AND t.wallet_id = r.wallet_id AND t.seq = r.seq \
       WHERE r.shard = $1 AND r.wallet_id = $2 AND r.of_seq = $3 ORDER BY t.seq"
);
const CLOSED_GRANTS: &str = concat!(
    "SELECT ",
    grant_columns!(),
    " FROM grants g WHERE g.shard = $1 AND g.wallet_id = $2 AND NOT g.open AND g.grant_id < $3 \
       ORDER BY g.grant_id DESC LIMIT $4"
);
const GRANT: &str = concat!(
    "SELECT ",
    grant_columns!(),
    " FROM grants g WHERE g.shard = $1 AND g.wallet_id = $2 AND g.grant_id = $3"
);
const WALLETS: &str = concat!(
    "SELECT ",
    wallet_columns!(),
    " FROM wallets w WHERE w.shard = $1 AND w.tenant = $2 AND w.wallet_id > $3 ORDER BY w.wallet_id LIMIT $4"
);

const COSTS: &str = "SELECT g.cost_basis FROM wallets w \
     JOIN grants g ON g.shard = w.shard AND g.wallet_id = w.wallet_id \
     WHERE w.tenant = $1 AND g.cost_basis <> 0 LIMIT 1";

const NO_LIMIT: u64 = i64::MAX as u64;

fn limited(limit: u64) -> Value {
    i64::try_from(limit).unwrap_or(i64::MAX).into()
}

async fn whole_wallet(
    connection: &impl ConnectionTrait,
    key: WalletKey,
) -> Result<Option<Wallet>, StoreFailure> {
    let mut wallets = all(connection, WALLET, of(key), row::wallet).await?;
    let Some(mut wallet) = wallets.pop() else {
        return Ok(None);
    };
    fill(connection, key, &mut wallet).await?;
    Ok(Some(wallet))
}

/// Adds what a full row did not take.
async fn fill(
    connection: &impl ConnectionTrait,
    key: WalletKey,
    wallet: &mut Wallet,
) -> Result<(), StoreFailure> {
    if wallet.grants.len() == GRANTS_IN_ROW {
        wallet.grants.extend(all(connection, OVERFLOW_GRANTS, of(key), row::grant).await?);
    }
    if wallet.lots.len() == LOTS_IN_ROW {
        wallet.lots.extend(all(connection, OVERFLOW_LOTS, of(key), row::lot).await?);
    }
    Ok(())
}

async fn snapshot(database: &Database) -> Result<sea_orm::DatabaseTransaction, StoreFailure> {
    let begun = match database.engine() {
        chit_store::Engine::Sqlite => database.reader().begin().await,
        chit_store::Engine::Postgres => {
            database.reader().begin_with_config(Some(IsolationLevel::RepeatableRead), None).await
        }
    };
    begun.map_err(|error| failed(&error))
}

impl Store {
    /// A wallet as stored, nothing folded in.
    ///
    /// # Errors
    /// When the database fails; so do all of these.
    pub async fn wallet(&self, key: WalletKey) -> Result<Option<Wallet>, StoreFailure> {
        match self {
            Store::Memory(memory) => Ok(memory.read().await.wallets.get(&key).cloned()),
            Store::Database(database) => {
                let transaction = database.reader();
                whole_wallet(transaction, key).await
            }
        }
    }

    /// A wallet and, where something is due in it at `now`, its open holds: both of one moment.
    pub async fn wallet_and_holds(
        &self,
        key: WalletKey,
        now: Timestamp,
    ) -> Result<Option<(Wallet, Vec<Hold>)>, StoreFailure> {
        let Some(wallet) = self.wallet(key).await? else {
            return Ok(None);
        };
        if wallet.next_due.is_none_or(|due| due > now) {
            return Ok(Some((wallet, Vec::new())));
        }
        match self {
            Store::Memory(_) => Ok(Some((wallet, self.open_holds(key, None, NO_LIMIT).await?))),
            Store::Database(database) => {
                let snapshot = snapshot(database).await?;
                let Some(wallet) = whole_wallet(&snapshot, key).await? else {
                    return Ok(None);
                };
                let binds = with(key, [id([0; 16]), limited(NO_LIMIT)]);
                let holds = all(&snapshot, OPEN_HOLDS, binds, row::hold).await?;
                snapshot.rollback().await.map_err(|error| failed(&error))?;
                Ok(Some((wallet, holds)))
            }
        }
    }

    /// Open holds, oldest first.
    pub async fn open_holds(
        &self,
        key: WalletKey,
        after: Option<HoldId>,
        limit: u64,
    ) -> Result<Vec<Hold>, StoreFailure> {
        match self {
            Store::Memory(memory) => Ok(memory.read().await.open_holds(key, after, limit)),
            Store::Database(database) => {
                let binds = with(key, [id(after.map_or([0; 16], |hold| hold.0)), limited(limit)]);
                all(database.reader(), OPEN_HOLDS, binds, row::hold).await
            }
        }
    }

    /// A hold's row, if it has one: open, or expired and not yet purged.
    pub async fn hold(&self, key: WalletKey, hold: HoldId) -> Result<Option<Hold>, StoreFailure> {
        match self {
            Store::Memory(memory) => Ok(memory.read().await.holds.get(&(key, hold)).cloned()),
            Store::Database(database) => {
                Ok(all(database.reader(), HOLD, with(key, [id(hold.0)]), row::hold).await?.pop())
            }
        }
    }

    /// Transactions by rising number, from after one up to another.
    pub async fn transactions(
        &self,
        key: WalletKey,
        after: i64,
        up_to: i64,
        limit: u64,
    ) -> Result<Vec<Transaction>, StoreFailure> {
        match self {
            Store::Memory(memory) => Ok(memory.read().await.transactions(key, after, up_to, limit)),
            Store::Database(database) => {
                let binds = with(key, [after.into(), up_to.into(), limited(limit)]);
                all(database.reader(), TRANSACTIONS, binds, row::transaction).await
            }
        }
    }

    /// Transactions by falling number.
    pub async fn newest(
        &self,
        key: WalletKey,
        span: Span,
        limit: u64,
    ) -> Result<Vec<Transaction>, StoreFailure> {
        match self {
            Store::Memory(memory) => Ok(memory.read().await.newest(key, span, limit)),
            Store::Database(database) => {
                let before = span.before.unwrap_or(i64::MAX);
                let from = span.from.map_or(i64::MIN, Timestamp::micros);
                let until = span.until.map_or(i64::MAX, Timestamp::micros);
                let binds = with(key, [before.into(), from.into(), until.into(), limited(limit)]);
                all(database.reader(), NEWEST, binds, row::transaction).await
            }
        }
    }

    /// What reversed a transaction, oldest first.
    pub async fn reversals(&self, key: WalletKey, seq: i64) -> Result<Vec<Transaction>, StoreFailure> {
        match self {
            Store::Memory(memory) => Ok(memory.read().await.reversals(key, seq)),
            Store::Database(database) => {
                all(database.reader(), REVERSALS, with(key, [seq.into()]), row::transaction).await
            }
        }
    }

    /// Closed grants, newest first.
    pub async fn closed_grants(
        &self,
        key: WalletKey,
        before: Option<GrantId>,
        limit: u64,
    ) -> Result<Vec<Grant>, StoreFailure> {
        match self {
            Store::Memory(memory) => Ok(memory.read().await.closed_grants(key, before, limit)),
            Store::Database(database) => {
                let before = id(before.map_or([0xff; 16], |grant| grant.0));
                all(database.reader(), CLOSED_GRANTS, with(key, [before, limited(limit)]), row::grant).await
            }
        }
    }

    /// A grant's own row: as it opened, or as it closed.
    pub async fn grant_row(&self, key: WalletKey, grant: GrantId) -> Result<Option<Grant>, StoreFailure> {
        match self {
            Store::Memory(memory) => Ok(memory.read().await.grants.get(&(key, grant)).cloned()),
            Store::Database(database) => {
                Ok(all(database.reader(), GRANT, with(key, [id(grant.0)]), row::grant).await?.pop())
            }
        }
    }

    /// A tenant's wallets in one shard, in order of their ids.
    pub async fn wallets(
        &self,
        tenant: &str,
        shard: Shard,
        after: Option<WalletId>,
        limit: u64,
    ) -> Result<Vec<Wallet>, StoreFailure> {
        let database = match self {
            Store::Memory(memory) => return Ok(memory.read().await.wallets_of(tenant, shard, after, limit)),
            Store::Database(database) => database,
        };
        let after = id(after.map_or([0; 16], |wallet| wallet.0));
        let binds = vec![shard_number(shard).into(), tenant.into(), after, limited(limit)];
        let mut wallets = all(database.reader(), WALLETS, binds, row::wallet).await?;
        for wallet in &mut wallets {
            let key = WalletKey { shard, id: wallet.id };
            fill(database.reader(), key, wallet).await?;
        }
        Ok(wallets)
    }

    /// Whether any grant of a tenant's has a cost: then it is told in the currency of that time.
    pub async fn has_costs(&self, tenant: &str) -> Result<bool, StoreFailure> {
        match self {
            Store::Memory(memory) => Ok(memory.read().await.has_costs(tenant)),
            Store::Database(database) => {
                let read = |row: &QueryResult, at: usize| row.int(at);
                Ok(!all(database.reader(), COSTS, vec![tenant.into()], read).await?.is_empty())
            }
        }
    }

    /// The names of wallets: tenant, customer, unit.
    pub async fn names(
        &self,
        keys: &[WalletKey],
    ) -> Result<Vec<(WalletId, String, String, String)>, StoreFailure> {
        let database = match self {
            Store::Memory(memory) => return Ok(memory.read().await.names(keys)),
            Store::Database(database) => database,
        };
        let mut found = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(IDS_AT_ONCE) {
            let sql = names_sql(chunk.len());
            let binds = chunk.iter().flat_map(|key| of(*key)).collect();
            let read = |row: &QueryResult, at: usize| {
                Ok((WalletId(row.id(at)?), row.text(at + 1)?, row.text(at + 2)?, row.text(at + 3)?))
            };
            found.extend(all(database.reader(), sql, binds, read).await?);
        }
        Ok(found)
    }

    /// A wallet recomputed from its transactions and compared with all its rows, of one moment.
    pub async fn verify(&self, key: WalletKey) -> Result<Option<(Wallet, Vec<Finding>)>, StoreFailure> {
        match self {
            Store::Memory(memory) => Ok(memory.read().await.verify(key)),
            Store::Database(database) => {
                let snapshot = snapshot(database).await?;
                let verified = verify(&snapshot, key).await;
                snapshot.rollback().await.map_err(|error| failed(&error))?;
                verified
            }
        }
    }
}

async fn verify(
    connection: &impl ConnectionTrait,
    key: WalletKey,
) -> Result<Option<(Wallet, Vec<Finding>)>, StoreFailure> {
    let Some(wallet) = whole_wallet(connection, key).await? else {
        return Ok(None);
    };
    let mut verifier = Verifier::new(&wallet);
    let mut after = 0;
    loop {
        let binds = with(key, [after.into(), i64::MAX.into(), limited(VERIFY_PAGE)]);
        let page = all(connection, TRANSACTIONS, binds, row::transaction).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        page.iter().for_each(|one| verifier.take(one));
    }
    let closed = with(key, [id([0xff; 16]), limited(NO_LIMIT)]);
    let closed = all(connection, CLOSED_GRANTS, closed, row::grant).await?;
    let holds = with(key, [id([0; 16]), limited(NO_LIMIT)]);
    let holds = all(connection, OPEN_HOLDS, holds, row::hold).await?;
    let repayments = all(connection, REPAYMENTS, with(key, []), row::repayment).await?;
    let reversals =
        all(connection, REVERSED_BY, with(key, []), |row, at| Ok((row.int(at)?, row.int(at + 1)?))).await?;
    verifier.compare_links(&repayments, &reversals);
    let findings = verifier.finish(&wallet, &closed, &holds);
    Ok(Some((wallet, findings)))
}
