//! Opening, locking, writing and reading, and what errors mean, on both engines.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use chit_store::{
    DataDir, Database, Engine, Failure, StoreError, ValuesStatement, begin_immediate, classify,
};
use chit_testkit::{Cluster, PostgresOptions, fresh_database, temp_data_dir};
use sea_orm::ConnectionTrait;
use sea_orm::sqlx::{self, Executor, Row};

/// Set for the second process of the test of the lock.
const LOCK_FOLDER: &str = "CHIT_STORE_TEST_LOCK_FOLDER";

#[test]
fn a_second_process_is_refused_until_the_first_dies_even_by_kill() {
    let folder = temp_data_dir();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holds_the_lock_for_another_test", "--nocapture", "--ignored"])
        .env(LOCK_FOLDER, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.ends_with("locked")));
    let error = DataDir::open(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::DataDirInUse { .. }), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
    let held = DataDir::open(folder.path()).unwrap();
    assert_eq!(held.database_path("wallet"), folder.path().join("wallet.sqlite"));
}

#[test]
#[ignore = "the other process of the test above"]
#[allow(clippy::disallowed_methods, reason = "its only argument")]
fn holds_the_lock_for_another_test() {
    let _held = DataDir::open(std::env::var(LOCK_FOLDER).unwrap()).unwrap();
    println!("locked");
    std::io::stdout().flush().unwrap();
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[tokio::test]
async fn sqlite_is_durable_and_its_readers_cannot_write() {
    let folder = temp_data_dir();
    let address = format!("sqlite:{}", folder.path().join("a.sqlite").display());
    let database = Database::open(&address, 4).await.unwrap();
    assert_eq!(database.engine(), Engine::Sqlite);
    database.ping().await.unwrap();
    let writer = database.sqlite_writer().unwrap();
    for (pragma, expected) in [("synchronous", 2), ("foreign_keys", 0), ("wal_autocheckpoint", 16_384)] {
        let found = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("PRAGMA {pragma}"))).fetch_one(writer);
        assert_eq!(found.await.ok(), Some(expected), "{pragma}");
    }
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(writer).await.unwrap();
    assert_eq!(mode, "wal");
    database.writer().execute_unprepared("CREATE TABLE t (a int)").await.unwrap();
    let transaction = database.begin_write().await.unwrap();
    transaction.execute_unprepared("INSERT INTO t VALUES (1)").await.unwrap();
    transaction.commit().await.unwrap();
    let reader = database.sqlite_reader().unwrap();
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM t").fetch_one(reader).await.unwrap();
    assert_eq!(count, 1);
    assert!(reader.execute("INSERT INTO t VALUES (2)").await.is_err());
    assert!(database.lane_connection().await.unwrap().is_none());
    assert!(matches!(Database::open("mysql://x", 1).await, Err(StoreError::UnknownAddress)));
}

#[tokio::test]
async fn constraints_are_named_on_both_engines() {
    const TABLE: &str = "CREATE TABLE t (a bigint CONSTRAINT t_positive CHECK (a > 0), b bigint NOT NULL, \
         CONSTRAINT t_key UNIQUE (a, b)); INSERT INTO t VALUES (1, 1)";
    let folder = temp_data_dir();
    let fresh = fresh_database("constraints");
    let sqlite = Database::sqlite(folder.path().join("a.sqlite")).await.unwrap();
    let postgres = Database::postgres(&fresh.url(), 2).await.unwrap();
    for (database, unique) in [(sqlite, "t.a, t.b"), (postgres, "t_key")] {
        database.writer().execute_unprepared(TABLE).await.unwrap();
        for (values, name) in [("(1, 1)", unique), ("(0, 1)", "t_positive"), ("(1, NULL)", "t.b")] {
            let sql = format!("INSERT INTO t VALUES {values}");
            let error = database.writer().execute_unprepared(&sql).await.unwrap_err();
            assert_eq!(classify(&error), Failure::Constraint(name.to_owned()), "{values}");
        }
        let error = database.writer().execute_unprepared("SELECT nothing FROM nowhere").await.unwrap_err();
        assert_eq!(classify(&error), Failure::Permanent);
    }
}

