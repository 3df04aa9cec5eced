//! Every statement of a batch on SQLite.
//!
//! SQLite's planner knows no table's size and would now and then turn a join around: scan a million wallets and look
//! each up in an index made for the short list. So reads say CROSS JOIN, which keeps the order, deletes choose rows by
//! a read, updates hide the list's columns behind a `+`, so that no index can be made for them, and where it would make
//! one of a narrow table it is told which to use. A test reads the plans.

use chit_store::ValuesStatement;

use crate::{grant_columns, hold_columns, transaction_columns, wallet_columns};

const INPUT: &str = "WITH k (place, shard, wallet_id) AS (VALUES";
const INPUT_AND: &str = "WITH k (place, shard, wallet_id, what) AS (VALUES";

// CROSS JOIN keeps SQLite from turning the join around: the short list leads, the key's index follows.
pub(super) const LOCK: ValuesStatement = ValuesStatement {
    head: INPUT,
    columns: 3,
    tail: concat!(
        ") SELECT k.place, ",
        wallet_columns!(),
        " FROM k CROSS JOIN wallets w ON w.shard = k.shard AND w.wallet_id = k.wallet_id"
    ),
};
pub(super) const FIND_OVERFLOW_GRANTS: ValuesStatement = ValuesStatement {
    head: INPUT,
    columns: 3,
    tail: concat!(
        ") SELECT k.place, ",
        grant_columns!(),
        " FROM k CROSS JOIN grants g ON g.shard = k.shard AND g.wallet_id = k.wallet_id AND g.overflow \
           ORDER BY k.place, g.opened_by, g.grant_id"
    ),
};
pub(super) const FIND_OVERFLOW_LOTS: ValuesStatement = ValuesStatement {
    head: INPUT,
    columns: 3,
    tail: ") SELECT k.place, l.seq, l.rest FROM k CROSS JOIN owed_lots l INDEXED BY sqlite_autoindex_owed_lots_1 \
             ON l.shard = k.shard AND l.wallet_id = k.wallet_id ORDER BY k.place, l.seq",
};
pub(super) const FIND_KEYS: ValuesStatement = ValuesStatement {
    head: INPUT_AND,
    columns: 4,
    tail: concat!(
        ") SELECT k.place, ",
        transaction_columns!(),
        " FROM k CROSS JOIN transactions t \
           ON t.shard = k.shard AND t.wallet_id = k.wallet_id AND t.key_hash = k.what"
    ),
};
pub(super) const FIND_HOLDS: ValuesStatement = ValuesStatement {
    head: INPUT_AND,
    columns: 4,
    tail: concat!(
        ") SELECT k.place, ",
        hold_columns!(),
        " FROM k CROSS JOIN holds h ON h.shard = k.shard AND h.wallet_id = k.wallet_id AND h.hold_id = k.what"
    ),
};
pub(super) const FIND_OPEN_HOLDS: ValuesStatement = ValuesStatement {
    head: INPUT,
    columns: 3,
    tail: concat!(
        ") SELECT k.place, ",
        hold_columns!(),
        " FROM k CROSS JOIN holds h ON h.shard = k.shard AND h.wallet_id = k.wallet_id AND h.state = 1"
    ),
};
pub(super) const FIND_GRANTS: ValuesStatement = ValuesStatement {
    head: INPUT_AND,
    columns: 4,
    tail: concat!(
        ") SELECT k.place, ",
        grant_columns!(),
        " FROM k CROSS JOIN grants g ON g.shard = k.shard AND g.wallet_id = k.wallet_id AND g.grant_id = k.what"
    ),
};
pub(super) const FIND_PAST: ValuesStatement = ValuesStatement {
    head: INPUT_AND,
    columns: 4,
    tail: concat!(
        ") SELECT k.place, ",
        transaction_columns!(),
        " FROM k CROSS JOIN transactions t ON t.shard = k.shard AND t.wallet_id = k.wallet_id AND t.seq = k.what"
    ),
};
pub(super) const FIND_PAST_REVERSALS: ValuesStatement = ValuesStatement {
    head: INPUT_AND,
    columns: 4,
    tail: concat!(
        ") SELECT k.place, ",
        transaction_columns!(),
        " FROM k CROSS JOIN reversals r ON r.shard = k.shard AND r.wallet_id = k.wallet_id AND r.of_seq = k.what \
           CROSS JOIN transactions t ON t.shard = k.shard AND t.wallet_id = k.wallet_id AND t.seq = r.seq \
           ORDER BY t.seq"
    ),
};
pub(super) const FIND_PAST_REPAYMENTS: ValuesStatement = ValuesStatement {
    head: INPUT_AND,
    columns: 4,
    tail: ") SELECT k.place, r.owed_seq, r.seq, r.ordinal, r.grant_id, r.amount FROM k \
             CROSS JOIN repayments r INDEXED BY sqlite_autoindex_repayments_1 \
             ON r.shard = k.shard AND r.wallet_id = k.wallet_id AND r.owed_seq = k.what ORDER BY r.seq, r.ordinal",
};

