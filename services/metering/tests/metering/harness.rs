//! Databases of both engines, and facts to put in.

use chit_metering::MIGRATIONS;
use chit_metering::domain::event::{Content, ProviderCost, UsageClass};
use chit_metering::domain::fact::Fact;
use chit_metering::domain::names::Place;
use chit_metering::domain::price::Costing;
use chit_metering::store::Store;
use chit_store::Database;
use chit_testkit::{FreshDatabase, fresh_database, temp_data_dir};
use chit_types::{ShardCount, Timestamp};
use tempfile::TempDir;

/// The time tests begin at: 2026-11-21T10:00:00Z.
pub const START: Timestamp = Timestamp::from_seconds(1_795_255_200);

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

pub const BOTH: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

/// What must live as long as a test's database.
#[derive(Debug)]
pub enum Keeper {
    Folder(#[allow(dead_code, reason = "removed when dropped")] TempDir),
    Server(FreshDatabase),
}

/// An empty place for one service's database.
pub fn keeper(engine: Engine, hint: &str) -> Keeper {
    match engine {
        Engine::Sqlite => Keeper::Folder(temp_data_dir()),
        Engine::Postgres => Keeper::Server(fresh_database(hint)),
    }
}

impl Keeper {
    /// Opens the database; again after a restart.
    pub async fn open(&self, service: &str) -> Database {
        match self {
            Keeper::Folder(folder) => {
                Database::sqlite(folder.path().join(format!("{service}.sqlite"))).await.unwrap()
            }
            Keeper::Server(fresh) => Database::postgres(&fresh.url(), 12).await.unwrap(),
        }
    }
}

/// Metering's store, migrated, with the days around the start.
pub async fn store(engine: Engine) -> (Store, Keeper) {
    let keeper = keeper(engine, "metering");
    let database = keeper.open("metering").await;
    MIGRATIONS.run(&database, ShardCount::DEFAULT, START).await.unwrap();
    let store = Store::new(database);
    chit_metering::jobs::make_days(&store, START).await.unwrap();
    (store, keeper)
}

/// An event's content.
pub fn content(customer: &str, event: &str) -> Content {
    Content {
        tenant: "dev".into(),
        customer_id: customer.into(),
        unit: "credits".into(),
        event_id: event.into(),
        event_type: "chat.reply".into(),
        dimensions: [("model".to_string(), "gpt".to_string()), ("feature".to_string(), "chat".to_string())]
            .into(),
        tokens: [100, 0, 0, 20, 0, 0, 0],
        usage_class: UsageClass::Customer,
        ..Content::default()
    }
}

/// Its place.
pub fn place(content: &Content) -> Place {
    Place::of(&content.tenant, &content.customer_id, &content.event_id, ShardCount::DEFAULT)
}

/// A settled fact of so many micro-credits.
pub fn settled(customer: &str, event: &str, occurred_at: Timestamp, micros: i64) -> Fact {
    let content = content(customer, event);
    let costing = Costing {
        cost: Some(ProviderCost { currency: "USD".into(), picos: 1_500_000_000_000 }),
        table_version: 1,
        is_missing: false,
    };
    let mut fact = Fact::first(&content, place(&content), occurred_at, &costing);
    fact.recorded_at = occurred_at;
    fact.sums.credits_micros = micros;
    fact
}
