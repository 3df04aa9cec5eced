//! The throwaway server keeps its promises, the one about cleaning up first.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use chit_testkit::{Cluster, FreshDatabase, PostgresOptions, fresh_database, seed, seed_of, temp_data_dir};

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what} did not happen");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn every_test_has_a_database_of_its_own() {
    let (one, two) = (fresh_database("One test!"), fresh_database("One test!"));
    assert_ne!(one.url(), two.url());
    one.sql("CREATE TABLE t (a int)").unwrap();
    assert_eq!(two.sql("SELECT count(*) FROM pg_tables WHERE tablename = 't'").unwrap().trim(), "0");
}

#[test]
fn a_dropped_database_is_gone() {
    let (keeper, gone) = (fresh_database("keeper"), fresh_database("gone"));
    let name = gone.url().rsplit_once('/').unwrap().1.to_owned();
    drop(gone);
    let count = keeper.sql(&format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'")).unwrap();
    assert_eq!(count.trim(), "0");
}

#[test]
fn what_was_committed_survives_an_immediate_stop_and_the_folder_goes_with_the_value() {
    let options = PostgresOptions {
        fsync: true,
        settings: vec![("shared_buffers".into(), "16MB".into())],
        ..PostgresOptions::default()
    };
    let cluster = Cluster::start_new(&options).unwrap();
    assert_eq!(cluster.sql("postgres", "SHOW fsync").unwrap().trim(), "on");
    assert_eq!(cluster.sql("postgres", "SHOW shared_buffers").unwrap().trim(), "16MB");
    let database = FreshDatabase::on(&cluster.server_url(), "crash").unwrap();
    database.sql("CREATE TABLE t (a int); INSERT INTO t VALUES (7)").unwrap();
    cluster.stop_immediate().unwrap();
    assert!(database.sql("SELECT a FROM t").is_err());
    cluster.start().unwrap();
    assert_eq!(database.sql("SELECT a FROM t").unwrap().trim(), "7");
    let folder = cluster.data_folder();
    drop(database);
    drop(cluster);
    assert!(!folder.exists());
}

#[test]
fn a_process_that_is_killed_leaves_neither_server_nor_folder() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_with-postgres"))
        .args(["sh", "-c", "echo $PPID; echo $CHIT_TEST_POSTGRES; exec cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    assert_eq!(lines.next().unwrap().unwrap(), child.id().to_string());
    let url = lines.next().unwrap().unwrap();
    let folder =
        Command::new("psql").args(["-Atd", &format!("{url}/postgres"), "-c", "SHOW data_directory"]).output();
    let folder = String::from_utf8(folder.unwrap().stdout).unwrap();
    let data = Path::new(folder.trim()).to_owned();
    assert!(data.exists(), "{data:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("cleaning up", || !data.parent().unwrap().exists());
    let port = url.rsplit_once(':').unwrap().1.parse().unwrap();
    wait_until("the server's end", || std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_seed_is_printed_in_the_form_in_which_it_is_read() {
    assert_eq!(seed_of(" 42\n"), Some(42));
    assert_eq!(seed_of("x"), None);
    let seed = seed();
    assert_eq!(seed_of(&seed.to_string()), Some(seed));
}

#[test]
fn a_data_folder_goes_with_its_value() {
    let folder = temp_data_dir();
    let path = folder.path().to_owned();
    assert!(path.exists());
    drop(folder);
    assert!(!path.exists());
}
