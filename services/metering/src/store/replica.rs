//! The durable copy of what pricing published: metering prices on when pricing is down, even after a restart.

use sea_orm::sqlx::{self, Row};

use super::{Result, Tx};

/// The key of the cursor's row; no resource has an empty one.
const CURSOR: &str = "";

/// One tenant's copy.
#[derive(Clone, Debug, Default)]
pub struct StoredReplica {
    /// Where to go on following.
    pub cursor: String,
    /// The resources as they were sent.
    pub resources: Vec<Vec<u8>>,
}

const PUT: &str = "INSERT INTO price_replica (tenant, key, body) VALUES ($1, $2, $3) \
     ON CONFLICT (tenant, key) DO UPDATE SET body = excluded.body";
const GET: &str = "SELECT key, body FROM price_replica WHERE tenant = $1 ORDER BY key";
const TENANTS: &str = "SELECT tenant FROM price_replica WHERE key = ''";

impl Tx {
    /// Replaces resources by key and moves the cursor. Changes come rarely, so one statement each will do.
    pub async fn put_replica(
        &mut self,
        tenant: &str,
        cursor: &str,
        changes: &[(String, Vec<u8>)],
    ) -> Result<()> {
        let cursor = (CURSOR.to_string(), cursor.as_bytes().to_vec());
        for (key, body) in changes.iter().chain([&cursor]) {
            match self {
                Tx::Sqlite(tx) => {
                    let query = sqlx::query(PUT).bind(tenant).bind(key).bind(body);
                    query.execute(&mut **tx).await?;
                }
                Tx::Postgres(tx) => {
                    let query = sqlx::query(PUT).bind(tenant).bind(key).bind(body);
                    query.execute(&mut **tx).await?;
                }
            }
        }
        Ok(())
    }

    /// One tenant's copy; none where nothing was ever stored.
    pub async fn get_replica(&mut self, tenant: &str) -> Result<Option<StoredReplica>> {
        let mut stored: Option<StoredReplica> = None;
        macro_rules! read {
            ($tx:expr) => {
                for row in sqlx::query(GET).bind(tenant).fetch_all(&mut **$tx).await? {
                    let key: String = row.try_get(0)?;
                    let body: Vec<u8> = row.try_get(1)?;
                    let copy = stored.get_or_insert_default();
                    if key == CURSOR {
                        copy.cursor = String::from_utf8_lossy(&body).into_owned();
                    } else {
                        copy.resources.push(body);
                    }
                }
            };
        }
        match self {
            Tx::Sqlite(tx) => read!(tx),
            Tx::Postgres(tx) => read!(tx),
        }
        Ok(stored)
    }

    /// Tenants that have a copy.
    pub async fn replica_tenants(&mut self) -> Result<Vec<String>> {
        let mut tenants = Vec::new();
        macro_rules! read {
            ($tx:expr) => {
                for row in sqlx::query(TENANTS).fetch_all(&mut **$tx).await? {
                    tenants.push(row.try_get(0)?);
                }
            };
        }
        match self {
            Tx::Sqlite(tx) => read!(tx),
            Tx::Postgres(tx) => read!(tx),
        }
        Ok(tenants)
    }
}
