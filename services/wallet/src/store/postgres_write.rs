//! What a batch writes on PostgreSQL: one statement for what every operation touches, one more for each table that
//! only some do. Each bind is a column.

use chit_types::{Credits, Timestamp};
use sea_orm::prelude::Uuid;
use sea_orm::sqlx::postgres::{PgArguments, PgConnection};
use sea_orm::sqlx::query::Query;
use sea_orm::sqlx::{self, Postgres, Row};

use super::encoding;
use super::lane::StoreFailure;
use super::postgres::failed;
use super::row::shard_number;
use super::rows_out::{Of, RowsOut, in_row};
use crate::domain::{Hold, Transaction, Wallet};

type Bound<'q> = Query<'q, Postgres, PgArguments>;

const HOT: &str = "WITH w AS (UPDATE wallets w SET head = u.head, last_at = u.last_at, available = u.available, \
       scheduled = u.scheduled, frozen = u.frozen, held = u.held, owed = u.owed, granted = u.granted, spent = u.spent, \
       expired = u.expired, revoked = u.revoked, next_due = u.next_due, hash = u.hash, rests = u.rests, lots = u.lots, \
       grants_terms = COALESCE(u.grants_terms, w.grants_terms) \
     FROM UNNEST($1::int2[], $2::uuid[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], $8::int8[], \
       $9::int8[], $10::int8[], $11::int8[], $12::int8[], $13::int8[], $14::int8[], $15::bytea[], $16::text[], \
       $17::text[], $18::text[]) AS u (shard, wallet_id, head, last_at, available, scheduled, frozen, held, owed, \
       granted, spent, expired, revoked, next_due, hash, rests, lots, grants_terms) \
     WHERE w.shard = u.shard AND w.wallet_id = u.wallet_id RETURNING 1), \
   t AS (INSERT INTO transactions (shard, wallet_id, seq, kind, origin, at, key_hash, fingerprint, amount, available, \
       held, owed, postings, event_type, hash, hold_id, reverses, text_hash, text_salt, text, extra) \
     SELECT * FROM UNNEST($19::int2[], $20::uuid[], $21::int8[], $22::int2[], $23::int2[], $24::int8[], $25::uuid[], \
       $26::bytea[], $27::int8[], $28::int8[], $29::int8[], $30::int8[], $31::text[], $32::text[], $33::bytea[], \
       $34::uuid[], $35::int8[], $36::bytea[], $37::bytea[], $38::text[], $39::text[]) RETURNING 1), \
   p AS (INSERT INTO feed_pending (shard, pending_id, at, entries) \
     SELECT * FROM UNNEST($40::int2[], $41::uuid[], $42::int8[], $43::text[]) RETURNING 1) \
   SELECT (SELECT count(*) FROM w), (SELECT count(*) FROM t), (SELECT count(*) FROM p)";

/// Writes everything.
pub(super) async fn all(connection: &mut PgConnection, rows: &RowsOut<'_>) -> Result<(), StoreFailure> {
    new_wallets(connection, &rows.new_wallets).await?;
    hot(connection, rows).await?;
    wallet_settings(connection, &rows.wallet_settings).await?;
    holds(connection, rows).await?;
    grants_and_lots(connection, rows).await?;
    history(connection, rows).await?;
    dues(connection, rows).await
}

/// Every row that we meant to change changed: the rows are locked, so anything else is a fault of ours.
pub(super) fn exactly(what: &str, changed: usize, meant: usize) -> Result<(), StoreFailure> {
    if changed == meant {
        return Ok(());
    }
    Err(StoreFailure::Permanent(format!("{what}: {changed} of {meant} rows were written")))
}

fn column<'q, T, C>(rows: &'q [T], of: impl Fn(&'q T) -> C) -> Vec<C> {
    rows.iter().map(of).collect()
}

