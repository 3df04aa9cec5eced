//! The services as values: opened, migrated, built. `chit dev` and `chit serve` go the same way.

use std::sync::Arc;

use anyhow::Context;
use chit_runtime::Service;
use chit_store::{Database, Migrated, Migrations, StoreError};
use chit_types::{Clock, IdSource, ShardCount, SystemClock, SystemIds};
use tonic::transport::Channel;

use crate::args::ServiceName;
use crate::failure::Failure;

/// Pooled connections of a service to PostgreSQL, lanes apart.
const CONNECTIONS_MAX: u32 = 8;

/// Channels to the services that metering calls.
#[derive(Clone, Debug)]
pub struct Peers {
    /// The wallet service.
    pub wallet: Channel,
    /// The pricing service.
    pub pricing: Channel,
}

/// Opens a service's database.
pub async fn open(service: ServiceName, url: &str) -> anyhow::Result<Database> {
    match Database::open(url, CONNECTIONS_MAX).await {
        Ok(database) => Ok(database),
        Err(fault @ StoreError::UnknownAddress) => {
            Err(Failure::input(format!("the database of {}: {fault}", service.word())))
        }
        Err(fault) => Err(fault).with_context(|| format!("the database of {}", service.word())),
    }
}

/// Brings a service's database to this version's schema.
pub async fn migrate(
    service: ServiceName,
    database: &Database,
    shards: ShardCount,
) -> anyhow::Result<Migrated> {
    let migrated = migrations(service).run(database, shards, SystemClock.now()).await;
    migrated.with_context(|| format!("the database of {} cannot be migrated", service.word()))
}

/// A service's migrations.
pub fn migrations(service: ServiceName) -> &'static Migrations {
    match service {
        ServiceName::Wallet => &chit_wallet::MIGRATIONS,
        ServiceName::Pricing => &chit_pricing::MIGRATIONS,
        ServiceName::Metering => &chit_metering::MIGRATIONS,
    }
}

/// A service over its migrated database. Its lanes start at once.
pub fn build(service: ServiceName, database: &Database, shards: ShardCount, peers: &Peers) -> Service {
    match service {
        ServiceName::Wallet => {
            let config =
                chit_wallet::WalletConfig { shards: shards.get(), ..chit_wallet::WalletConfig::default() };
            chit_wallet::build(config, database.clone(), clock(), ids())
        }
        ServiceName::Pricing => chit_pricing::build(pricing(database), database.clone(), shards),
        ServiceName::Metering => chit_metering::build(chit_metering::Parts {
            database: database.clone(),
            wallet: peers.wallet.clone(),
            pricing: peers.pricing.clone(),
            clock: clock(),
            ids: ids(),
            shards,
            config: chit_metering::Config::default(),
        }),
    }
}

/// Pricing's desk, also for the starter tenant's prices.
pub fn pricing(database: &Database) -> Arc<chit_pricing::App> {
    chit_pricing::app(database.clone(), clock(), ids(), chit_pricing::Config::default())
}

/// The machine's clock, as services take it.
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// The machine's ids, as services take them.
pub fn ids() -> Arc<dyn IdSource> {
    Arc::new(SystemIds)
}
