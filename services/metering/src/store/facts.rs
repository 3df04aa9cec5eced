//! Facts: inserted by the batch, read by event or by customer.

use std::sync::LazyLock;

use chit_store::ValuesStatement;
use chit_types::Timestamp;
use sea_orm::sqlx::{self, AssertSqlSafe, Row};

use super::summed::{PostgresQuery, SqliteQuery, bind_sums, bind_sums_sqlite, sums_of};
use super::{Result, Tx, from_json, key_of, smallint, to_json, undecodable};
use crate::domain::event::UsageClass;
use crate::domain::fact::{Fact, FactKind};
use crate::domain::names::{Key, Place};
use crate::domain::sums::COLUMNS;

/// Columns before the sums, in order; the body follows them.
const HEAD: [&str; 17] = [
    "shard",
    "customer_key",
    "occurred_at",
    "event_key",
    "ordinal",
    "kind",
    "part",
    "recorded_at",
    "tenant",
    "customer_id",
    "unit",
    "event_id",
    "event_type",
    "model",
    "feature",
    "usage_class",
    "currency",
];
const HEAD_TYPES: [&str; 17] = [
    "smallint", "bytea", "bigint", "bytea", "bigint", "text", "bigint", "bigint", "text", "text", "text",
    "text", "text", "text", "text", "text", "text",
];

/// Where the facts of one event are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactRef {
    /// The event's place.
    pub place: Place,
    /// When it occurred, as stored.
    pub occurred_at: Timestamp,
}

fn columns(prefix: &str) -> String {
    let names = HEAD.iter().chain(&COLUMNS).chain(&["body"]);
    names.map(|name| format!("{prefix}{name}")).collect::<Vec<_>>().join(", ")
}

/// Everything of a fact but its shard, which the reader knows.
fn read_columns() -> String {
    columns("f.").replacen("f.shard, ", "", 1)
}

static INSERT: LazyLock<ValuesStatement> = LazyLock::new(|| ValuesStatement {
    head: String::leak(format!("INSERT INTO usage_events ({}) VALUES", columns(""))),
    columns: HEAD.len() + COLUMNS.len() + 1,
    tail: "",
});
static INSERT_POSTGRES: LazyLock<String> = LazyLock::new(|| {
    let types = HEAD_TYPES.iter().chain(&["bigint"; 18]).chain(&["text"]);
    let arrays: Vec<_> = (1..).zip(types).map(|(number, name)| format!("${number}::{name}[]")).collect();
    format!("INSERT INTO usage_events ({}) SELECT * FROM UNNEST({})", columns(""), arrays.join(", "))
});
static FIND: LazyLock<ValuesStatement> = LazyLock::new(|| ValuesStatement {
    head: "WITH asked (shard, customer_key, occurred_at, event_key) AS (VALUES",
    columns: 4,
    tail: String::leak(format!(
        ") SELECT {} FROM asked a CROSS JOIN usage_events f ON f.shard = a.shard AND f.customer_key = a.customer_key \
         AND f.occurred_at = a.occurred_at AND f.event_key = a.event_key",
        read_columns()
    )),
});
static FIND_POSTGRES: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM UNNEST($1::smallint[], $2::bytea[], $3::bigint[], $4::bytea[]) \
         AS a (shard, customer_key, occurred_at, event_key) JOIN usage_events f ON f.shard = a.shard \
         AND f.customer_key = a.customer_key AND f.occurred_at = a.occurred_at AND f.event_key = a.event_key",
        read_columns()
    )
});
/// Events (by their first fact) of a customer before a point, newest first. Row values compare by the index.
static LIST: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM usage_events f WHERE f.shard = $1 AND f.customer_key = $2 AND f.occurred_at >= $3 \
         AND (f.occurred_at, f.event_key) < ($4, $5) AND f.ordinal = 1 AND ($6 = '' OR f.event_type = $6) \
         ORDER BY f.occurred_at DESC, f.event_key DESC LIMIT $7",
        read_columns()
    )
});
/// A page of all facts of a shard, for making the roll-ups again.
static WALK: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM usage_events f WHERE f.shard = $1 \
         AND (f.customer_key, f.occurred_at, f.event_key, f.ordinal) > ($2, $3, $4, $5) \
         ORDER BY f.customer_key, f.occurred_at, f.event_key, f.ordinal LIMIT $6",
        read_columns()
    )
});

