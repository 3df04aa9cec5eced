//! The eighteen sums as columns, and the upserts of the two roll-ups.

use std::sync::LazyLock;

use chit_store::ValuesStatement;
use sea_orm::sqlx::query::Query;
use sea_orm::sqlx::sqlite::SqliteArguments;
use sea_orm::sqlx::{self, Postgres, Sqlite};

use super::{Result, Tx, smallint};
use crate::domain::sums::{COLUMNS, Sums};
use crate::domain::usage::{DayKey, Deltas, Group, HourKey};

pub(super) type PostgresQuery<'q> = Query<'q, Postgres, sqlx::postgres::PgArguments>;
pub(super) type SqliteQuery<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Reads the sums of a row from a column on.
macro_rules! sums_of {
    ($row:expr, $from:expr) => {{
        let mut columns = [0_i64; 18];
        for (number, column) in columns.iter_mut().enumerate() {
            *column = $row.try_get($from + number)?;
        }
        crate::domain::sums::Sums::from_columns(columns)
    }};
}
pub(super) use sums_of;

/// Binds one array a column.
pub(super) fn bind_sums<'q, 's>(
    mut query: PostgresQuery<'q>,
    rows: impl ExactSizeIterator<Item = &'s Sums>,
) -> PostgresQuery<'q> {
    let mut arrays: Vec<Vec<i64>> = COLUMNS.iter().map(|_| Vec::with_capacity(rows.len())).collect();
    for sums in rows {
        for (array, value) in arrays.iter_mut().zip(sums.columns()) {
            array.push(value);
        }
    }
    for array in arrays {
        query = query.bind(array);
    }
    query
}

/// Binds one value a column.
pub(super) fn bind_sums_sqlite<'q>(query: SqliteQuery<'q>, sums: &Sums) -> SqliteQuery<'q> {
    sums.columns().into_iter().fold(query, SqliteQuery::bind)
}

const HOUR_KEY: [(&str, &str); 9] = [
    ("shard", "smallint"),
    ("tenant", "text"),
    ("hour", "bigint"),
    ("unit", "text"),
    ("event_type", "text"),
    ("model", "text"),
    ("feature", "text"),
    ("usage_class", "text"),
    ("currency", "text"),
];
const DAY_KEY: [(&str, &str); 10] = [
    ("shard", "smallint"),
    ("tenant", "text"),
    ("customer_id", "text"),
    ("day", "bigint"),
    ("unit", "text"),
    ("event_type", "text"),
    ("model", "text"),
    ("feature", "text"),
    ("usage_class", "text"),
    ("currency", "text"),
];

fn on_conflict(table: &str, key: &[(&str, &str)]) -> String {
    let names: Vec<_> = key.iter().map(|(name, _)| *name).collect();
    let sets: Vec<_> =
        COLUMNS.iter().map(|name| format!("{name} = {table}.{name} + excluded.{name}")).collect();
    format!("ON CONFLICT ({}) DO UPDATE SET {}", names.join(", "), sets.join(", "))
}

fn into(table: &str, key: &[(&str, &str)]) -> String {
    let names: Vec<_> = key.iter().map(|(name, _)| *name).chain(COLUMNS).collect();
    format!("INSERT INTO {table} ({})", names.join(", "))
}

fn sqlite_upsert(table: &str, key: &[(&str, &str)]) -> ValuesStatement {
    ValuesStatement {
        head: String::leak(format!("{} VALUES", into(table, key))),
        columns: key.len() + COLUMNS.len(),
        tail: String::leak(on_conflict(table, key)),
    }
}

fn postgres_upsert(table: &str, key: &[(&str, &str)]) -> String {
    let types = key.iter().map(|(_, name)| *name).chain(["bigint"; 18]);
    let arrays: Vec<_> = (1..).zip(types).map(|(number, name)| format!("${number}::{name}[]")).collect();
    // UNNEST keeps the order of the arrays, and so the order in which rows are locked.
    format!("{} SELECT * FROM UNNEST({}) {}", into(table, key), arrays.join(", "), on_conflict(table, key))
}

