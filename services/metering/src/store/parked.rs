//! Events that came too late, as they were sent.

use chit_store::ValuesStatement;
use chit_types::Timestamp;
use sea_orm::sqlx::{self, Row};

use super::{Result, Tx, from_json, key_of, smallint, to_json, undecodable};
use crate::domain::event::Content;
use crate::domain::names::{Key, Place};

/// An event that waits for an operator.
#[derive(Clone, Debug)]
pub struct ParkedRow {
    /// Its shard.
    pub shard: u16,
    /// Its event key.
    pub event: Key,
    /// When it came.
    pub parked_at: Timestamp,
    /// As it was sent.
    pub content: Content,
}

const INSERT: ValuesStatement = ValuesStatement {
    head: "INSERT INTO parked (shard, event_key, tenant, parked_at, body) VALUES",
    columns: 5,
    tail: "ON CONFLICT DO NOTHING",
};
const INSERT_POSTGRES: &str = "INSERT INTO parked (shard, event_key, tenant, parked_at, body) \
     SELECT * FROM UNNEST($1::smallint[], $2::bytea[], $3::text[], $4::bigint[], $5::text[]) ON CONFLICT DO NOTHING";
const GET: &str = "SELECT shard, event_key, parked_at, body FROM parked WHERE shard = $1 AND event_key = $2";
const LIST: &str = "SELECT shard, event_key, parked_at, body FROM parked \
     WHERE (shard, event_key) > ($1, $2) AND tenant = $3 ORDER BY shard, event_key LIMIT $4";
const DELETE: &str = "DELETE FROM parked WHERE shard = $1 AND event_key = $2";

macro_rules! parked_of {
    ($row:expr) => {{
        let row = $row;
        let shard: i16 = row.try_get(0)?;
        ParkedRow {
            shard: u16::try_from(shard).map_err(|fault| undecodable("shard", fault))?,
            event: key_of(row.try_get(1)?)?,
            parked_at: Timestamp::from_micros(row.try_get(2)?),
            content: from_json("parked", row.try_get(3)?)?,
        }
    }};
}

impl Tx {
    /// Parks events; one that is parked stays as it is.
    pub async fn park(&mut self, events: &[(Place, &Content)], now: Timestamp) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let bodies: Vec<String> = events.iter().map(|(_, content)| to_json(content)).collect();
        match self {
            Tx::Sqlite(tx) => {
                let rows: Vec<_> = events.iter().zip(&bodies).collect();
                let done = INSERT.execute(tx, &rows, |query, ((place, content), body)| {
                    query
                        .bind(smallint(place.shard))
                        .bind(&place.event[..])
                        .bind(&content.tenant)
                        .bind(now.micros())
                        .bind(body.as_str())
                });
                done.await?;
            }
            Tx::Postgres(tx) => {
                let query = sqlx::query(INSERT_POSTGRES)
                    .bind(events.iter().map(|(place, _)| smallint(place.shard)).collect::<Vec<_>>())
                    .bind(events.iter().map(|(place, _)| &place.event[..]).collect::<Vec<_>>())
                    .bind(events.iter().map(|(_, content)| content.tenant.as_str()).collect::<Vec<_>>())
                    .bind(vec![now.micros(); events.len()])
                    .bind(bodies);
                query.execute(&mut **tx).await?;
            }
        }
        Ok(())
    }

    /// One parked event.
    pub async fn parked(&mut self, place: Place) -> Result<Option<ParkedRow>> {
        macro_rules! read {
            ($tx:expr) => {{
                let query = sqlx::query(GET).bind(smallint(place.shard)).bind(&place.event[..]);
                match query.fetch_optional(&mut **$tx).await? {
                    Some(row) => Ok(Some(parked_of!(&row))),
                    None => Ok(None),
                }
            }};
        }
        match self {
            Tx::Sqlite(tx) => read!(tx),
            Tx::Postgres(tx) => read!(tx),
        }
    }

    /// Parked events of a tenant after a place, shard by shard.
    pub async fn list_parked(
        &mut self,
        tenant: &str,
        after: (i16, Vec<u8>),
        limit: usize,
    ) -> Result<Vec<ParkedRow>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut found = Vec::new();
        macro_rules! read {
            ($tx:expr) => {{
                let query = sqlx::query(LIST).bind(after.0).bind(after.1).bind(tenant).bind(limit);
                for row in &query.fetch_all(&mut **$tx).await? {
                    found.push(parked_of!(row));
                }
            }};
        }
        match self {
            Tx::Sqlite(tx) => read!(tx),
            Tx::Postgres(tx) => read!(tx),
        }
        Ok(found)
    }

    /// The event is charged now and waits no longer.
    pub async fn unpark(&mut self, place: Place) -> Result<()> {
        self.unpark_key(place).await?;
        match self {
            Tx::Sqlite(tx) => {
                let query = sqlx::query(DELETE).bind(smallint(place.shard)).bind(&place.event[..]);
                query.execute(&mut **tx).await?;
            }
            Tx::Postgres(tx) => {
                let query = sqlx::query(DELETE).bind(smallint(place.shard)).bind(&place.event[..]);
                query.execute(&mut **tx).await?;
            }
        }
        Ok(())
    }
}
