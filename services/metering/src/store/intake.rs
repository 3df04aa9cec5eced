//! Steps that are stored and not finished.

use std::collections::HashSet;

use chit_store::ValuesStatement;
use chit_types::Timestamp;
use sea_orm::sqlx::{self, Row};

use super::{Result, Tx, from_json, key_of, smallint, to_json};
use crate::domain::names::{Key, Place};
use crate::domain::pending::Pending;

/// A step with its text, made once.
#[derive(Clone, Debug)]
pub struct IntakeRow {
    /// Where its event lives.
    pub place: Place,
    /// Its name in the event.
    pub step: String,
    /// When it was stored.
    pub created_at: Timestamp,
    body: String,
}

impl IntakeRow {
    /// The row of a step.
    #[must_use]
    pub fn new(pending: &Pending) -> Self {
        Self {
            place: pending.fact.place,
            step: pending.step.clone(),
            created_at: pending.stored_at,
            body: to_json(pending),
        }
    }
}

const INSERT: ValuesStatement = ValuesStatement {
    head: "INSERT INTO intake (shard, event_key, step, created_at, body) VALUES",
    columns: 5,
    tail: "ON CONFLICT DO NOTHING",
};
const INSERT_POSTGRES: &str = "INSERT INTO intake (shard, event_key, step, created_at, body) \
     SELECT * FROM UNNEST($1::smallint[], $2::bytea[], $3::text[], $4::bigint[], $5::text[]) ON CONFLICT DO NOTHING";
const FIND: ValuesStatement = ValuesStatement {
    head: "WITH asked (shard, event_key) AS (VALUES",
    columns: 2,
    tail: ") SELECT i.body, i.created_at FROM asked a CROSS JOIN intake i ON i.shard = a.shard AND i.event_key = a.event_key",
};
const FIND_POSTGRES: &str = "SELECT i.body, i.created_at FROM UNNEST($1::smallint[], $2::bytea[]) AS a (shard, event_key) \
     JOIN intake i ON i.shard = a.shard AND i.event_key = a.event_key";
const DELETE: ValuesStatement = ValuesStatement {
    head: "DELETE FROM intake WHERE (shard, event_key, step, created_at) IN (VALUES",
    columns: 4,
    tail: ") RETURNING event_key, step",
};
const DELETE_POSTGRES: &str = "DELETE FROM intake i USING UNNEST($1::smallint[], $2::bytea[], $3::text[], $4::bigint[]) \
     AS a (shard, event_key, step, created_at) WHERE i.shard = a.shard AND i.event_key = a.event_key \
     AND i.step = a.step AND i.created_at = a.created_at \
     RETURNING i.event_key, i.step";
/// Every row is in flight or left behind: the table is small, and needs no index for this.
const LEFT_BEHIND: &str =
    "SELECT body, created_at FROM intake WHERE created_at <= $1 ORDER BY created_at LIMIT $2";

fn pending_of((body, stored_at): &(String, i64)) -> Result<Pending> {
    let pending: Pending = from_json("intake", body)?;
    Ok(Pending { stored_at: Timestamp::from_micros(*stored_at), ..pending })
}

impl Tx {
    /// Stores steps; one that is there stays as it is.
    pub async fn insert_intake(&mut self, rows: &[IntakeRow]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        match self {
            Tx::Sqlite(tx) => {
                let done = INSERT.execute(tx, rows, |query, row| {
                    query
                        .bind(smallint(row.place.shard))
                        .bind(&row.place.event[..])
                        .bind(&row.step)
                        .bind(row.created_at.micros())
                        .bind(&row.body)
                });
                done.await?;
            }
            Tx::Postgres(tx) => {
                let query = sqlx::query(INSERT_POSTGRES)
                    .bind(rows.iter().map(|row| smallint(row.place.shard)).collect::<Vec<_>>())
                    .bind(rows.iter().map(|row| &row.place.event[..]).collect::<Vec<_>>())
                    .bind(rows.iter().map(|row| row.step.as_str()).collect::<Vec<_>>())
                    .bind(rows.iter().map(|row| row.created_at.micros()).collect::<Vec<_>>())
                    .bind(rows.iter().map(|row| row.body.as_str()).collect::<Vec<_>>());
                query.execute(&mut **tx).await?;
            }
        }
        Ok(())
    }