macro_rules! fact_of {
    ($row:expr, $shard:expr) => {{
        let row = $row;
        let place =
            Place { shard: $shard, customer: key_of(row.try_get(0)?)?, event: key_of(row.try_get(2)?)? };
        let word = |number: usize| row.try_get::<String, _>(number);
        let (kind, class) = (word(4)?, word(14)?);
        let body: &str = row.try_get(34)?;
        Fact {
            place,
            occurred_at: Timestamp::from_micros(row.try_get(1)?),
            ordinal: int(row.try_get(3)?)?,
            kind: FactKind::from_word(&kind).ok_or_else(|| undecodable("kind", &kind))?,
            part: int(row.try_get(5)?)?,
            recorded_at: Timestamp::from_micros(row.try_get(6)?),
            tenant: word(7)?,
            customer_id: word(8)?,
            unit: word(9)?,
            event_id: word(10)?,
            event_type: word(11)?,
            usage_class: UsageClass::from_word(&class).ok_or_else(|| undecodable("class", &class))?,
            currency: word(15)?,
            sums: sums_of!(row, 16),
            body: from_json("fact", body)?,
        }
    }};
}

fn bind_head<'q>(query: SqliteQuery<'q>, fact: &'q Fact) -> SqliteQuery<'q> {
    query
        .bind(smallint(fact.place.shard))
        .bind(&fact.place.customer[..])
        .bind(fact.occurred_at.micros())
        .bind(&fact.place.event[..])
        .bind(i64::from(fact.ordinal))
        .bind(fact.kind.word())
        .bind(i64::from(fact.part))
        .bind(fact.recorded_at.micros())
        .bind(&fact.tenant)
        .bind(&fact.customer_id)
        .bind(&fact.unit)
        .bind(&fact.event_id)
        .bind(&fact.event_type)
        .bind(fact.model())
        .bind(fact.feature())
        .bind(fact.usage_class.word())
        .bind(&fact.currency)
}

fn bind_heads<'q>(query: PostgresQuery<'q>, facts: &'q [Fact]) -> PostgresQuery<'q> {
    fn all<'q, T>(facts: &'q [Fact], of: impl Fn(&'q Fact) -> T) -> Vec<T> {
        facts.iter().map(of).collect()
    }
    query
        .bind(all(facts, |fact| smallint(fact.place.shard)))
        .bind(all(facts, |fact| &fact.place.customer[..]))
        .bind(all(facts, |fact| fact.occurred_at.micros()))
        .bind(all(facts, |fact| &fact.place.event[..]))
        .bind(all(facts, |fact| i64::from(fact.ordinal)))
        .bind(all(facts, |fact| fact.kind.word()))
        .bind(all(facts, |fact| i64::from(fact.part)))
        .bind(all(facts, |fact| fact.recorded_at.micros()))
        .bind(all(facts, |fact| fact.tenant.as_str()))
        .bind(all(facts, |fact| fact.customer_id.as_str()))
        .bind(all(facts, |fact| fact.unit.as_str()))
        .bind(all(facts, |fact| fact.event_id.as_str()))
        .bind(all(facts, |fact| fact.event_type.as_str()))
        .bind(all(facts, Fact::model))
        .bind(all(facts, Fact::feature))
        .bind(all(facts, |fact| fact.usage_class.word()))
        .bind(all(facts, |fact| fact.currency.as_str()))
}

/// Binds the four names of each event, a column each.
fn bind_asked<'q>(query: PostgresQuery<'q>, events: &'q [FactRef]) -> PostgresQuery<'q> {
    query
        .bind(events.iter().map(|event| smallint(event.place.shard)).collect::<Vec<_>>())
        .bind(events.iter().map(|event| &event.place.customer[..]).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.occurred_at.micros()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| &event.place.event[..]).collect::<Vec<_>>())
}

fn int(number: i64) -> Result<i32> {
    i32::try_from(number).map_err(|fault| undecodable("number", fault))
}

