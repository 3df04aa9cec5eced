//! Rows read back into nouns, the same way from either engine.

use std::time::Duration;

use chit_types::{Credits, Fingerprint, Hash, KeyHash, Origin, Shard, Timestamp, TransactionKind, WalletId};
use sea_orm::prelude::Uuid;
use sea_orm::sqlx::postgres::PgRow;
use sea_orm::sqlx::sqlite::SqliteRow;
use sea_orm::sqlx::{self, Row};
use sea_orm::{DbErr, QueryResult};

use super::encoding::{self, Unreadable};
use crate::domain::wallet::Repayment;
use crate::domain::{Grant, GrantId, Hold, HoldId, HoldState, Lot, Transaction, Wallet};

/// Why a row could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// The driver says so.
    #[error(transparent)]
    Sqlx(#[from] sqlx::Error),
    /// SeaORM says so.
    #[error(transparent)]
    SeaOrm(#[from] DbErr),
    /// A packed column says so.
    #[error(transparent)]
    Packed(#[from] Unreadable),
}

/// Columns by their place, whichever driver read them.
pub trait Columns {
    /// A whole number.
    fn int(&self, at: usize) -> Result<i64, RowError>;
    /// A whole number or nothing.
    fn optional_int(&self, at: usize) -> Result<Option<i64>, RowError>;
    /// A small whole number.
    fn small(&self, at: usize) -> Result<i16, RowError>;
    /// A small whole number or nothing.
    fn optional_small(&self, at: usize) -> Result<Option<i16>, RowError>;
    /// Yes or no.
    fn flag(&self, at: usize) -> Result<bool, RowError>;
    /// A text.
    fn text(&self, at: usize) -> Result<String, RowError>;
    /// A text or nothing.
    fn optional_text(&self, at: usize) -> Result<Option<String>, RowError>;
    /// Sixteen bytes.
    fn id(&self, at: usize) -> Result<[u8; 16], RowError>;
    /// Sixteen bytes or nothing.
    fn optional_id(&self, at: usize) -> Result<Option<[u8; 16]>, RowError>;
    /// Bytes or nothing.
    fn optional_bytes(&self, at: usize) -> Result<Option<Vec<u8>>, RowError>;

    /// So many bytes.
    fn bytes<const N: usize>(&self, at: usize) -> Result<[u8; N], RowError> {
        let bytes = self.optional_bytes(at)?.unwrap_or_default();
        bytes.try_into().map_err(|_| unreadable("bytes", "bytes of another length"))
    }
}

macro_rules! columns_of {
    ($row:ty, $get:ident) => {
        impl Columns for $row {
            fn int(&self, at: usize) -> Result<i64, RowError> {
                Ok(self.$get(at)?)
            }
            fn optional_int(&self, at: usize) -> Result<Option<i64>, RowError> {
                Ok(self.$get(at)?)
            }
            fn small(&self, at: usize) -> Result<i16, RowError> {
                Ok(self.$get(at)?)
            }
            fn optional_small(&self, at: usize) -> Result<Option<i16>, RowError> {
                Ok(self.$get(at)?)
            }
            fn flag(&self, at: usize) -> Result<bool, RowError> {
                Ok(self.$get(at)?)
            }
            fn text(&self, at: usize) -> Result<String, RowError> {
                Ok(self.$get(at)?)
            }
            fn optional_text(&self, at: usize) -> Result<Option<String>, RowError> {
                Ok(self.$get(at)?)
            }
            fn id(&self, at: usize) -> Result<[u8; 16], RowError> {
                let id: Uuid = self.$get(at)?;
                Ok(id.into_bytes())
            }
            fn optional_id(&self, at: usize) -> Result<Option<[u8; 16]>, RowError> {
                let id: Option<Uuid> = self.$get(at)?;
                Ok(id.map(Uuid::into_bytes))
            }
            fn optional_bytes(&self, at: usize) -> Result<Option<Vec<u8>>, RowError> {
                Ok(self.$get(at)?)
            }
        }
    };
}
columns_of!(PgRow, try_get);
columns_of!(SqliteRow, try_get);
columns_of!(QueryResult, try_get_by_index);

fn unreadable(column: &'static str, what: impl ToString) -> RowError {
    RowError::Packed(Unreadable { column, what: what.to_string() })
}

fn number(column: &'static str, value: i16) -> Result<u8, RowError> {
    u8::try_from(value).map_err(|error| unreadable(column, error))
}

/// The columns that [`wallet`] reads.
#[macro_export]
#[doc(hidden)]
macro_rules! wallet_columns {
    () => {
        "w.shard, w.wallet_id, w.tenant, w.customer, w.unit, w.test, w.closed, w.frozen_since, w.overdraft_limit, \
         w.thresholds, w.version, w.created_at, w.head, w.hash, w.last_at, w.available, w.scheduled, w.frozen, w.held, \
         w.owed, w.granted, w.spent, w.expired, w.revoked, w.next_due, w.grants_terms, w.rests, w.lots"
    };
}

/// Reads a wallet from its columns, which begin at `at`.
pub fn wallet(row: &impl Columns, at: usize) -> Result<Wallet, RowError> {
    let credits = |place| row.int(at + place).map(Credits::from_micros);
    let time = |place| row.int(at + place).map(Timestamp::from_micros);
    let thresholds = encoding::read_ints("thresholds", &row.text(at + 9)?)?;
    Ok(Wallet {
        shard: shard(row.small(at)?),
        id: WalletId(row.id(at + 1)?),
        tenant: row.text(at + 2)?,
        customer: row.text(at + 3)?,
        unit: row.text(at + 4)?,
        test: row.flag(at + 5)?,
        closed: row.flag(at + 6)?,
        frozen_since: row.optional_int(at + 7)?.map(Timestamp::from_micros),
        overdraft_limit: credits(8)?,
        thresholds: thresholds.into_iter().map(Credits::from_micros).collect(),
        version: row.int(at + 10)?,
        created_at: time(11)?,
        head: row.int(at + 12)?,
        hash: Hash(row.bytes(at + 13)?),
        last_at: time(14)?,
        available: credits(15)?,
        scheduled: credits(16)?,
        frozen: credits(17)?,
        held: credits(18)?,
        owed: credits(19)?,
        granted: credits(20)?,
        spent: credits(21)?,
        expired: credits(22)?,
        revoked: credits(23)?,
        next_due: row.optional_int(at + 24)?.map(Timestamp::from_micros),
        grants: encoding::read_grants(&row.text(at + 25)?, &row.text(at + 26)?)?,
        lots: encoding::read_lots(&row.text(at + 27)?)?,
    })
}

/// A stored shard.
#[must_use]
pub fn shard(number: i16) -> Shard {
    Shard(u16::try_from(number).unwrap_or_default())
}

/// A shard as it is stored.
#[must_use]
pub fn shard_number(shard: Shard) -> i16 {
    i16::try_from(shard.0).expect("a shard count is at most 32,767")
}

/// The columns that [`transaction`] reads.
#[macro_export]
#[doc(hidden)]
macro_rules! transaction_columns {
    () => {
        "t.wallet_id, t.seq, t.kind, t.origin, t.at, t.key_hash, t.fingerprint, t.amount, t.available, t.held, t.owed, \
         t.postings, t.event_type, t.hold_id, t.reverses, t.text_hash, t.hash, t.text_salt, t.text, t.extra"
    };
}

/// Reads a transaction from its columns, which begin at `at`.
pub fn transaction(row: &impl Columns, at: usize) -> Result<Transaction, RowError> {
    let credits = |place| row.int(at + place).map(Credits::from_micros);
    let hold = row.optional_id(at + 13)?.map(HoldId);
    let kind = TransactionKind::from_number(number("kind", row.small(at + 2)?)?);
    let text_hash = row.optional_bytes(at + 15)?.map(|bytes| bytes.try_into().map(Hash));
    let mut transaction = Transaction {
        wallet: WalletId(row.id(at)?),
        seq: row.int(at + 1)?,
        kind: kind.ok_or_else(|| unreadable("kind", "no such kind"))?,
        origin: origin(row.small(at + 3)?)?,
        at: Timestamp::from_micros(row.int(at + 4)?),
        key: KeyHash(row.id(at + 5)?),
        fingerprint: Fingerprint(row.bytes(at + 6)?),
        amount: credits(7)?,
        available: credits(8)?,
        held: credits(9)?,
        owed: credits(10)?,
        postings: encoding::read_postings(&row.text(at + 11)?, hold)?,
        event_type: row.text(at + 12)?,
        hold,
        reverses: row.optional_int(at + 14)?,
        text_hash: text_hash.transpose().map_err(|_| unreadable("text_hash", "bytes of another length"))?,
        grants: Vec::new(),
        hold_terms: None,
        committed: None,
        forgiven: Credits::ZERO,
        waived: Credits::ZERO,
        late: false,
        closed_hold: false,
        grant: None,
        claimed: Credits::ZERO,
        shortfall: None,
        hash: Hash(row.bytes(at + 16)?),
        text: None,
    };
    if let (Some(salt), Some(text)) = (row.optional_bytes(at + 17)?, row.optional_text(at + 18)?) {
        let salt = salt.try_into().map_err(|_| unreadable("text_salt", "bytes of another length"))?;
        transaction.text = Some(encoding::read_text(salt, &text)?);
    }
    if let Some(extra) = row.optional_text(at + 19)? {
        encoding::read_extra(&extra, &mut transaction)?;
    }
    Ok(transaction)
}

fn origin(value: i16) -> Result<Origin, RowError> {
    Origin::from_number(number("origin", value)?).ok_or_else(|| unreadable("origin", "no such origin"))
}

/// The columns that [`hold`] reads.
#[macro_export]
#[doc(hidden)]
macro_rules! hold_columns {
    () => {
        "h.hold_id, h.origin, h.state, h.amount, h.draws, h.borrowed, h.committed, h.uncharged, h.parts, h.event_type, \
         h.created_at, h.expires_at, h.grace_seconds"
    };
}

/// Reads a hold from its columns, which begin at `at`.
pub fn hold(row: &impl Columns, at: usize) -> Result<Hold, RowError> {
    let credits = |place| row.int(at + place).map(Credits::from_micros);
    let state = match row.small(at + 2)? {
        1 => HoldState::Open,
        3 => HoldState::Expired,
        other => return Err(unreadable("state", other)),
    };
    let grace = u64::try_from(row.int(at + 12)?).map_err(|error| unreadable("grace_seconds", error))?;
    Ok(Hold {
        id: HoldId(row.id(at)?),
        origin: origin(row.small(at + 1)?)?,
        state,
        amount: credits(3)?,
        draws: encoding::read_draws(&row.text(at + 4)?)?,
        borrowed: credits(5)?,
        committed: credits(6)?,
        uncharged: credits(7)?,
        parts: encoding::read_ints("parts", &row.text(at + 8)?)?,
        event_type: row.text(at + 9)?,
        created_at: Timestamp::from_micros(row.int(at + 10)?),
        expires_at: Timestamp::from_micros(row.int(at + 11)?),
        grace: Duration::from_secs(grace),
    })
}

/// The columns that [`grant`] reads.
#[macro_export]
#[doc(hidden)]
macro_rules! grant_columns {
    () => {
        "g.grant_id, g.source, g.amount, g.rest, g.held, g.priority, g.effective_at, g.expires_at, g.event_types, \
         g.cost_basis, g.owed_policy, g.period_end, g.rollover, g.paid_nanos, g.paid_currency, g.state, g.renewed, \
         g.revoke_shortfall, g.opened_by, g.removed"
    };
}

/// Reads a grant from its columns, which begin at `at`.
pub fn grant(row: &impl Columns, at: usize) -> Result<Grant, RowError> {
    let credits = |place| row.int(at + place).map(Credits::from_micros);
    let paid = row.optional_int(at + 13)?.zip(row.optional_text(at + 14)?);
    let shortfall = row.optional_small(at + 17)?;
    Ok(Grant {
        id: GrantId(row.id(at)?),
        source: encoding::source(number("source", row.small(at + 1)?)?)?,
        amount: credits(2)?,
        rest: credits(3)?,
        held: credits(4)?,
        priority: u16::try_from(row.small(at + 5)?).unwrap_or_default(),
        effective_at: Timestamp::from_micros(row.int(at + 6)?),
        expires_at: row.optional_int(at + 7)?.map(Timestamp::from_micros),
        event_types: encoding::read_texts("event_types", &row.text(at + 8)?)?,
        cost_basis: row.int(at + 9)?,
        owed_policy: encoding::owed_policy(number("owed_policy", row.small(at + 10)?)?)?,
        period_end: row.optional_int(at + 11)?.map(Timestamp::from_micros),
        rollover: row.flag(at + 12)?,
        paid: paid.map(|(nanos, currency)| crate::domain::Paid { nanos, currency }),
        state: encoding::grant_state(number("state", row.small(at + 15)?)?)?,
        renewed: row.flag(at + 16)?,
        revoke_shortfall: match shortfall {
            Some(value) => Some(encoding::shortfall(number("revoke_shortfall", value)?)?),
            None => None,
        },
        opened_by: row.int(at + 18)?,
        removed: credits(19)?,
    })
}

/// Reads a repayment: owed_seq, seq, ordinal, grant_id, amount, which begin at `at`.
pub fn repayment(row: &impl Columns, at: usize) -> Result<Repayment, RowError> {
    Ok(Repayment {
        owed_seq: row.int(at)?,
        seq: row.int(at + 1)?,
        ordinal: u32::try_from(row.int(at + 2)?).unwrap_or_default(),
        grant: row.optional_id(at + 3)?.map(GrantId),
        amount: Credits::from_micros(row.int(at + 4)?),
    })
}

/// Reads a lot: seq, rest, which begin at `at`.
pub fn lot(row: &impl Columns, at: usize) -> Result<Lot, RowError> {
    Ok(Lot { seq: row.int(at)?, rest: Credits::from_micros(row.int(at + 1)?) })
}
