//! Which facts each finished batch wrote, by shard and tenant: what TailEvents reads.

use std::collections::BTreeMap;

use chit_store::ValuesStatement;
use chit_types::Timestamp;
use sea_orm::sqlx::{self, Row};

use super::facts::FactRef;
use super::{Result, Tx, key_of, smallint, undecodable};
use crate::domain::fact::Fact;
use crate::domain::names::Place;

/// Bytes of one fact in a row: customer, time, event, ordinal.
const ENTRY: usize = 16 + 8 + 16 + 4;

/// What one batch wrote of one tenant in one shard.
#[derive(Clone, Debug)]
pub struct FeedRow {
    /// The shard.
    pub shard: u16,
    /// When.
    pub at: Timestamp,
    /// The batch.
    pub batch: [u8; 16],
    /// The facts: where, and which ordinal.
    pub facts: Vec<(FactRef, i32)>,
}

const INSERT: ValuesStatement = ValuesStatement {
    head: "INSERT INTO feed (shard, tenant, at, batch, facts) VALUES",
    columns: 5,
    tail: "",
};
const INSERT_POSTGRES: &str = "INSERT INTO feed (shard, tenant, at, batch, facts) \
     SELECT * FROM UNNEST($1::smallint[], $2::text[], $3::bigint[], $4::bytea[], $5::bytea[])";
/// One probe of the index a shard: no other index, and no scan of what was read before.
const READ_SQLITE: &str = "WITH RECURSIVE shards (shard) AS (SELECT 0 UNION ALL SELECT shard + 1 FROM shards \
     WHERE shard + 1 < $1) SELECT f.shard, f.at, f.batch, f.facts FROM shards s CROSS JOIN feed f \
     ON f.shard = s.shard AND f.tenant = $2 AND f.at >= $3 ORDER BY f.at LIMIT $4";
const READ_POSTGRES: &str = "SELECT f.shard::bigint, f.at, f.batch, f.facts \
     FROM generate_series(0, $1::bigint - 1) AS s (shard) CROSS JOIN LATERAL (SELECT * FROM feed \
     WHERE feed.shard = s.shard::smallint AND feed.tenant = $2 AND feed.at >= $3 ORDER BY feed.at LIMIT $4) f \
     ORDER BY f.at LIMIT $4";
const PRUNE: &str = "DELETE FROM feed WHERE at < $1";

impl Tx {
    pub(super) async fn insert_feed(
        &mut self,
        facts: &[Fact],
        batch: [u8; 16],
        now: Timestamp,
    ) -> Result<()> {
        let mut rows: BTreeMap<(u16, &str), Vec<u8>> = BTreeMap::new();
        for fact in facts {
            let row = rows.entry((fact.place.shard, &fact.tenant)).or_default();
            row.extend_from_slice(&fact.place.customer);
            row.extend_from_slice(&fact.occurred_at.micros().to_be_bytes());
            row.extend_from_slice(&fact.place.event);
            row.extend_from_slice(&fact.ordinal.to_be_bytes());
        }
        let rows: Vec<_> = rows.into_iter().collect();
        match self {
            Tx::Sqlite(tx) => {
                let done = INSERT.execute(tx, &rows, |query, ((shard, tenant), entries)| {
                    query
                        .bind(smallint(*shard))
                        .bind(*tenant)
                        .bind(now.micros())
                        .bind(batch.to_vec())
                        .bind(&entries[..])
                });
                done.await?;
            }
            Tx::Postgres(tx) => {
                let query = sqlx::query(INSERT_POSTGRES)
                    .bind(rows.iter().map(|((shard, _), _)| smallint(*shard)).collect::<Vec<_>>())
                    .bind(rows.iter().map(|((_, tenant), _)| *tenant).collect::<Vec<_>>())
                    .bind(vec![now.micros(); rows.len()])
                    .bind(vec![batch.to_vec(); rows.len()])
                    .bind(rows.iter().map(|(_, entries)| &entries[..]).collect::<Vec<_>>());
                query.execute(&mut **tx).await?;
            }
        }
        Ok(())
    }

    /// What batches wrote of a tenant at or after a time, oldest first.
    pub async fn read_feed(
        &mut self,
        tenant: &str,
        shards: u16,
        from: Timestamp,
        limit: usize,
    ) -> Result<Vec<FeedRow>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut found = Vec::new();
        macro_rules! read {
            ($tx:expr, $text:expr) => {{
                let query =
                    sqlx::query($text).bind(i64::from(shards)).bind(tenant).bind(from.micros()).bind(limit);
                for row in query.fetch_all(&mut **$tx).await? {
                    let shard: i64 = row.try_get(0)?;
                    let shard = u16::try_from(shard).map_err(|fault| undecodable("shard", fault))?;
                    found.push(FeedRow {
                        shard,
                        at: Timestamp::from_micros(row.try_get(1)?),
                        batch: key_of(row.try_get(2)?)?,
                        facts: entries(shard, row.try_get(3)?)?,
                    });
                }
            }};
        }
        match self {
            Tx::Sqlite(tx) => read!(tx, READ_SQLITE),
            Tx::Postgres(tx) => read!(tx, READ_POSTGRES),
        }
        Ok(found)
    }

    /// Forgets what is older than the feed is kept.
    pub async fn prune_feed(&mut self, before: Timestamp) -> Result<()> {
        match self {
            Tx::Sqlite(tx) => {
                sqlx::query(PRUNE).bind(before.micros()).execute(&mut **tx).await?;
            }
            Tx::Postgres(tx) => {
                sqlx::query(PRUNE).bind(before.micros()).execute(&mut **tx).await?;
            }
        }
        Ok(())
    }
}

fn entries(shard: u16, bytes: &[u8]) -> Result<Vec<(FactRef, i32)>> {
    let read = |entry: &[u8]| {
        let time: [u8; 8] = entry[16..24].try_into().expect("eight bytes");
        let ordinal: [u8; 4] = entry[40..44].try_into().expect("four bytes");
        let place = Place { shard, customer: key_of(&entry[..16])?, event: key_of(&entry[24..40])? };
        let occurred_at = Timestamp::from_micros(i64::from_be_bytes(time));
        Ok((FactRef { place, occurred_at }, i32::from_be_bytes(ordinal)))
    };
    bytes.chunks_exact(ENTRY).map(read).collect()
}