async fn hot(connection: &mut PgConnection, rows: &RowsOut<'_>) -> Result<(), StoreFailure> {
    let query = bind_wallets(sqlx::query(HOT), &rows.wallets);
    let query = bind_transactions(query, rows)
        .bind(column(rows.pending, |one| shard_number(one.shard)))
        .bind(column(rows.pending, |one| Uuid::from_bytes(one.id)))
        .bind(column(rows.pending, |one| one.at.micros()))
        .bind(column(rows.pending, |one| one.entries.as_str()));
    let counts = query.fetch_one(connection).await.map_err(|error| failed(&error))?;
    let count = |at: usize| counts.try_get::<i64, _>(at).ok().and_then(|count| usize::try_from(count).ok());
    exactly("wallets", count(0).unwrap_or_default(), rows.wallets.len())?;
    exactly("transactions", count(1).unwrap_or_default(), rows.transactions.len())?;
    exactly("feed_pending", count(2).unwrap_or_default(), rows.pending.len())
}

fn bind_wallets<'q>(query: Bound<'q>, wallets: &[(&'q Wallet, bool)]) -> Bound<'q> {
    let credits = |of: fn(&Wallet) -> Credits| column(wallets, |(wallet, _)| of(wallet).micros());
    query
        .bind(column(wallets, |(wallet, _)| shard_number(wallet.shard)))
        .bind(column(wallets, |(wallet, _)| Uuid::from_bytes(wallet.id.0)))
        .bind(column(wallets, |(wallet, _)| wallet.head))
        .bind(column(wallets, |(wallet, _)| wallet.last_at.micros()))
        .bind(credits(|wallet| wallet.available))
        .bind(credits(|wallet| wallet.scheduled))
        .bind(credits(|wallet| wallet.frozen))
        .bind(credits(|wallet| wallet.held))
        .bind(credits(|wallet| wallet.owed))
        .bind(credits(|wallet| wallet.granted))
        .bind(credits(|wallet| wallet.spent))
        .bind(credits(|wallet| wallet.expired))
        .bind(credits(|wallet| wallet.revoked))
        .bind(column(wallets, |(wallet, _)| wallet.next_due.map(Timestamp::micros)))
        .bind(column(wallets, |(wallet, _)| &wallet.hash.0[..]))
        .bind(column(wallets, |(wallet, _)| encoding::rests(in_row(wallet).0)))
        .bind(column(wallets, |(wallet, _)| encoding::lots(in_row(wallet).1)))
        .bind(column(wallets, |(wallet, terms)| terms.then(|| encoding::grants_terms(in_row(wallet).0))))
}

fn bind_transactions<'q>(query: Bound<'q>, rows: &RowsOut<'q>) -> Bound<'q> {
    let all = &rows.transactions;
    let credits = |of: fn(&Transaction) -> Credits| column(all, |(_, one)| of(one).micros());
    query
        .bind(column(all, |(shard, _)| shard_number(*shard)))
        .bind(column(all, |(_, one)| Uuid::from_bytes(one.wallet.0)))
        .bind(column(all, |(_, one)| one.seq))
        .bind(column(all, |(_, one)| i16::from(one.kind.number())))
        .bind(column(all, |(_, one)| i16::from(one.origin.number())))
        .bind(column(all, |(_, one)| one.at.micros()))
        .bind(column(all, |(_, one)| Uuid::from_bytes(one.key.0)))
        .bind(column(all, |(_, one)| &one.fingerprint.0[..]))
        .bind(credits(|one| one.amount))
        .bind(credits(|one| one.available))
        .bind(credits(|one| one.held))
        .bind(credits(|one| one.owed))
        .bind(column(all, |(_, one)| encoding::postings(one)))
        .bind(column(all, |(_, one)| one.event_type.as_str()))
        .bind(column(all, |(_, one)| &one.hash.0[..]))
        .bind(column(all, |(_, one)| one.hold.map(|id| Uuid::from_bytes(id.0))))
        .bind(column(all, |(_, one)| one.reverses))
        .bind(column(all, |(_, one)| one.text_hash.as_ref().map(|hash| &hash.0[..])))
        .bind(column(all, |(_, one)| one.text.as_ref().map(|text| &text.salt[..])))
        .bind(column(all, |(_, one)| one.text.as_ref().map(encoding::text)))
        .bind(column(all, |(_, one)| encoding::extra(one)))
}

/// A wallet that another pod made meanwhile, unseen by our lock, sends the batch round again.
async fn new_wallets(connection: &mut PgConnection, wallets: &[&Wallet]) -> Result<(), StoreFailure> {
    const INSERT: &str = "INSERT INTO wallets (shard, wallet_id, tenant, customer, unit, test, overdraft_limit, \
       thresholds, version, created_at, frozen_since, grants_terms, head, last_at, available, scheduled, frozen, held, \
       owed, granted, spent, expired, revoked, next_due, hash, rests, lots) \
     SELECT * FROM UNNEST($1::int2[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bool[], $7::int8[], \
       $8::text[], $9::int8[], $10::int8[], $11::int8[], $12::text[], $13::int8[], $14::int8[], $15::int8[], \
       $16::int8[], $17::int8[], $18::int8[], $19::int8[], $20::int8[], $21::int8[], $22::int8[], $23::int8[], \
       $24::int8[], $25::bytea[], $26::text[], $27::text[]) ON CONFLICT DO NOTHING";
    if wallets.is_empty() {
        return Ok(());
    }
    let credits = |of: fn(&Wallet) -> Credits| column(wallets, |wallet| of(wallet).micros());
    let query = sqlx::query(INSERT)
        .bind(column(wallets, |wallet| shard_number(wallet.shard)))
        .bind(column(wallets, |wallet| Uuid::from_bytes(wallet.id.0)))
        .bind(column(wallets, |wallet| wallet.tenant.as_str()))
        .bind(column(wallets, |wallet| wallet.customer.as_str()))
        .bind(column(wallets, |wallet| wallet.unit.as_str()))
        .bind(column(wallets, |wallet| wallet.test))
        .bind(credits(|wallet| wallet.overdraft_limit))
        .bind(column(wallets, |wallet| thresholds(wallet)))
        .bind(column(wallets, |wallet| wallet.version))
        .bind(column(wallets, |wallet| wallet.created_at.micros()))
        .bind(column(wallets, |wallet| wallet.frozen_since.map(Timestamp::micros)))
        .bind(column(wallets, |wallet| encoding::grants_terms(in_row(wallet).0)))
        .bind(column(wallets, |wallet| wallet.head))
        .bind(column(wallets, |wallet| wallet.last_at.micros()))
        .bind(credits(|wallet| wallet.available))
        .bind(credits(|wallet| wallet.scheduled))
        .bind(credits(|wallet| wallet.frozen))
        .bind(credits(|wallet| wallet.held))
        .bind(credits(|wallet| wallet.owed))
        .bind(credits(|wallet| wallet.granted))
        .bind(credits(|wallet| wallet.spent))
        .bind(credits(|wallet| wallet.expired))
        .bind(credits(|wallet| wallet.revoked))
        .bind(column(wallets, |wallet| wallet.next_due.map(Timestamp::micros)))
        .bind(column(wallets, |wallet| &wallet.hash.0[..]))
        .bind(column(wallets, |wallet| encoding::rests(in_row(wallet).0)))
        .bind(column(wallets, |wallet| encoding::lots(in_row(wallet).1)));
    let made = query.execute(connection).await.map_err(|error| failed(&error))?.rows_affected();
    if usize::try_from(made) == Ok(wallets.len()) {
        return Ok(());
    }
    Err(StoreFailure::Transient("another writer made the wallet first".to_owned()))
}

pub(super) fn thresholds(wallet: &Wallet) -> String {
    encoding::ints(wallet.thresholds.iter().map(|level| level.micros()))
}

async fn wallet_settings(connection: &mut PgConnection, wallets: &[&Wallet]) -> Result<(), StoreFailure> {
    const UPDATE: &str = "UPDATE wallets w SET overdraft_limit = u.overdraft_limit, thresholds = u.thresholds, \
       version = u.version, frozen_since = u.frozen_since \
     FROM UNNEST($1::int2[], $2::uuid[], $3::int8[], $4::text[], $5::int8[], $6::int8[]) \
       AS u (shard, wallet_id, overdraft_limit, thresholds, version, frozen_since) \
     WHERE w.shard = u.shard AND w.wallet_id = u.wallet_id";
    if wallets.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(UPDATE)
        .bind(column(wallets, |wallet| shard_number(wallet.shard)))
        .bind(column(wallets, |wallet| Uuid::from_bytes(wallet.id.0)))
        .bind(column(wallets, |wallet| wallet.overdraft_limit.micros()))
        .bind(column(wallets, |wallet| thresholds(wallet)))
        .bind(column(wallets, |wallet| wallet.version))
        .bind(column(wallets, |wallet| wallet.frozen_since.map(Timestamp::micros)));
    let changed = query.execute(connection).await.map_err(|error| failed(&error))?.rows_affected();
    exactly("wallets", usize::try_from(changed).unwrap_or_default(), wallets.len())
}

/// A statement whose first two binds are shard and wallet.
fn of_wallets<'q, T>(sql: &'static str, rows: &[Of<T>]) -> Bound<'q> {
    sqlx::query(sql)
        .bind(column(rows, |one| shard_number(one.shard)))
        .bind(column(rows, |one| Uuid::from_bytes(one.wallet.0)))
}

