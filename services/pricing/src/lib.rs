//! The pricing service: event types, price books with immutable versions, provider costs, quotes, and the
//! stream from which metering keeps its own copy. Prices themselves are made by `chit-pricebook`, purely.
//!
//! In reading order: [`domain`], [`app`], [`store`], [`rpc`], [`starter`].

pub mod app;
pub mod config;
pub mod domain;
pub mod rpc;
pub mod starter;
pub mod store;

use std::sync::Arc;

use chit_runtime::Service;
use chit_store::Database;
use chit_types::{Clock, IdSource, ShardCount};

pub use app::App;
pub use config::Config;
pub use store::MIGRATIONS;

/// Pricing's desk over a migrated database, for [`build`] and for [`starter::make`].
#[must_use]
pub fn app(database: Database, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>, config: Config) -> Arc<App> {
    Arc::new(App::new(store::Store::new(database), clock, ids, config))
}

/// The service as a value: ready while its database answers with the schema this program knows.
#[must_use]
pub fn build(app: Arc<App>, database: Database, shards: ShardCount) -> Service {
    Service::new("pricing").grpc(rpc::server(app)).ready(move || {
        let database = database.clone();
        async move { MIGRATIONS.check_ready(&database, shards).await.map_err(|error| error.to_string()) }
    })
}
