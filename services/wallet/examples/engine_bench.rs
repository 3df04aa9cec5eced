//! A first measure of the engine, in process: `engine_bench [wallets] [seconds] [lanes] [postgres|sqlite|both]`, on a PostgreSQL of its own with
//! fsync on and beside pgbench on the same server, then on SQLite. Quick form: fresh tables, few rows. Only the ratios count.
#![allow(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "rates for people"
)]

use std::process::Command as Process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chit_batch::LaneConfig;
use chit_store::Database;
use chit_testkit::{Cluster, PostgresOptions};
use chit_types::{Clock, Credits, Origin, ShardCount, SystemClock, SystemIds, key_hash};
use chit_wallet::domain::encoding::{fingerprint, kind_of};
use chit_wallet::domain::operation::{CommitClose, NewGrant, OnInsufficient, OnOverrun};
use chit_wallet::domain::{Details, Envelope, GrantSource, Operation, OwedPolicy};
use chit_wallet::engine::{Command, Desk, Parts, WalletRef};
use chit_wallet::jobs;
use chit_wallet::store::{MIGRATIONS, Store};

const IN_FLIGHT: usize = 4096;
const ROUNDS: usize = 3;

fn envelope(operation: Operation, key: u64) -> Command {
    let details = Details {
        event_type: "chat.reply".to_owned(),
        ..Details::default()
    };
    Command::Apply(Box::new(Envelope {
        origin: Origin::Client,
        may_override: false,
        key: key_hash(Origin::Client, kind_of(&operation), &format!("key-{key:020}"), 0),
        fingerprint: fingerprint(&operation, &details.event_type),
        details,
        operation,
    }))
}

fn grant(key: u64, place: i64, now: chit_types::Timestamp) -> Command {
    envelope(
        Operation::Grant(NewGrant {
            amount: Credits::whole(1_000_000),
            source: GrantSource::Purchase,
            priority: 100,
            effective_at: None,
            expires_at: Some(now + Duration::from_secs(86_400 * (30 + place.unsigned_abs()))),
            event_types: Vec::new(),
            paid: None,
            cost_basis: place * 1_000,
            owed_policy: OwedPolicy::RepayFirst,
            period_end: None,
        }),
        key,
    )
}

fn deduct(key: u64) -> Command {
    envelope(
        Operation::Deduct {
            amount: Credits::from_micros(1_500_000),
            on_insufficient: OnInsufficient::Refuse,
        },
        key,
    )
}

fn wallet(number: u64) -> WalletRef {
    WalletRef::new("acme", format!("user_{number}"), "credits")
}

struct Bench {
    desk: Desk,
    wallets: u64,
    next: Arc<AtomicU64>,
    tenant: Arc<str>,
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[derive(Clone, Copy)]
enum Load {
    Uniform,
    Hot,
    Pairs,
}

struct Figures {
    per_second: f64,
    p50: Duration,
    p99: Duration,
}

impl Bench {
    async fn seed(&self) {
        let now = SystemClock.now();
        let all: Vec<u64> = (0..self.wallets * 3).collect();
        for chunk in all.chunks(10_000) {
            let commands = chunk
                .iter()
                .map(|n| (wallet(n / 3), grant(*n, (n % 3).cast_signed(), now)))
                .collect();
            for answer in self.desk.submit_many(commands, None).await {
                answer.expect("seeded");
            }
        }
        self.next.store(self.wallets * 3, Ordering::SeqCst);
    }