async fn run(connection: &mut PgConnection, query: Bound<'_>) -> Result<usize, StoreFailure> {
    let done = query.execute(connection).await.map_err(|error| failed(&error))?;
    Ok(usize::try_from(done.rows_affected()).unwrap_or_default())
}

async fn holds(connection: &mut PgConnection, rows: &RowsOut<'_>) -> Result<(), StoreFailure> {
    const INSERT: &str = "INSERT INTO holds (shard, wallet_id, hold_id, state, amount, draws, borrowed, committed, \
       uncharged, parts, expires_at, grace_seconds, origin, event_type, created_at) \
     SELECT * FROM UNNEST($1::int2[], $2::uuid[], $3::uuid[], $4::int2[], $5::int8[], $6::text[], $7::int8[], \
       $8::int8[], $9::int8[], $10::text[], $11::int8[], $12::int8[], $13::int2[], $14::text[], $15::int8[])";
    const UPDATE: &str = "UPDATE holds h SET state = u.state, amount = u.amount, draws = u.draws, \
       borrowed = u.borrowed, committed = u.committed, uncharged = u.uncharged, parts = u.parts, \
       expires_at = u.expires_at, grace_seconds = u.grace_seconds \
     FROM UNNEST($1::int2[], $2::uuid[], $3::uuid[], $4::int2[], $5::int8[], $6::text[], $7::int8[], $8::int8[], \
       $9::int8[], $10::text[], $11::int8[], $12::int8[]) AS u (shard, wallet_id, hold_id, state, amount, draws, \
       borrowed, committed, uncharged, parts, expires_at, grace_seconds) \
     WHERE h.shard = u.shard AND h.wallet_id = u.wallet_id AND h.hold_id = u.hold_id";
    const DELETE: &str = "DELETE FROM holds h USING UNNEST($1::int2[], $2::uuid[], $3::uuid[]) \
       AS u (shard, wallet_id, hold_id) \
     WHERE h.shard = u.shard AND h.wallet_id = u.wallet_id AND h.hold_id = u.hold_id";
    let new = &rows.new_holds;
    if !new.is_empty() {
        let query = bind_holds(INSERT, new)
            .bind(column(new, |one| i16::from(one.what.origin.number())))
            .bind(column(new, |one| one.what.event_type.as_str()))
            .bind(column(new, |one| one.what.created_at.micros()));
        exactly("holds", run(connection, query).await?, new.len())?;
    }
    if !rows.holds.is_empty() {
        let changed = run(connection, bind_holds(UPDATE, &rows.holds)).await?;
        exactly("holds", changed, rows.holds.len())?;
    }
    let gone = &rows.holds_gone;
    if !gone.is_empty() {
        let query = of_wallets(DELETE, gone).bind(column(gone, |one| Uuid::from_bytes(one.what.0)));
        exactly("holds", run(connection, query).await?, gone.len())?;
    }
    Ok(())
}

