//! Which event ids were used: decides duplicates.

use std::collections::{HashMap, HashSet};

use chit_store::ValuesStatement;
use chit_types::Timestamp;
use sea_orm::sqlx::{self, Row};

use super::{Locking, Result, Tx, key_of, smallint, undecodable};
use crate::domain::names::{Key, Place};

/// What an id was used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// An event that happened.
    Event,
    /// An authorization.
    Authorization,
    /// An event too late to be charged.
    Parked,
}

/// A used id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// Where the event lives.
    pub place: Place,
    /// What it was used for.
    pub kind: KeyKind,
    /// When the event occurred, as stored.
    pub occurred_at: Timestamp,
    /// Of its content.
    pub fingerprint: [u8; 17],
}

impl KeyKind {
    const fn word(self) -> &'static str {
        match self {
            KeyKind::Event => "event",
            KeyKind::Authorization => "authorization",
            KeyKind::Parked => "parked",
        }
    }

    fn from_word(word: &str) -> Result<Self> {
        [KeyKind::Event, KeyKind::Authorization, KeyKind::Parked]
            .into_iter()
            .find(|kind| kind.word() == word)
            .ok_or_else(|| undecodable("kind", word))
    }
}

const INSERT: ValuesStatement = ValuesStatement {
    head: "INSERT INTO event_keys (shard, event_key, kind, occurred_at, fingerprint) VALUES",
    columns: 5,
    tail: "ON CONFLICT DO NOTHING RETURNING event_key",
};
const INSERT_POSTGRES: &str = "INSERT INTO event_keys (shard, event_key, kind, occurred_at, fingerprint) \
     SELECT * FROM UNNEST($1::smallint[], $2::bytea[], $3::text[], $4::bigint[], $5::bytea[]) \
     ON CONFLICT DO NOTHING RETURNING event_key";
const FIND: ValuesStatement = ValuesStatement {
    head: "WITH asked (shard, event_key) AS (VALUES",
    columns: 2,
    tail: ") SELECT k.event_key, k.kind, k.occurred_at, k.fingerprint FROM asked a CROSS JOIN event_keys k \
           ON k.shard = a.shard AND k.event_key = a.event_key",
};
const FIND_POSTGRES: &str = "SELECT k.event_key, k.kind, k.occurred_at, k.fingerprint \
     FROM UNNEST($1::smallint[], $2::bytea[]) AS a (shard, event_key) \
     JOIN event_keys k ON k.shard = a.shard AND k.event_key = a.event_key";
const FIND_POSTGRES_LOCKED: &str = "SELECT k.event_key, k.kind, k.occurred_at, k.fingerprint FROM event_keys k \
     WHERE (k.shard, k.event_key) IN (SELECT * FROM UNNEST($1::smallint[], $2::bytea[])) \
     ORDER BY k.shard, k.event_key FOR NO KEY UPDATE OF k";
const UNPARK: &str = "UPDATE event_keys SET kind = 'event' WHERE shard = $1 AND event_key = $2";

impl Tx {
    /// Takes ids that are free; answers which. Rows come in order of their place: two pods that wait for each
    /// other's ids would otherwise deadlock.
    pub async fn take_keys(&mut self, rows: &[KeyRow]) -> Result<HashSet<Key>> {
        debug_assert!(rows.is_sorted_by_key(|row| (row.place.shard, row.place.event)));
        let mut taken = HashSet::with_capacity(rows.len());
        match self {
            Tx::Sqlite(tx) => {
                let found = INSERT.fetch(tx, rows, |query, row| {
                    query
                        .bind(smallint(row.place.shard))
                        .bind(&row.place.event[..])
                        .bind(row.kind.word())
                        .bind(row.occurred_at.micros())
                        .bind(&row.fingerprint[..])
                });
                for row in found.await? {
                    taken.insert(key_of(row.try_get(0)?)?);
                }
            }
            Tx::Postgres(tx) => {
                let query = sqlx::query(INSERT_POSTGRES)
                    .bind(rows.iter().map(|row| smallint(row.place.shard)).collect::<Vec<_>>())
                    .bind(rows.iter().map(|row| &row.place.event[..]).collect::<Vec<_>>())
                    .bind(rows.iter().map(|row| row.kind.word()).collect::<Vec<_>>())
                    .bind(rows.iter().map(|row| row.occurred_at.micros()).collect::<Vec<_>>())
                    .bind(rows.iter().map(|row| &row.fingerprint[..]).collect::<Vec<_>>());
                for row in query.fetch_all(&mut **tx).await? {
                    taken.insert(key_of(row.try_get(0)?)?);
                }
            }
        }
        Ok(taken)
    }

    /// The used ones of these ids. Locked where a step may follow: what a step is decided on must still hold when it
    /// is stored, or another pod's whole step fits in between and the same charge is recorded twice.
    pub async fn find_keys(&mut self, places: &[Place], locking: Locking) -> Result<HashMap<Key, KeyRow>> {
        let mut found = HashMap::with_capacity(places.len());
        macro_rules! read {
            ($rows:expr) => {
                for row in $rows {
                    let event = key_of(row.try_get(0)?)?;
                    let fingerprint: &[u8] = row.try_get(3)?;
                    let key = KeyRow {
                        place: Place { event, ..Place::default() },
                        kind: KeyKind::from_word(row.try_get(1)?)?,
                        occurred_at: Timestamp::from_micros(row.try_get(2)?),
                        fingerprint: fingerprint
                            .try_into()
                            .map_err(|fault| undecodable("fingerprint", fault))?,
                    };
                    found.insert(event, key);
                }
            };
        }
        match self {
            // SQLite's one writer holds the whole file already.
            Tx::Sqlite(tx) => {
                let rows = FIND.fetch(tx, places, |query, place| {
                    query.bind(smallint(place.shard)).bind(&place.event[..])
                });
                read!(rows.await?);
            }
            Tx::Postgres(tx) => {
                let text = match locking {
                    Locking::None => FIND_POSTGRES,
                    Locking::Rows => FIND_POSTGRES_LOCKED,
                };
                let query = sqlx::query(text)
                    .bind(places.iter().map(|place| smallint(place.shard)).collect::<Vec<_>>())
                    .bind(places.iter().map(|place| &place.event[..]).collect::<Vec<_>>());
                read!(query.fetch_all(&mut **tx).await?);
            }
        }
        for place in places {
            if let Some(key) = found.get_mut(&place.event) {
                key.place = *place;
            }
        }
        Ok(found)
    }

    /// A parked id is an ordinary event's from now on.
    pub async fn unpark_key(&mut self, place: Place) -> Result<()> {
        match self {
            Tx::Sqlite(tx) => {
                let query = sqlx::query(UNPARK).bind(smallint(place.shard)).bind(&place.event[..]);
                query.execute(&mut **tx).await?;
            }
            Tx::Postgres(tx) => {
                let query = sqlx::query(UNPARK).bind(smallint(place.shard)).bind(&place.event[..]);
                query.execute(&mut **tx).await?;
            }
        }
        Ok(())
    }
}