#[tokio::test]
async fn a_busy_sqlite_file_is_a_transient_failure() {
    let folder = temp_data_dir();
    let database = Database::sqlite(folder.path().join("a.sqlite")).await.unwrap();
    let _held = begin_immediate(database.sqlite_writer().unwrap()).await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(folder.path().join("a.sqlite"))
        .busy_timeout(std::time::Duration::ZERO);
    let mut other = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let error = other.execute("BEGIN IMMEDIATE").await.unwrap_err();
    assert_eq!(classify(&error), Failure::Transient);
}

#[tokio::test]
async fn postgres_sessions_carry_the_limits_that_free_a_frozen_pods_rows() {
    let fresh = fresh_database("limits");
    let database = Database::open(&fresh.url(), 2).await.unwrap();
    let mut lane = database.lane_connection().await.unwrap().unwrap();
    for (name, expected) in [
        ("lock_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "10s"),
        ("application_name", "chit"),
        ("TimeZone", "UTC"),
    ] {
        let show = sqlx::query("SELECT current_setting($1)").bind(name);
        assert_eq!(show.fetch_one(&mut lane).await.unwrap().get::<String, _>(0), expected);
    }
    lane.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1)").await.unwrap();
    lane.execute("BEGIN; UPDATE t SET a = 2").await.unwrap();
    let mut other = database.pg().unwrap().acquire().await.unwrap();
    other.execute("SET lock_timeout = '1ms'").await.unwrap();
    let error = other.execute("UPDATE t SET a = 3").await.unwrap_err();
    assert_eq!(classify(&error), Failure::Transient);
}

#[tokio::test]
async fn a_server_that_stops_is_a_lost_connection_and_the_pool_comes_back_with_it() {
    let cluster = Cluster::start_new(&PostgresOptions::default()).unwrap();
    let database = Database::postgres(&cluster.url("postgres"), 2).await.unwrap();
    let mut lane = database.lane_connection().await.unwrap().unwrap();
    database.ping().await.unwrap();
    cluster.stop_immediate().unwrap();
    let error = lane.execute("SELECT 1").await.unwrap_err();
    assert_eq!(classify(&error), Failure::ConnectionLost, "{error}");
    let error = database.lane_connection().await.unwrap_err();
    assert_eq!(classify(&error), Failure::ConnectionLost, "{error}");
    cluster.start().unwrap();
    database.lane_connection().await.unwrap();
    // The first use of a pooled connection finds it dead; the next gets a new one.
    let _ = database.ping().await;
    database.ping().await.unwrap();
}

#[tokio::test]
async fn a_values_statement_does_all_rows_whatever_their_number() {
    const INSERT: ValuesStatement =
        ValuesStatement { head: "INSERT INTO t (a, b) VALUES", columns: 2, tail: "ON CONFLICT DO NOTHING" };
    const FIND: ValuesStatement = ValuesStatement {
        head: "WITH input (a, b) AS (VALUES",
        columns: 2,
        tail: ") SELECT t.a FROM input JOIN t USING (a, b)",
    };
    let folder = temp_data_dir();
    let database = Database::sqlite(folder.path().join("a.sqlite")).await.unwrap();
    database.writer().execute_unprepared("CREATE TABLE t (a integer PRIMARY KEY, b blob)").await.unwrap();
    let mut total = 0;
    for count in [0, 1, 2, 3, 511, 512, 513, 1_500] {
        let rows: Vec<(i64, [u8; 16])> = (total..total + count).map(|a| (a, [a as u8; 16])).collect();
        let mut transaction = begin_immediate(database.sqlite_writer().unwrap()).await.unwrap();
        let insert = INSERT.execute(&mut transaction, &rows, |query, row| query.bind(row.0).bind(&row.1[..]));
        assert_eq!(insert.await.unwrap(), count as u64);
        let again = INSERT.execute(&mut transaction, &rows, |query, row| query.bind(row.0).bind(&row.1[..]));
        assert_eq!(again.await.unwrap(), 0);
        let found = FIND.fetch(&mut transaction, &rows, |query, row| query.bind(row.0).bind(&row.1[..]));
        assert_eq!(found.await.unwrap().len(), rows.len());
        transaction.commit().await.unwrap();
        total += count;
    }
}