fn bind_holds<'q>(sql: &'static str, all: &'q [Of<&Hold>]) -> Bound<'q> {
    of_wallets(sql, all)
        .bind(column(all, |one| Uuid::from_bytes(one.what.id.0)))
        .bind(column(all, |one| one.what.state as i16))
        .bind(column(all, |one| one.what.amount.micros()))
        .bind(column(all, |one| encoding::draws(&one.what.draws)))
        .bind(column(all, |one| one.what.borrowed.micros()))
        .bind(column(all, |one| one.what.committed.micros()))
        .bind(column(all, |one| one.what.uncharged.micros()))
        .bind(column(all, |one| encoding::ints(one.what.parts.iter().copied())))
        .bind(column(all, |one| one.what.expires_at.micros()))
        .bind(column(all, |one| i64::try_from(one.what.grace.as_secs()).unwrap_or(i64::MAX)))
}

async fn grants_and_lots(connection: &mut PgConnection, rows: &RowsOut<'_>) -> Result<(), StoreFailure> {
    const UPSERT: &str = "INSERT INTO grants (shard, wallet_id, grant_id, source, state, owed_policy, priority, \
       revoke_shortfall, rollover, renewed, open, overflow, opened_by, amount, rest, held, effective_at, expires_at, \
       cost_basis, period_end, paid_nanos, paid_currency, event_types, removed) \
     SELECT * FROM UNNEST($1::int2[], $2::uuid[], $3::uuid[], $4::int2[], $5::int2[], $6::int2[], $7::int2[], \
       $8::int2[], $9::bool[], $10::bool[], $11::bool[], $12::bool[], $13::int8[], $14::int8[], $15::int8[], \
       $16::int8[], $17::int8[], $18::int8[], $19::int8[], $20::int8[], $21::int8[], $22::text[], $23::text[], $24::int8[]) \
     ON CONFLICT (shard, wallet_id, grant_id) DO UPDATE SET state = excluded.state, open = excluded.open, \
       revoke_shortfall = excluded.revoke_shortfall, renewed = excluded.renewed, overflow = excluded.overflow, \
       rest = excluded.rest, held = excluded.held, removed = excluded.removed, effective_at = excluded.effective_at, \
       expires_at = excluded.expires_at";
    const LOTS: &str = "INSERT INTO owed_lots (shard, wallet_id, seq, rest) \
     SELECT * FROM UNNEST($1::int2[], $2::uuid[], $3::int8[], $4::int8[]) \
     ON CONFLICT (shard, wallet_id, seq) DO UPDATE SET rest = excluded.rest";
    const LOTS_GONE: &str = "DELETE FROM owed_lots l USING UNNEST($1::int2[], $2::uuid[], $3::int8[]) \
       AS u (shard, wallet_id, seq) WHERE l.shard = u.shard AND l.wallet_id = u.wallet_id AND l.seq = u.seq";
    let all = &rows.grants;
    if !all.is_empty() {
        let query = of_wallets(UPSERT, all)
            .bind(column(all, |one| Uuid::from_bytes(one.what.grant.id.0)))
            .bind(column(all, |one| i16::from(one.what.grant.source.number())))
            .bind(column(all, |one| i16::from(one.what.grant.state.number())))
            .bind(column(all, |one| i16::from(one.what.grant.owed_policy.number())))
            .bind(column(all, |one| i16::try_from(one.what.grant.priority).unwrap_or(i16::MAX)))
            .bind(column(all, |one| one.what.grant.revoke_shortfall.map(|shortfall| shortfall as i16)))
            .bind(column(all, |one| one.what.grant.rollover))
            .bind(column(all, |one| one.what.grant.renewed))
            .bind(column(all, |one| one.what.grant.is_open()))
            .bind(column(all, |one| one.what.overflow))
            .bind(column(all, |one| one.what.grant.opened_by))
            .bind(column(all, |one| one.what.grant.amount.micros()))
            .bind(column(all, |one| one.what.grant.rest.micros()))
            .bind(column(all, |one| one.what.grant.held.micros()))
            .bind(column(all, |one| one.what.grant.effective_at.micros()))
            .bind(column(all, |one| one.what.grant.expires_at.map(Timestamp::micros)))
            .bind(column(all, |one| one.what.grant.cost_basis))
            .bind(column(all, |one| one.what.grant.period_end.map(Timestamp::micros)))
            .bind(column(all, |one| one.what.grant.paid.as_ref().map(|paid| paid.nanos)))
            .bind(column(all, |one| one.what.grant.paid.as_ref().map(|paid| paid.currency.as_str())))
            .bind(column(all, |one| encoding::texts(&one.what.grant.event_types)))
            .bind(column(all, |one| one.what.grant.removed.micros()));
        exactly("grants", run(connection, query).await?, all.len())?;
    }
    if !rows.lots.is_empty() {
        let query = of_wallets(LOTS, &rows.lots)
            .bind(column(&rows.lots, |one| one.what.seq))
            .bind(column(&rows.lots, |one| one.what.rest.micros()));
        exactly("owed_lots", run(connection, query).await?, rows.lots.len())?;
    }
    if !rows.lots_gone.is_empty() {
        let query = of_wallets(LOTS_GONE, &rows.lots_gone).bind(column(&rows.lots_gone, |one| one.what));
        exactly("owed_lots", run(connection, query).await?, rows.lots_gone.len())?;
    }
    Ok(())
}