    async fn run(&self, load: Load, callers: usize, length: Duration) -> Figures {
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicU64::new(0));
        let began = Instant::now();
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let (stop, done, desk, next) = (
                    Arc::clone(&stop),
                    Arc::clone(&done),
                    self.desk.clone(),
                    Arc::clone(&self.next),
                );
                let (wallets, tenant) = (self.wallets, Arc::clone(&self.tenant));
                tokio::spawn(async move {
                    let mut times = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let key = next.fetch_add(1, Ordering::Relaxed);
                        let number = if matches!(load, Load::Hot) {
                            0
                        } else {
                            mix(key) % wallets
                        };
                        let named = WalletRef {
                            tenant: Arc::clone(&tenant),
                            customer: format!("user_{number}"),
                            unit: "credits".to_owned(),
                        };
                        let began = Instant::now();
                        if matches!(load, Load::Pairs) {
                            let reserve = Operation::Reserve {
                                amount: Credits::whole(2),
                                ttl: None,
                            };
                            let held = desk
                                .submit(named.clone(), envelope(reserve, key), None)
                                .await
                                .expect("reserved");
                            let commit = Operation::Commit {
                                hold: held.applied.hold.expect("a hold").id,
                                total: Credits::whole(1),
                                close: CommitClose::Final,
                                on_overrun: OnOverrun::Record,
                            };
                            desk.submit(named, envelope(commit, key), None)
                                .await
                                .expect("committed");
                        } else {
                            desk.submit(named, deduct(key), None).await.expect("deducted");
                        }
                        times.push(began.elapsed());
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    times
                })
            })
            .collect();
        tokio::time::sleep(length).await;
        stop.store(true, Ordering::Relaxed);
        let count = done.load(Ordering::Relaxed);
        let took = began.elapsed();
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await.expect("a caller"));
        }
        times.sort_unstable();
        let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
        let per_second = count as f64 / took.as_secs_f64();
        Figures {
            per_second,
            p50: at(50),
            p99: at(99),
        }
    }
}

fn parts(database: Database) -> Parts {
    Parts {
        store: Store::Database(database),
        shards: ShardCount::DEFAULT,
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
    }
}

async fn bench(database: Database, wallets: u64) -> (Bench, Parts) {
    MIGRATIONS
        .run(&database, ShardCount::DEFAULT, SystemClock.now())
        .await
        .expect("migrated");
    let parts = parts(database);
    let desk = match std::env::args().nth(3).and_then(|lanes| lanes.parse().ok()) {
        Some(lanes) => Desk::start_with(
            &parts,
            LaneConfig {
                lanes,
                ..LaneConfig::default()
            },
        ),
        None => Desk::start(&parts),
    };
    let bench = Bench {
        desk,
        wallets,
        next: Arc::default(),
        tenant: "acme".into(),
    };
    bench.seed().await;
    let store = parts.store.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            jobs::sequence(&store).await.expect("sequenced");
        }
    });
    (bench, parts)
}

