//! Authorizations: read under their row lock, written whole.

use std::collections::HashMap;

use chit_store::ValuesStatement;
use chit_types::Timestamp;
use sea_orm::sqlx::{self, Row};

use super::{Result, Tx, from_json, smallint, to_json};
use crate::domain::authorization::{Authorization, AuthorizationState};
use crate::domain::names::{Key, Place};

const UPSERT: ValuesStatement = ValuesStatement {
    head: "INSERT INTO authorizations (shard, event_key, state, due_at, body) VALUES",
    columns: 5,
    tail: "ON CONFLICT (shard, event_key) DO UPDATE SET state = excluded.state, due_at = excluded.due_at, \
           body = excluded.body",
};
const UPSERT_POSTGRES: &str = "INSERT INTO authorizations (shard, event_key, state, due_at, body) \
     SELECT * FROM UNNEST($1::smallint[], $2::bytea[], $3::text[], $4::bigint[], $5::text[]) \
     ON CONFLICT (shard, event_key) DO UPDATE SET state = excluded.state, due_at = excluded.due_at, \
     body = excluded.body";
const FIND: ValuesStatement = ValuesStatement {
    head: "WITH asked (shard, event_key) AS (VALUES",
    columns: 2,
    tail: ") SELECT z.body FROM asked a CROSS JOIN authorizations z \
           ON z.shard = a.shard AND z.event_key = a.event_key",
};
const FIND_POSTGRES: &str = "SELECT z.body FROM authorizations z WHERE (z.shard, z.event_key) IN \
     (SELECT * FROM UNNEST($1::smallint[], $2::bytea[])) ORDER BY z.shard, z.event_key";
const FIND_POSTGRES_LOCKED: &str = "SELECT z.body FROM authorizations z WHERE (z.shard, z.event_key) IN \
     (SELECT * FROM UNNEST($1::smallint[], $2::bytea[])) ORDER BY z.shard, z.event_key FOR UPDATE OF z";
const DUE: &str =
    "SELECT body FROM authorizations WHERE shard >= $1 AND due_at IS NOT NULL AND due_at <= $2 LIMIT $3";

/// Whether rows are locked for a decision about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locking {
    /// For a read.
    None,
    /// Until the transaction ends, in order of the key.
    Rows,
}

impl Tx {
    /// Writes authorizations whole, in order of their place.
    pub async fn put_authorizations(&mut self, rows: &[Authorization]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let written: Vec<_> = rows.iter().map(|row| (row, due_at(row), to_json(row))).collect();
        match self {
            Tx::Sqlite(tx) => {
                let done = UPSERT.execute(tx, &written, |query, (row, due_at, body)| {
                    query
                        .bind(smallint(row.place.shard))
                        .bind(&row.place.event[..])
                        .bind(row.state.word())
                        .bind(*due_at)
                        .bind(body)
                });
                done.await?;
            }
            Tx::Postgres(tx) => {
                let query = sqlx::query(UPSERT_POSTGRES)
                    .bind(written.iter().map(|(row, ..)| smallint(row.place.shard)).collect::<Vec<_>>())
                    .bind(written.iter().map(|(row, ..)| &row.place.event[..]).collect::<Vec<_>>())
                    .bind(written.iter().map(|(row, ..)| row.state.word()).collect::<Vec<_>>())
                    .bind(written.iter().map(|(_, due_at, _)| *due_at).collect::<Vec<_>>())
                    .bind(written.iter().map(|(.., body)| body.as_str()).collect::<Vec<_>>());
                query.execute(&mut **tx).await?;
            }
        }
        Ok(())
    }

    /// The authorizations of these events.
    pub async fn find_authorizations(
        &mut self,
        places: &[Place],
        locking: Locking,
    ) -> Result<HashMap<Key, Authorization>> {
        let mut found = HashMap::with_capacity(places.len());
        let mut bodies: Vec<String> = Vec::new();
        match self {
            // SQLite's one writer holds the whole file already.
            Tx::Sqlite(tx) => {
                let rows = FIND.fetch(tx, places, |query, place| {
                    query.bind(smallint(place.shard)).bind(&place.event[..])
                });
                for row in rows.await? {
                    bodies.push(row.try_get(0)?);
                }
            }
            Tx::Postgres(tx) => {
                let text = match locking {
                    Locking::None => FIND_POSTGRES,
                    Locking::Rows => FIND_POSTGRES_LOCKED,
                };
                let query = sqlx::query(text)
                    .bind(places.iter().map(|place| smallint(place.shard)).collect::<Vec<_>>())
                    .bind(places.iter().map(|place| &place.event[..]).collect::<Vec<_>>());
                for row in query.fetch_all(&mut **tx).await? {
                    bodies.push(row.try_get(0)?);
                }
            }
        }
        for body in bodies {
            let authorization: Authorization = from_json("authorization", &body)?;
            found.insert(authorization.place.event, authorization);
        }
        Ok(found)
    }

    /// Authorizations whose hold ended at or before `now`, from a shard on.
    pub async fn due_authorizations(
        &mut self,
        from_shard: u16,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Authorization>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut bodies: Vec<String> = Vec::new();
        match self {
            Tx::Sqlite(tx) => {
                let query = sqlx::query(DUE).bind(smallint(from_shard)).bind(now.micros()).bind(limit);
                for row in query.fetch_all(&mut **tx).await? {
                    bodies.push(row.try_get(0)?);
                }
            }
            Tx::Postgres(tx) => {
                let query = sqlx::query(DUE).bind(smallint(from_shard)).bind(now.micros()).bind(limit);
                for row in query.fetch_all(&mut **tx).await? {
                    bodies.push(row.try_get(0)?);
                }
            }
        }
        bodies.iter().map(|body| from_json("authorization", body)).collect()
    }
}

/// When the closing job must look at it; never once it is closed.
fn due_at(authorization: &Authorization) -> Option<i64> {
    match authorization.state {
        AuthorizationState::Pending
        | AuthorizationState::Declined
        | AuthorizationState::Open
        | AuthorizationState::Partly => Some(authorization.expires_at.micros()),
        AuthorizationState::Settled
        | AuthorizationState::Voided
        | AuthorizationState::Expired
        | AuthorizationState::Closed => None,
    }
}