async fn history(connection: &mut PgConnection, rows: &RowsOut<'_>) -> Result<(), StoreFailure> {
    const REPAYMENTS: &str = "INSERT INTO repayments (shard, wallet_id, owed_seq, seq, ordinal, grant_id, amount) \
     SELECT * FROM UNNEST($1::int2[], $2::uuid[], $3::int8[], $4::int8[], $5::int8[], $6::uuid[], $7::int8[])";
    const REVERSALS: &str = "INSERT INTO reversals (shard, wallet_id, of_seq, seq) \
     SELECT * FROM UNNEST($1::int2[], $2::uuid[], $3::int8[], $4::int8[])";
    let repaid = &rows.repayments;
    if !repaid.is_empty() {
        let query = of_wallets(REPAYMENTS, repaid)
            .bind(column(repaid, |one| one.what.owed_seq))
            .bind(column(repaid, |one| one.what.seq))
            .bind(column(repaid, |one| i64::from(one.what.ordinal)))
            .bind(column(repaid, |one| one.what.grant.map(|id| Uuid::from_bytes(id.0))))
            .bind(column(repaid, |one| one.what.amount.micros()));
        exactly("repayments", run(connection, query).await?, repaid.len())?;
    }
    let reversed = &rows.reversals;
    if !reversed.is_empty() {
        let query = of_wallets(REVERSALS, reversed)
            .bind(column(reversed, |one| one.what.0))
            .bind(column(reversed, |one| one.what.1));
        exactly("reversals", run(connection, query).await?, reversed.len())?;
    }
    Ok(())
}