/// Transactions a second by pgbench.
fn pgbench(cluster: &Cluster, script: &str, clients: usize, seconds: u64) -> f64 {
    let output = Process::new("pgbench")
        .args([
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "-p",
            &cluster.port().to_string(),
            "-n",
            "-M",
            "prepared",
        ])
        .args([
            "-b",
            script,
            "-c",
            &clients.to_string(),
            "-j",
            "2",
            "-T",
            &seconds.to_string(),
            "pgbench",
        ])
        .output()
        .expect("pgbench runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok())
        .unwrap_or_else(|| panic!("no tps in {text}{}", String::from_utf8_lossy(&output.stderr)))
}

fn best(cluster: &Cluster, script: &str) -> f64 {
    [8, 32, 64]
        .into_iter()
        .map(|clients| pgbench(cluster, script, clients, 4))
        .fold(0.0, f64::max)
}

fn number(cluster: &Cluster, sql: &str) -> f64 {
    cluster
        .sql("wallet", sql)
        .expect("sql")
        .trim()
        .parse()
        .unwrap_or_default()
}

/// CPU seconds of this process, and of the server's processes.
fn cpu(cluster: &Cluster) -> (f64, f64) {
    let ticks = |stat: &str| {
        let after = stat.rsplit(')').next().unwrap_or_default();
        let fields: Vec<f64> = after
            .split_whitespace()
            .filter_map(|field| field.parse().ok())
            .collect();
        // After the name and the state: utime, stime, cutime, cstime are the 11th to 14th numbers.
        fields.get(10..12).map_or(0.0, |two| two.iter().sum::<f64>())
    };
    let read = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let postmaster =
        std::fs::read_to_string(cluster.data_folder().join("postmaster.pid")).unwrap_or_default();
    let postmaster = postmaster.lines().next().unwrap_or_default().to_owned();
    let mut server = ticks(&read(&postmaster));
    for entry in std::fs::read_dir("/proc").expect("proc").flatten() {
        let stat = read(&entry.file_name().to_string_lossy());
        let parent = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .nth(1)
            .unwrap_or_default();
        if parent == postmaster {
            server += ticks(&stat);
        }
    }
    (ticks(&read("self")) / 100.0, server / 100.0)
}

async fn measure(bench: &Bench, cluster: &Cluster, name: &str, load: Load, seconds: u64) -> f64 {
    const WAL: &str = "SELECT wal_bytes - wal_fpi * 8192 FROM pg_stat_wal";
    const SYNCS: &str = "SELECT wal_sync FROM pg_stat_wal";
    let batches = |bench: &Bench| bench.desk.stats().iter().map(|lane| lane.batches).sum::<u64>();
    let reset = "SELECT pg_stat_reset_shared('wal')";
    cluster.sql("wallet", reset).expect("reset");
    let (before, cpu_before) = (batches(bench), cpu(cluster));
    let from = lsn(cluster);
    let figures = bench.run(load, IN_FLIGHT, Duration::from_secs(seconds)).await;
    let cpu_after = cpu(cluster);
    waldump(cluster, name, &from, &lsn(cluster));
    let count = figures.per_second * seconds as f64;
    let per_batch = count / (batches(bench) - before) as f64;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    println!(
        "  {name}: {:.0}/s, p50 {:?}, p99 {:?}, WAL {:.0} B, {:.2} syncs a batch of {:.0}, CPU {:.0} µs ours + {:.0} µs database",
        figures.per_second,
        figures.p50,
        figures.p99,
        number(cluster, WAL) / count,
        number(cluster, SYNCS) / (batches(bench) - before) as f64,
        per_batch,
        (cpu_after.0 - cpu_before.0) / count * 1e6,
        (cpu_after.1 - cpu_before.1) / count * 1e6,
    );
    figures.per_second
}

fn lsn(cluster: &Cluster) -> String {
    let text = cluster
        .sql("wallet", "SELECT pg_current_wal_flush_lsn()")
        .expect("sql");
    text.trim().to_owned()
}

/// What the log is made of, where a fourth argument's variable asks for it.
fn waldump(cluster: &Cluster, name: &str, from: &str, to: &str) {
    if std::env::args().nth(5).is_none() {
        return;
    }
    let output = Process::new("/usr/lib/postgresql/15/bin/pg_waldump")
        .args(["--stats=record", "-s", from, "-e", to, "-p"])
        .arg(cluster.data_folder().join("pg_wal"))
        .output()
        .expect("pg_waldump runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("  -- {name}");
    for line in text.lines().filter(|line| !line.contains(" 0 (  0.00) ")) {
        println!("  {line}");
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let argument = |at: usize, default: u64| {
        std::env::args()
            .nth(at)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (wallets, seconds) = (argument(1, 100_000), argument(2, 8));
    let settings = [
        ("shared_buffers", "1GB"),
        ("max_wal_size", "8GB"),
        ("checkpoint_timeout", "30min"),
    ];
    let settings = settings
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let cluster = Cluster::start_new(&PostgresOptions {
        fsync: true,
        settings,
        parent: None,
    })
    .expect("a server");
    cluster.sql("postgres", "CREATE DATABASE wallet").expect("made");
    cluster.sql("postgres", "CREATE DATABASE pgbench").expect("made");
    let port = cluster.port().to_string();
    let init = Process::new("pgbench")
        .args([
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "-p",
            &port,
            "-q",
            "-i",
            "-s",
            "20",
            "pgbench",
        ])
        .output();
    assert!(init.expect("pgbench").status.success());
    let mode = std::env::args().nth(4).unwrap_or_else(|| "both".to_owned());
    if mode == "sqlite" {
        return sqlite(&cluster, wallets, seconds).await;
    }
    let database = Database::postgres(&cluster.url("wallet"), 8)
        .await
        .expect("opened");
    let began = Instant::now();
    let (bench, _parts) = bench(database, wallets).await;
    println!("seeded {wallets} wallets in {:?}", began.elapsed());
    cluster.sql("wallet", "VACUUM ANALYZE").expect("vacuumed");
    cluster.sql("wallet", "CHECKPOINT").expect("written");
    // Warm: every page of the working set has its full image in the log.
    bench
        .run(Load::Uniform, IN_FLIGHT, Duration::from_secs(seconds))
        .await;
    // And every wallet has the due time of a hold: it changes once a quarter of an hour at most.
    bench
        .run(Load::Pairs, IN_FLIGHT, Duration::from_secs(seconds * 3))
        .await;
    for round in 0..ROUNDS {
        println!("round {round}");
        let (su, tp) = (best(&cluster, "simple-update"), best(&cluster, "tpcb-like"));
        let uniform = measure(&bench, &cluster, "uniform", Load::Uniform, seconds).await;
        let hot = measure(&bench, &cluster, "hot", Load::Hot, seconds).await;
        let pairs = measure(&bench, &cluster, "pairs", Load::Pairs, seconds).await;
        println!(
            "  SU {su:.0} TP {tp:.0}: uniform {:.2} SU {:.2} TP, hot {:.2} SU {:.2} uniform, pairs {:.2} uniform",
            uniform / su,
            uniform / tp,
            hot / su,
            hot / uniform,
            pairs / uniform
        );
    }
    let one = bench.run(Load::Uniform, 1, Duration::from_secs(4)).await;
    let many = bench.run(Load::Uniform, 64, Duration::from_secs(4)).await;
    let (single, mean) = (
        pgbench(&cluster, "simple-update", 1, 4),
        pgbench(&cluster, "simple-update", 64, 4),
    );
    println!(
        "one caller p50 {:?} against {:.0} µs of pgbench; 64 callers p50 {:?} against {:.0} µs",
        one.p50,
        1e6 / single,
        many.p50,
        64e6 / mean
    );
    println!("HOT {}", cluster.sql("wallet", "SELECT round(100.0 * n_tup_hot_upd / n_tup_upd, 1) FROM pg_stat_user_tables WHERE relname = 'wallets'").expect("sql"));
    println!("{}", cluster.sql("wallet", "SELECT relname, pg_size_pretty(pg_table_size(relid)), n_live_tup, n_dead_tup FROM pg_stat_user_tables ORDER BY 1").expect("sql"));
    if mode == "both" {
        sqlite(&cluster, wallets.min(100_000), seconds).await;
    }
}

async fn sqlite(cluster: &Cluster, wallets: u64, seconds: u64) {
    let folder = chit_testkit::temp_data_dir();
    let database = Database::sqlite(folder.path().join("wallet.db"))
        .await
        .expect("opened");
    let began = Instant::now();
    let (bench, _parts) = bench(database, wallets).await;
    println!("SQLite: seeded in {:?}", began.elapsed());
    for _ in 0..ROUNDS {
        let su = best(cluster, "simple-update");
        let uniform = bench
            .run(Load::Uniform, IN_FLIGHT, Duration::from_secs(seconds))
            .await
            .per_second;
        let hot = bench
            .run(Load::Hot, IN_FLIGHT, Duration::from_secs(seconds))
            .await
            .per_second;
        println!(
            "  SQLite uniform {uniform:.0}/s = {:.2} SU, hot {hot:.0}/s",
            uniform / su
        );
    }
}
