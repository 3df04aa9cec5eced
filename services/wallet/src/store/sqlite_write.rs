//! What a batch writes on SQLite: the same rows as on PostgreSQL, as lists of VALUES.

use chit_store::ValuesStatement;
use chit_types::Timestamp;
use sea_orm::sqlx::sqlite::SqliteConnection;

use super::encoding;
use super::lane::StoreFailure;
use super::postgres::failed;
use super::postgres_write::{exactly, thresholds};
use super::row::shard_number;
use super::rows_out::{Of, RowsOut, in_row};
use super::sqlite::uuid;
use super::sqlite_sql as sql;
use crate::domain::{Hold, Wallet};

type Query<'q> =
    sea_orm::sqlx::query::Query<'q, sea_orm::sqlx::Sqlite, sea_orm::sqlx::sqlite::SqliteArguments>;

/// Writes everything.
pub(super) async fn all(connection: &mut SqliteConnection, rows: &RowsOut<'_>) -> Result<(), StoreFailure> {
    new_wallets(connection, rows).await?;
    wallets(connection, rows).await?;
    transactions(connection, rows).await?;
    holds(connection, rows).await?;
    grants(connection, rows).await?;
    lots(connection, rows).await?;
    history(connection, rows).await?;
    dues(connection, rows).await?;
    pending(connection, rows).await
}

/// Runs a statement for its rows, if any, and sees that each was written.
async fn write<'q, T>(
    connection: &mut SqliteConnection,
    what: &str,
    statement: ValuesStatement,
    rows: &'q [T],
    bind: impl Fn(Query<'q>, &'q T) -> Query<'q>,
) -> Result<(), StoreFailure> {
    let changed = statement.execute(connection, rows, bind).await.map_err(|error| failed(&error))?;
    exactly(what, usize::try_from(changed).unwrap_or_default(), rows.len())
}

fn of<'q, T>(query: Query<'q>, one: &'q Of<T>) -> Query<'q> {
    query.bind(shard_number(one.shard)).bind(&one.wallet.0[..])
}

fn bind_hot<'q>(query: Query<'q>, wallet: &'q Wallet) -> Query<'q> {
    let (grants, lots) = in_row(wallet);
    query
        .bind(wallet.head)
        .bind(wallet.last_at.micros())
        .bind(wallet.available.micros())
        .bind(wallet.scheduled.micros())
        .bind(wallet.frozen.micros())
        .bind(wallet.held.micros())
        .bind(wallet.owed.micros())
        .bind(wallet.granted.micros())
        .bind(wallet.spent.micros())
        .bind(wallet.expired.micros())
        .bind(wallet.revoked.micros())
        .bind(wallet.next_due.map(Timestamp::micros))
        .bind(&wallet.hash.0[..])
        .bind(encoding::rests(grants))
        .bind(encoding::lots(lots))
}

async fn new_wallets(connection: &mut SqliteConnection, rows: &RowsOut<'_>) -> Result<(), StoreFailure> {
    write(connection, "wallets", sql::NEW_WALLETS, &rows.new_wallets, |query, wallet| {
        let query = query
            .bind(shard_number(wallet.shard))
            .bind(&wallet.id.0[..])
            .bind(wallet.tenant.as_str())
            .bind(wallet.customer.as_str())
            .bind(wallet.unit.as_str())
            .bind(wallet.test)
            .bind(wallet.overdraft_limit.micros())
            .bind(thresholds(wallet))
            .bind(wallet.version)
            .bind(wallet.created_at.micros())
            .bind(wallet.frozen_since.map(Timestamp::micros))
            .bind(encoding::grants_terms(in_row(wallet).0));
        bind_hot(query, wallet)
    })
    .await
}

async fn wallets(connection: &mut SqliteConnection, rows: &RowsOut<'_>) -> Result<(), StoreFailure> {
    write(connection, "wallets", sql::WALLETS, &rows.wallets, |query, (wallet, terms)| {
        let query = query
            .bind(shard_number(wallet.shard))
            .bind(&wallet.id.0[..])
            .bind(terms.then(|| encoding::grants_terms(in_row(wallet).0)));
        bind_hot(query, wallet)
    })
    .await?;
    write(connection, "wallets", sql::WALLET_SETTINGS, &rows.wallet_settings, |query, wallet| {
        query
            .bind(shard_number(wallet.shard))
            .bind(&wallet.id.0[..])
            .bind(wallet.overdraft_limit.micros())
            .bind(thresholds(wallet))
            .bind(wallet.version)
            .bind(wallet.frozen_since.map(Timestamp::micros))
    })
    .await
}

async fn transactions(connection: &mut SqliteConnection, rows: &RowsOut<'_>) -> Result<(), StoreFailure> {
    write(connection, "transactions", sql::TRANSACTIONS, &rows.transactions, |query, (shard, one)| {
        query
            .bind(shard_number(*shard))
            .bind(&one.wallet.0[..])
            .bind(one.seq)
            .bind(i16::from(one.kind.number()))
            .bind(i16::from(one.origin.number()))
            .bind(one.at.micros())
            .bind(&one.key.0[..])
            .bind(&one.fingerprint.0[..])
            .bind(one.amount.micros())
            .bind(one.available.micros())
            .bind(one.held.micros())
            .bind(one.owed.micros())
            .bind(encoding::postings(one))
            .bind(one.event_type.as_str())
            .bind(&one.hash.0[..])
            .bind(one.hold.map(|id| uuid(id.0)))
            .bind(one.reverses)
            .bind(one.text_hash.as_ref().map(|hash| &hash.0[..]))
            .bind(one.text.as_ref().map(|text| &text.salt[..]))
            .bind(one.text.as_ref().map(encoding::text))
            .bind(encoding::extra(one))
    })
    .await
}

