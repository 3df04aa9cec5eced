//! The metering service: what customers did becomes priced, deducted, explained and added up, exactly once.
//!
//! In reading order: [`domain`] (the decisions, pure), [`pipeline`] (an event's way through a lane's batch),
//! [`prices`] (the books it prices from), [`store`] (the only SQL), [`reading`], [`clients`] (the wallet), [`rpc`]
//! (the contract), [`jobs`] (what a crash left behind).

pub mod clients;
pub mod config;
pub mod domain;
pub mod jobs;
pub mod pipeline;
pub mod prices;
pub mod reading;
pub mod rpc;
pub mod store;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chit_api::metering::v1::metering_service_server::MeteringServiceServer;
use chit_runtime::Service;
use chit_store::Database;
use chit_types::{Clock, IdSource, ShardCount};
use tonic::transport::Channel;

use clients::{Currencies, WalletClient};
use pipeline::{Desk, Tools};
use prices::Replicas;
use rpc::MeteringRpc;

pub use config::Config;
pub use store::MIGRATIONS;

/// Lanes finish what they have in this time at a stop; the rest is in intake.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);
/// A batch of 1,000 events with every field full is below this.
const MESSAGE_BYTES: usize = 32 << 20;

/// What the service is built from.
#[derive(Clone, Debug)]
pub struct Parts {
    /// A migrated database.
    pub database: Database,
    /// To the wallet service.
    pub wallet: Channel,
    /// To the pricing service.
    pub pricing: Channel,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
    /// The installation's shards.
    pub shards: ShardCount,
    /// Settings.
    pub config: Config,
}

/// The service as a value. Call it within a tokio runtime: the lanes start at once.
#[must_use]
pub fn build(parts: Parts) -> Service {
    build_with_desk(parts).0
}

/// The same with its lanes, for tests that run jobs by hand.
#[must_use]
pub fn build_with_desk(parts: Parts) -> (Service, Desk) {
    let wallet = WalletClient::new(parts.wallet);
    let replicas = Replicas::new();
    let store = store::Store::new(parts.database.clone());
    let tools = Tools {
        store: store.clone(),
        wallet: wallet.clone(),
        replicas: replicas.clone(),
        clock: parts.clock,
        ids: parts.ids,
    };
    let desk = Desk::start(parts.config.lane_config(), tools);
    let face = MeteringRpc::new(desk.clone(), Currencies::new(wallet), parts.shards);
    let server = MeteringServiceServer::new(face)
        .max_decoding_message_size(MESSAGE_BYTES)
        .max_encoding_message_size(MESSAGE_BYTES);
    let mut service = Service::new("metering").grpc(server).job(replicas.job(parts.pricing, store));
    for job in jobs::all(&desk, &parts.config) {
        service = service.job(job);
    }
    let (ready_desk, draining) = (desk.clone(), desk.clone());
    let (database, shards, has_days) = (parts.database, parts.shards, Arc::new(AtomicBool::new(false)));
    let service = service
        .ready(move || check_ready(database.clone(), shards, ready_desk.clone(), Arc::clone(&has_days)))
        .drain(move || async move {
            let drained = draining.drain(DRAIN_LIMIT).await;
            tracing::info!(abandoned = drained.abandoned, interrupted = drained.interrupted, "lanes drained");
        });
    (service, desk)
}

/// Ready with the schema this program knows, and a table for every day an event may occur on.
async fn check_ready(
    database: Database,
    shards: ShardCount,
    desk: Desk,
    has_days: Arc<AtomicBool>,
) -> Result<(), String> {
    MIGRATIONS.check_ready(&database, shards).await.map_err(|fault| fault.to_string())?;
    if !has_days.load(Ordering::Relaxed) {
        let tools = desk.tools();
        jobs::make_days(&tools.store, tools.clock.now()).await.map_err(|fault| fault.to_string())?;
        has_days.store(true, Ordering::Relaxed);
    }
    Ok(())
}