impl Tx {
    /// Inserts facts. A fact whose ordinal is not known yet gets the next one of its event.
    pub(super) async fn insert_facts(&mut self, facts: &[Fact]) -> Result<()> {
        if facts.is_empty() {
            return Ok(());
        }
        let bodies: Vec<String> = facts.iter().map(|fact| to_json(&fact.body)).collect();
        match self {
            Tx::Sqlite(tx) => {
                let rows: Vec<_> = facts.iter().zip(&bodies).collect();
                let done = INSERT.execute(tx, &rows, |query, (fact, body)| {
                    bind_sums_sqlite(bind_head(query, fact), &fact.sums).bind(body.as_str())
                });
                done.await?;
            }
            Tx::Postgres(tx) => {
                let query = bind_heads(sqlx::query(INSERT_POSTGRES.as_str()), facts);
                let query = bind_sums(query, facts.iter().map(|fact| &fact.sums));
                query.bind(bodies).execute(&mut **tx).await?;
            }
        }
        Ok(())
    }

    /// All facts of these events, by event and ordinal.
    pub async fn find_facts(&mut self, events: &[FactRef]) -> Result<Vec<Fact>> {
        let mut facts: Vec<Fact> = Vec::with_capacity(events.len());
        if events.is_empty() {
            return Ok(facts);
        }
        let shards: std::collections::HashMap<Key, u16> =
            events.iter().map(|event| (event.place.event, event.place.shard)).collect();
        macro_rules! read {
            ($rows:expr) => {
                for row in &$rows {
                    let shard = shards.get(&key_of(row.try_get(2)?)?).copied().unwrap_or_default();
                    facts.push(fact_of!(row, shard));
                }
            };
        }
        match self {
            Tx::Sqlite(tx) => {
                let rows = FIND.fetch(tx, events, |query, event| {
                    query
                        .bind(smallint(event.place.shard))
                        .bind(&event.place.customer[..])
                        .bind(event.occurred_at.micros())
                        .bind(&event.place.event[..])
                });
                read!(rows.await?);
            }
            Tx::Postgres(tx) => {
                let query = bind_asked(sqlx::query(FIND_POSTGRES.as_str()), events);
                read!(query.fetch_all(&mut **tx).await?);
            }
        }
        facts.sort_by_key(|fact| (fact.place.event, fact.ordinal));
        Ok(facts)
    }

    /// First facts of a customer's events from `from` on and before `before`, newest first.
    pub async fn list_first_facts(
        &mut self,
        customer: Place,
        from: Timestamp,
        before: (Timestamp, Vec<u8>),
        event_type: &str,
        limit: usize,
    ) -> Result<Vec<Fact>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut facts = Vec::new();
        macro_rules! read {
            ($tx:expr) => {{
                let query = sqlx::query(AssertSqlSafe(LIST.as_str()))
                    .bind(smallint(customer.shard))
                    .bind(&customer.customer[..])
                    .bind(from.micros())
                    .bind(before.0.micros())
                    .bind(before.1)
                    .bind(event_type)
                    .bind(limit);
                for row in &query.fetch_all(&mut **$tx).await? {
                    facts.push(fact_of!(row, customer.shard));
                }
            }};
        }
        match self {
            Tx::Sqlite(tx) => read!(tx),
            Tx::Postgres(tx) => read!(tx),
        }
        Ok(facts)
    }

    /// The next facts of a shard after one, in the order of the index.
    pub(super) async fn walk_facts(
        &mut self,
        shard: u16,
        after: Option<&Fact>,
        limit: i64,
    ) -> Result<Vec<Fact>> {
        let mut facts = Vec::new();
        let place = after.map_or_else(Place::default, |fact| fact.place);
        let occurred_at = after.map_or(i64::MIN, |fact| fact.occurred_at.micros());
        let ordinal = after.map_or(0, |fact| i64::from(fact.ordinal));
        macro_rules! read {
            ($tx:expr) => {{
                let query = sqlx::query(AssertSqlSafe(WALK.as_str()))
                    .bind(smallint(shard))
                    .bind(&place.customer[..])
                    .bind(occurred_at)
                    .bind(&place.event[..])
                    .bind(ordinal)
                    .bind(limit);
                for row in &query.fetch_all(&mut **$tx).await? {
                    facts.push(fact_of!(row, shard));
                }
            }};
        }
        match self {
            Tx::Sqlite(tx) => read!(tx),
            Tx::Postgres(tx) => read!(tx),
        }
        Ok(facts)
    }
}