async fn dues(connection: &mut PgConnection, rows: &RowsOut<'_>) -> Result<(), StoreFailure> {
    const INSERT: &str = "INSERT INTO wallet_due (shard, wallet_id, due_at) \
     SELECT * FROM UNNEST($1::int2[], $2::uuid[], $3::int8[])";
    const UPDATE: &str = "UPDATE wallet_due d SET due_at = u.due_at \
     FROM UNNEST($1::int2[], $2::uuid[], $3::int8[]) AS u (shard, wallet_id, due_at) \
     WHERE d.shard = u.shard AND d.wallet_id = u.wallet_id";
    const DELETE: &str = "DELETE FROM wallet_due d USING UNNEST($1::int2[], $2::uuid[]) AS u (shard, wallet_id) \
     WHERE d.shard = u.shard AND d.wallet_id = u.wallet_id";
    for (sql, dues) in [(INSERT, &rows.new_dues), (UPDATE, &rows.dues)] {
        if !dues.is_empty() {
            let query = of_wallets(sql, dues).bind(column(dues, |one| one.what.micros()));
            exactly("wallet_due", run(connection, query).await?, dues.len())?;
        }
    }
    if !rows.dues_gone.is_empty() {
        let gone = run(connection, of_wallets(DELETE, &rows.dues_gone)).await?;
        exactly("wallet_due", gone, rows.dues_gone.len())?;
    }
    Ok(())
}
