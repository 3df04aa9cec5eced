//! Migrations on both engines: once, in order, unedited, alone.

use chit_store::{Database, Migration, Migrations, SchemaState, StoreError, installed_shard_count};
use chit_testkit::{FreshDatabase, fresh_database, temp_data_dir};
use chit_types::{ShardCount, Timestamp};

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
const SHARDS: ShardCount = ShardCount::DEFAULT;

const FIRST: Migration = Migration {
    version: 1,
    name: "things",
    sqlite: "CREATE TABLE thing (id integer NOT NULL PRIMARY KEY); CREATE TABLE other (id integer)",
    postgres: "CREATE TABLE thing (id bigint NOT NULL PRIMARY KEY); CREATE TABLE other (id bigint)",
};
const EDITED: Migration = Migration { sqlite: "SELECT 1", postgres: "SELECT 1", ..FIRST };
const SECOND: Migration = Migration {
    version: 2,
    name: "names",
    sqlite: "ALTER TABLE thing ADD COLUMN name text",
    postgres: "ALTER TABLE thing ADD COLUMN name text",
};
const BROKEN: Migration = Migration {
    version: 2,
    name: "broken",
    sqlite: "CREATE TABLE third (id integer); SELECT no_such_function()",
    postgres: "CREATE TABLE third (id bigint); SELECT no_such_function()",
};
const ONE: Migrations = Migrations { service: "wallet", steps: &[FIRST] };
const TWO: Migrations = Migrations { service: "wallet", steps: &[FIRST, SECOND] };

/// An empty database of each engine, with what keeps it alive.
struct Empty {
    database: Database,
    _folder: tempfile::TempDir,
    _server: Option<FreshDatabase>,
}

async fn both(name: &str) -> [Empty; 2] {
    let (one, two) = (temp_data_dir(), temp_data_dir());
    let sqlite = Database::sqlite(one.path().join("wallet.sqlite")).await.expect("a new file opens");
    let fresh = fresh_database(name);
    let postgres = Database::postgres(&fresh.url(), 4).await.expect("an address of ours");
    [
        Empty { database: sqlite, _folder: one, _server: None },
        Empty { database: postgres, _folder: two, _server: Some(fresh) },
    ]
}

#[tokio::test]
async fn a_schema_grows_step_by_step_and_running_again_changes_nothing() {
    for empty in both("grows").await {
        let database = &empty.database;
        assert_eq!(TWO.schema_state(database).await.unwrap(), SchemaState::Behind { found: 0, expected: 2 });
        assert_eq!(installed_shard_count(database).await.unwrap(), None);
        assert!(matches!(
            TWO.check_ready(database, SHARDS).await,
            Err(StoreError::SchemaBehind { found: 0, .. })
        ));
        assert_eq!(ONE.run(database, SHARDS, NOW).await.unwrap().applied, [1]);
        assert_eq!(TWO.schema_state(database).await.unwrap(), SchemaState::Behind { found: 1, expected: 2 });
        assert_eq!(TWO.run(database, SHARDS, NOW).await.unwrap().applied, [2]);
        assert_eq!(TWO.run(database, SHARDS, NOW).await.unwrap().applied, [0_u32; 0]);
        assert_eq!(TWO.schema_state(database).await.unwrap(), SchemaState::Current);
        assert_eq!(installed_shard_count(database).await.unwrap(), Some(SHARDS));
        TWO.check_ready(database, SHARDS).await.unwrap();
    }
}

#[tokio::test]
async fn an_older_program_serves_a_newer_schema_and_does_not_touch_it() {
    for empty in both("ahead").await {
        TWO.run(&empty.database, SHARDS, NOW).await.unwrap();
        let ahead = SchemaState::Ahead { found: 2, expected: 1 };
        assert_eq!(ONE.schema_state(&empty.database).await.unwrap(), ahead);
        assert_eq!(ONE.run(&empty.database, SHARDS, NOW).await.unwrap().state, ahead);
        ONE.check_ready(&empty.database, SHARDS).await.unwrap();
    }
}

#[tokio::test]
async fn an_edited_step_another_service_and_another_shard_count_are_refused() {
    const CHANGED: Migrations = Migrations { service: "wallet", steps: &[EDITED, SECOND] };
    const FOREIGN: Migrations = Migrations { service: "metering", steps: &[FIRST] };
    let other = ShardCount::new(64).unwrap();
    for empty in both("refused").await {
        let database = &empty.database;
        ONE.run(database, SHARDS, NOW).await.unwrap();
        let changed =
            [CHANGED.run(database, SHARDS, NOW).await.err(), CHANGED.schema_state(database).await.err()];
        assert!(
            changed.iter().all(|e| matches!(e, Some(StoreError::ChangedStep { version: 1, .. }))),
            "{changed:?}"
        );
        let foreign =
            [FOREIGN.run(database, SHARDS, NOW).await.err(), FOREIGN.schema_state(database).await.err()];
        assert!(foreign.iter().all(|e| matches!(e, Some(StoreError::OtherService { .. }))), "{foreign:?}");
        let shards =
            [TWO.run(database, other, NOW).await.err(), ONE.check_ready(database, other).await.err()];
        assert!(
            shards.iter().all(|e| matches!(e, Some(StoreError::ShardCount { asked: 64, .. }))),
            "{shards:?}"
        );
        assert_eq!(ONE.schema_state(database).await.unwrap(), SchemaState::Current);
    }
}

#[tokio::test]
async fn a_step_that_fails_leaves_the_database_as_it_was() {
    const HALF: Migrations = Migrations { service: "wallet", steps: &[FIRST, BROKEN] };
    for empty in both("fails").await {
        assert!(HALF.run(&empty.database, SHARDS, NOW).await.is_err());
        assert_eq!(
            TWO.schema_state(&empty.database).await.unwrap(),
            SchemaState::Behind { found: 0, expected: 2 }
        );
        assert_eq!(TWO.run(&empty.database, SHARDS, NOW).await.unwrap().applied, [1, 2]);
    }
}

#[tokio::test]
async fn of_many_that_migrate_at_once_one_does_the_work() {
    for empty in both("at once").await {
        let runs = (0..6).map(|_| {
            let database = empty.database.clone();
            tokio::spawn(async move { TWO.run(&database, SHARDS, NOW).await.unwrap().applied.len() })
        });
        let mut applied = 0;
        for run in runs.collect::<Vec<_>>() {
            applied += run.await.unwrap();
        }
        assert_eq!(applied, 2);
    }
}