pub(super) const NEW_WALLETS: ValuesStatement = ValuesStatement {
    head: "INSERT INTO wallets (shard, wallet_id, tenant, customer, unit, test, overdraft_limit, thresholds, \
           version, created_at, frozen_since, grants_terms, head, last_at, available, scheduled, frozen, held, \
           owed, granted, spent, expired, revoked, next_due, hash, rests, lots) VALUES",
    columns: 27,
    tail: "",
};

pub(super) const WALLETS: ValuesStatement = ValuesStatement {
    head: "WITH u (shard, wallet_id, grants_terms, head, last_at, available, scheduled, frozen, held, owed, \
           granted, spent, expired, revoked, next_due, hash, rests, lots) AS (VALUES",
    columns: 18,
    tail: ") UPDATE wallets AS w SET head = u.head, last_at = u.last_at, available = u.available, \
           scheduled = u.scheduled, frozen = u.frozen, held = u.held, owed = u.owed, granted = u.granted, \
           spent = u.spent, expired = u.expired, revoked = u.revoked, next_due = u.next_due, hash = u.hash, \
           rests = u.rests, lots = u.lots, grants_terms = COALESCE(u.grants_terms, w.grants_terms) \
           FROM u WHERE w.shard = +u.shard AND w.wallet_id = +u.wallet_id",
};

pub(super) const WALLET_SETTINGS: ValuesStatement = ValuesStatement {
    head: "WITH u (shard, wallet_id, overdraft_limit, thresholds, version, frozen_since) AS (VALUES",
    columns: 6,
    tail: ") UPDATE wallets AS w SET overdraft_limit = u.overdraft_limit, thresholds = u.thresholds, \
           version = u.version, frozen_since = u.frozen_since \
           FROM u WHERE w.shard = +u.shard AND w.wallet_id = +u.wallet_id",
};

pub(super) const TRANSACTIONS: ValuesStatement = ValuesStatement {
    head: "INSERT INTO transactions (shard, wallet_id, seq, kind, origin, at, key_hash, fingerprint, amount, \
           available, held, owed, postings, event_type, hash, hold_id, reverses, text_hash, text_salt, text, \
           extra) VALUES",
    columns: 21,
    tail: "",
};

pub(super) const HOLDS: ValuesStatement = ValuesStatement {
    head: "INSERT INTO holds (shard, wallet_id, hold_id, origin, state, amount, draws, borrowed, committed, \
           uncharged, parts, event_type, created_at, expires_at, grace_seconds) VALUES",
    columns: 15,
    tail: "ON CONFLICT (shard, wallet_id, hold_id) DO UPDATE SET state = excluded.state, \
           amount = excluded.amount, draws = excluded.draws, borrowed = excluded.borrowed, \
           committed = excluded.committed, uncharged = excluded.uncharged, parts = excluded.parts, \
           expires_at = excluded.expires_at, grace_seconds = excluded.grace_seconds",
};

pub(super) const HOLDS_GONE: ValuesStatement = ValuesStatement {
    head: "WITH u (shard, wallet_id, hold_id) AS (VALUES",
    columns: 3,
    tail: ") DELETE FROM holds WHERE rowid IN (SELECT h.rowid FROM u CROSS JOIN holds h \
           ON h.shard = u.shard AND h.wallet_id = u.wallet_id AND h.hold_id = u.hold_id)",
};

pub(super) const GRANTS: ValuesStatement = ValuesStatement {
    head: "INSERT INTO grants (shard, wallet_id, grant_id, source, state, owed_policy, priority, \
           revoke_shortfall, rollover, renewed, open, overflow, opened_by, amount, rest, held, effective_at, \
           expires_at, cost_basis, period_end, paid_nanos, paid_currency, event_types, removed) VALUES",
    columns: 24,
    tail: "ON CONFLICT (shard, wallet_id, grant_id) DO UPDATE SET state = excluded.state, \
           open = excluded.open, revoke_shortfall = excluded.revoke_shortfall, renewed = excluded.renewed, \
           overflow = excluded.overflow, rest = excluded.rest, held = excluded.held, removed = excluded.removed, \
           effective_at = excluded.effective_at, expires_at = excluded.expires_at",
};