    /// The stored steps of these events.
    pub async fn find_intake(&mut self, places: &[Place]) -> Result<Vec<Pending>> {
        let mut stored: Vec<(String, i64)> = Vec::new();
        match self {
            Tx::Sqlite(tx) => {
                let rows = FIND.fetch(tx, places, |query, place| {
                    query.bind(smallint(place.shard)).bind(&place.event[..])
                });
                for row in rows.await? {
                    stored.push((row.try_get(0)?, row.try_get(1)?));
                }
            }
            Tx::Postgres(tx) => {
                let query = sqlx::query(FIND_POSTGRES)
                    .bind(places.iter().map(|place| smallint(place.shard)).collect::<Vec<_>>())
                    .bind(places.iter().map(|place| &place.event[..]).collect::<Vec<_>>());
                for row in query.fetch_all(&mut **tx).await? {
                    stored.push((row.try_get(0)?, row.try_get(1)?));
                }
            }
        }
        stored.iter().map(pending_of).collect()
    }

    /// Takes steps out: whoever takes a step out writes its facts. A step that was finished and stored anew under the
    /// same name is another one. Rows come in order of their place.
    pub async fn delete_intake(
        &mut self,
        steps: &[(Place, &str, Timestamp)],
    ) -> Result<HashSet<(Key, String)>> {
        let mut deleted = HashSet::with_capacity(steps.len());
        if steps.is_empty() {
            return Ok(deleted);
        }
        match self {
            Tx::Sqlite(tx) => {
                let rows = DELETE.fetch(tx, steps, |query, (place, step, stored_at)| {
                    query
                        .bind(smallint(place.shard))
                        .bind(&place.event[..])
                        .bind(*step)
                        .bind(stored_at.micros())
                });
                for row in rows.await? {
                    deleted.insert((key_of(row.try_get(0)?)?, row.try_get(1)?));
                }
            }
            Tx::Postgres(tx) => {
                let query = sqlx::query(DELETE_POSTGRES)
                    .bind(steps.iter().map(|(place, ..)| smallint(place.shard)).collect::<Vec<_>>())
                    .bind(steps.iter().map(|(place, ..)| &place.event[..]).collect::<Vec<_>>())
                    .bind(steps.iter().map(|(_, step, _)| *step).collect::<Vec<_>>())
                    .bind(steps.iter().map(|(.., stored_at)| stored_at.micros()).collect::<Vec<_>>());
                for row in query.fetch_all(&mut **tx).await? {
                    deleted.insert((key_of(row.try_get(0)?)?, row.try_get(1)?));
                }
            }
        }
        Ok(deleted)
    }

    /// Steps stored at or before `until`, oldest first: what a crash or an absent wallet left.
    pub async fn left_behind(&mut self, until: Timestamp, limit: usize) -> Result<Vec<Pending>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut stored: Vec<(String, i64)> = Vec::new();
        match self {
            Tx::Sqlite(tx) => {
                let query = sqlx::query(LEFT_BEHIND).bind(until.micros()).bind(limit);
                for row in query.fetch_all(&mut **tx).await? {
                    stored.push((row.try_get(0)?, row.try_get(1)?));
                }
            }
            Tx::Postgres(tx) => {
                let query = sqlx::query(LEFT_BEHIND).bind(until.micros()).bind(limit);
                for row in query.fetch_all(&mut **tx).await? {
                    stored.push((row.try_get(0)?, row.try_get(1)?));
                }
            }
        }
        stored.iter().map(pending_of).collect()
    }
}