static HOUR_SQLITE: LazyLock<ValuesStatement> = LazyLock::new(|| sqlite_upsert("usage_hour", &HOUR_KEY));
static HOUR_POSTGRES: LazyLock<String> = LazyLock::new(|| postgres_upsert("usage_hour", &HOUR_KEY));
static DAY_SQLITE: LazyLock<ValuesStatement> =
    LazyLock::new(|| sqlite_upsert("usage_customer_day", &DAY_KEY));
static DAY_POSTGRES: LazyLock<String> = LazyLock::new(|| postgres_upsert("usage_customer_day", &DAY_KEY));

impl Tx {
    /// Folds differences into the roll-ups: one row a key, keys in one order, so that two pods do not
    /// deadlock.
    pub(super) async fn fold(&mut self, deltas: &Deltas) -> Result<()> {
        let hours: Vec<(&HourKey, &Sums)> = deltas.hours.iter().collect();
        let days: Vec<(&DayKey, &Sums)> = deltas.days.iter().collect();
        match self {
            Tx::Sqlite(tx) => {
                let done = HOUR_SQLITE.execute(tx, &hours, |query, ((group, hour), sums)| {
                    let query = query.bind(smallint(group.shard)).bind(&group.tenant).bind(*hour);
                    bind_sums_sqlite(bind_rest(query, group), sums)
                });
                done.await?;
                let done = DAY_SQLITE.execute(tx, &days, |query, ((group, _, customer, day), sums)| {
                    let query =
                        query.bind(smallint(group.shard)).bind(&group.tenant).bind(customer).bind(*day);
                    bind_sums_sqlite(bind_rest(query, group), sums)
                });
                done.await?;
            }
            Tx::Postgres(tx) => {
                fold_hours(&hours).execute(&mut **tx).await?;
                fold_days(&days).execute(&mut **tx).await?;
            }
        }
        Ok(())
    }
}

fn bind_rest<'q>(query: SqliteQuery<'q>, group: &'q Group) -> SqliteQuery<'q> {
    query
        .bind(&group.unit)
        .bind(&group.event_type)
        .bind(&group.model)
        .bind(&group.feature)
        .bind(group.usage_class.word())
        .bind(&group.currency)
}

fn bind_rest_postgres<'q>(query: PostgresQuery<'q>, groups: &[&'q Group]) -> PostgresQuery<'q> {
    let all = |of: fn(&'q Group) -> &'q str| groups.iter().map(|group| of(group)).collect::<Vec<&'q str>>();
    query
        .bind(all(|group| &group.unit))
        .bind(all(|group| &group.event_type))
        .bind(all(|group| &group.model))
        .bind(all(|group| &group.feature))
        .bind(all(|group| group.usage_class.word()))
        .bind(all(|group| &group.currency))
}

fn fold_hours<'q>(rows: &[(&'q HourKey, &'q Sums)]) -> PostgresQuery<'q> {
    let groups: Vec<&Group> = rows.iter().map(|((group, _), _)| group).collect();
    let query = sqlx::query(HOUR_POSTGRES.as_str())
        .bind(groups.iter().map(|group| smallint(group.shard)).collect::<Vec<_>>())
        .bind(groups.iter().map(|group| group.tenant.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|((_, hour), _)| *hour).collect::<Vec<_>>());
    bind_sums(bind_rest_postgres(query, &groups), rows.iter().map(|(_, sums)| *sums))
}

fn fold_days<'q>(rows: &[(&'q DayKey, &'q Sums)]) -> PostgresQuery<'q> {
    let groups: Vec<&Group> = rows.iter().map(|((group, ..), _)| group).collect();
    let query = sqlx::query(DAY_POSTGRES.as_str())
        .bind(groups.iter().map(|group| smallint(group.shard)).collect::<Vec<_>>())
        .bind(groups.iter().map(|group| group.tenant.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|((_, _, customer, _), _)| customer.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|((.., day), _)| *day).collect::<Vec<_>>());
    bind_sums(bind_rest_postgres(query, &groups), rows.iter().map(|(_, sums)| *sums))
}