pub(super) const LOTS: ValuesStatement = ValuesStatement {
    head: "INSERT INTO owed_lots (shard, wallet_id, seq, rest) VALUES",
    columns: 4,
    tail: "ON CONFLICT (shard, wallet_id, seq) DO UPDATE SET rest = excluded.rest",
};

pub(super) const LOTS_GONE: ValuesStatement = ValuesStatement {
    head: "WITH u (shard, wallet_id, seq) AS (VALUES",
    columns: 3,
    tail: ") DELETE FROM owed_lots WHERE rowid IN (SELECT l.rowid FROM u CROSS JOIN owed_lots l \
           ON l.shard = u.shard AND l.wallet_id = u.wallet_id AND l.seq = u.seq)",
};

pub(super) const REPAYMENTS: ValuesStatement = ValuesStatement {
    head: "INSERT INTO repayments (shard, wallet_id, owed_seq, seq, ordinal, grant_id, amount) VALUES",
    columns: 7,
    tail: "",
};

pub(super) const REVERSALS: ValuesStatement = ValuesStatement {
    head: "INSERT INTO reversals (shard, wallet_id, of_seq, seq) VALUES",
    columns: 4,
    tail: "",
};

pub(super) const DUES: ValuesStatement = ValuesStatement {
    head: "INSERT INTO wallet_due (shard, wallet_id, due_at) VALUES",
    columns: 3,
    tail: "ON CONFLICT (shard, wallet_id) DO UPDATE SET due_at = excluded.due_at",
};

pub(super) const DUES_GONE: ValuesStatement = ValuesStatement {
    head: "WITH u (shard, wallet_id) AS (VALUES",
    columns: 2,
    tail: ") DELETE FROM wallet_due WHERE rowid IN (SELECT d.rowid FROM u CROSS JOIN wallet_due d \
           ON d.shard = u.shard AND d.wallet_id = u.wallet_id)",
};

pub(super) const PENDING: ValuesStatement = ValuesStatement {
    head: "INSERT INTO feed_pending (shard, pending_id, at, entries) VALUES",
    columns: 4,
    tail: "",
};

#[cfg(test)]
mod tests {
    use chit_store::Database;
    use chit_types::{ShardCount, Timestamp};
    use sea_orm::sqlx::{self, AssertSqlSafe, Row};

    use super::*;
    use crate::store::MIGRATIONS;

    #[tokio::test]
    async fn no_statement_scans_a_table() {
        let folder = chit_testkit::temp_data_dir();
        let database = Database::sqlite(folder.path().join("plans.db")).await.unwrap();
        MIGRATIONS.run(&database, ShardCount::DEFAULT, Timestamp::EPOCH).await.unwrap();
        let statements = [
            LOCK,
            FIND_OVERFLOW_GRANTS,
            FIND_OVERFLOW_LOTS,
            FIND_KEYS,
            FIND_HOLDS,
            FIND_OPEN_HOLDS,
            FIND_GRANTS,
            FIND_PAST,
            FIND_PAST_REVERSALS,
            FIND_PAST_REPAYMENTS,
            WALLETS,
            WALLET_SETTINGS,
            HOLDS_GONE,
            LOTS_GONE,
            DUES_GONE,
        ];
        let mut texts = vec![crate::store::reads::names_sql(500)];
        for statement in statements {
            let row = format!("({})", vec!["?"; statement.columns].join(","));
            texts.push(format!("{} {} {}", statement.head, vec![row; 512].join(","), statement.tail));
        }
        let mut found = Vec::new();
        for text in texts {
            let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}")));
            for step in plan.fetch_all(database.sqlite_writer().unwrap()).await.unwrap() {
                let step: String = step.get(3);
                let scans = step.starts_with("SCAN") && !["SCAN k", "SCAN u"].contains(&step.as_str());
                let bad = step.contains("AUTOMATIC") || (scans && !step.contains("CONSTANT ROW"));
                if bad {
                    found.push(format!("{} … {}: {step}", &text[..60], &text[text.len() - 60..]));
                }
            }
        }
        assert_eq!(found, Vec::<String>::new());
    }
}