async fn holds(connection: &mut SqliteConnection, rows: &RowsOut<'_>) -> Result<(), StoreFailure> {
    for holds in [&rows.new_holds, &rows.holds] {
        write(connection, "holds", sql::HOLDS, holds, bind_hold).await?;
    }
    write(connection, "holds", sql::HOLDS_GONE, &rows.holds_gone, |query, one| {
        of(query, one).bind(&one.what.0[..])
    })
    .await
}

fn bind_hold<'q>(query: Query<'q>, one: &'q Of<&Hold>) -> Query<'q> {
    let hold = one.what;
    of(query, one)
        .bind(&hold.id.0[..])
        .bind(i16::from(hold.origin.number()))
        .bind(hold.state as i16)
        .bind(hold.amount.micros())
        .bind(encoding::draws(&hold.draws))
        .bind(hold.borrowed.micros())
        .bind(hold.committed.micros())
        .bind(hold.uncharged.micros())
        .bind(encoding::ints(hold.parts.iter().copied()))
        .bind(hold.event_type.as_str())
        .bind(hold.created_at.micros())
        .bind(hold.expires_at.micros())
        .bind(i64::try_from(hold.grace.as_secs()).unwrap_or(i64::MAX))
}

async fn grants(connection: &mut SqliteConnection, rows: &RowsOut<'_>) -> Result<(), StoreFailure> {
    write(connection, "grants", sql::GRANTS, &rows.grants, |query, one| {
        let grant = one.what.grant;
        of(query, one)
            .bind(&grant.id.0[..])
            .bind(i16::from(grant.source.number()))
            .bind(i16::from(grant.state.number()))
            .bind(i16::from(grant.owed_policy.number()))
            .bind(i16::try_from(grant.priority).unwrap_or(i16::MAX))
            .bind(grant.revoke_shortfall.map(|shortfall| shortfall as i16))
            .bind(grant.rollover)
            .bind(grant.renewed)
            .bind(grant.is_open())
            .bind(one.what.overflow)
            .bind(grant.opened_by)
            .bind(grant.amount.micros())
            .bind(grant.rest.micros())
            .bind(grant.held.micros())
            .bind(grant.effective_at.micros())
            .bind(grant.expires_at.map(Timestamp::micros))
            .bind(grant.cost_basis)
            .bind(grant.period_end.map(Timestamp::micros))
            .bind(grant.paid.as_ref().map(|paid| paid.nanos))
            .bind(grant.paid.as_ref().map(|paid| paid.currency.as_str()))
            .bind(encoding::texts(&grant.event_types))
            .bind(grant.removed.micros())
    })
    .await
}

async fn lots(connection: &mut SqliteConnection, rows: &RowsOut<'_>) -> Result<(), StoreFailure> {
    let lot = |query, one| -> Query<'_> {
        let one: &Of<crate::domain::Lot> = one;
        of(query, one).bind(one.what.seq).bind(one.what.rest.micros())
    };
    write(connection, "owed_lots", sql::LOTS, &rows.lots, lot).await?;
    write(connection, "owed_lots", sql::LOTS_GONE, &rows.lots_gone, |query, one| {
        of(query, one).bind(one.what)
    })
    .await
}

async fn history(connection: &mut SqliteConnection, rows: &RowsOut<'_>) -> Result<(), StoreFailure> {
    write(connection, "repayments", sql::REPAYMENTS, &rows.repayments, |query, one| {
        of(query, one)
            .bind(one.what.owed_seq)
            .bind(one.what.seq)
            .bind(i64::from(one.what.ordinal))
            .bind(one.what.grant.map(|id| uuid(id.0)))
            .bind(one.what.amount.micros())
    })
    .await?;
    write(connection, "reversals", sql::REVERSALS, &rows.reversals, |query, one| {
        of(query, one).bind(one.what.0).bind(one.what.1)
    })
    .await
}

async fn dues(connection: &mut SqliteConnection, rows: &RowsOut<'_>) -> Result<(), StoreFailure> {
    for dues in [&rows.new_dues, &rows.dues] {
        write(connection, "wallet_due", sql::DUES, dues, |query, one| of(query, one).bind(one.what.micros()))
            .await?;
    }
    write(connection, "wallet_due", sql::DUES_GONE, &rows.dues_gone, of).await
}

async fn pending(connection: &mut SqliteConnection, rows: &RowsOut<'_>) -> Result<(), StoreFailure> {
    write(connection, "feed_pending", sql::PENDING, rows.pending, |query, one| {
        query.bind(shard_number(one.shard)).bind(&one.id[..]).bind(one.at.micros()).bind(one.entries.as_str())
    })
    .await
}
