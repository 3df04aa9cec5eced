//! The engine on PostgreSQL, without a wire: rows 1, 2, 4, 5, 6 and 7 of the goals.

use std::time::Duration;

use anyhow::Result;

use crate::engine::Engine;
use crate::line::{Bar, median};
use crate::load::{Round, run};
use crate::meters::CpuSeconds;
use crate::plan::Plan;
use crate::postgres::{Postgres, Script};

/// Callers with one operation in flight each.
const SATURATED: usize = 4_096;
const DATABASE: &str = "engine";

/// What PostgreSQL itself does in neighbouring rounds.
#[derive(Default)]
struct Peers {
    simple: Vec<f64>,
    tpcb: Vec<f64>,
}

struct Cost {
    wal: f64,
    wal_without_images: f64,
    fsyncs: f64,
    fsyncs_per_batch: f64,
    cpu_micros: f64,
    hot_percent: f64,
}

/// Runs them all.
pub async fn all(postgres: &Postgres, plan: &Plan) -> Result<f64> {
    let address = postgres.database(DATABASE)?;
    let engine = Engine::fill(&address, plan.wallets, plan.earlier).await?;
    postgres.settle(DATABASE)?;
    let mut best = 0.0;
    if plan.wants("deduct_uniform") {
        best = deducts(postgres, plan, &engine, "deduct_uniform", 0.0).await?;
    }
    if plan.wants("deduct_hot") {
        deducts(postgres, plan, &engine, "deduct_hot", best).await?;
    }
    if plan.wants("latency") {
        latency(postgres, plan, &engine).await?;
    }
    if plan.wants("reserve_commit") {
        pairs(postgres, plan, &engine).await?;
    }
    if plan.wants("two_pods") {
        two_pods(plan, &engine, &address).await?;
    }
    engine.stop().await;
    Ok(best)
}

async fn measured(postgres: &Postgres, engine: &Engine, name: &str, plan: &Plan) -> Result<(Round, Cost)> {
    let (wal, batches) = (postgres.wal(DATABASE)?, engine.batches());
    let (theirs, ours) = (postgres.cpu(), CpuSeconds::own());
    let copy = engine.clone();
    let round = if name == "deduct_hot" {
        run(SATURATED, plan.round, move || copy.clone().deduct_hot()).await?
    } else {
        run(SATURATED, plan.round, move || copy.clone().deduct()).await?
    };
    let cpu = (postgres.cpu() - theirs) + (CpuSeconds::own() - ours);
    let after = postgres.wal(DATABASE)?;
    let per = |difference: f64| difference / round.operations as f64;
    let bytes = after.bytes - wal.bytes;
    let cost = Cost {
        wal: per(bytes),
        wal_without_images: per(bytes - (after.images - wal.images)),
        fsyncs: per(after.syncs - wal.syncs),
        fsyncs_per_batch: (after.syncs - wal.syncs) / (engine.batches() - batches).max(1.0),
        cpu_micros: per(cpu * 1e6),
        hot_percent: 100.0 * (after.hot_updates - wal.hot_updates) / (after.updates - wal.updates).max(1.0),
    };
    Ok((round, cost))
}

async fn deducts(postgres: &Postgres, plan: &Plan, engine: &Engine, name: &str, uniform: f64) -> Result<f64> {
    let (mut rates, mut simple, mut tpcb, mut peers) = (Vec::new(), Vec::new(), Vec::new(), Peers::default());
    let mut last = None;
    for _ in 0..plan.rounds {
        let (su, tp) =
            (postgres.best(Script::SimpleUpdate, plan.peer)?, postgres.best(Script::TpcbLike, plan.peer)?);
        let (round, cost) = measured(postgres, engine, name, plan).await?;
        rates.push(round.rate());
        simple.push(round.rate() / su);
        tpcb.push(round.rate() / tp);
        peers.simple.push(su);
        peers.tpcb.push(tp);
        last = Some((round, cost));
    }
    let Some((round, cost)) = last else { return Ok(0.0) };
    let line = plan
        .line(name)
        .rounds("ops_per_second", &rates)
        .figure("simple_update_per_second", median(&peers.simple))
        .figure("tpcb_per_second", median(&peers.tpcb))
        .rounds("ratio_simple_update", &simple)
        .rounds("ratio_tpcb", &tpcb)
        .figure("p50_ms", round.quantile_ms(0.5))
        .figure("p99_ms", round.quantile_ms(0.99))
        .figure("wal_bytes_per_op", cost.wal)
        .figure("wal_bytes_per_op_without_images", cost.wal_without_images)
        .figure("fsyncs_per_op", cost.fsyncs)
        .figure("fsyncs_per_batch", cost.fsyncs_per_batch)
        .figure("cpu_us_per_op", cost.cpu_micros)
        .figure("hot_update_percent", cost.hot_percent)
        .fact("in_flight", SATURATED);
    let line = if name == "deduct_hot" {
        let against = median(&rates) / uniform.max(1.0);
        line.figure("ratio_uniform", against)
            .must("ratio_simple_update", median(&simple), Bar::AtLeast(5.0))
            .must("ratio_uniform", against, Bar::AtLeast(1.2))
    } else {
        line.must("ratio_simple_update", median(&simple), Bar::AtLeast(3.0))
            .must("ratio_tpcb", median(&tpcb), Bar::AtLeast(5.5))
            .must("fsyncs_per_batch", cost.fsyncs_per_batch, Bar::AtMost(1.5))
            .must("wal_bytes_per_op_without_images", cost.wal_without_images, Bar::AtMost(1_100.0))
            .must("cpu_us_per_op", cost.cpu_micros, Bar::AtMost(65.0))
            .must("hot_update_percent", cost.hot_percent, Bar::AtLeast(95.0))
    };
    line.print();
    Ok(median(&rates))
}

async fn latency(postgres: &Postgres, plan: &Plan, engine: &Engine) -> Result<()> {
    let (mut one, mut many) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for _ in 0..plan.rounds {
        for (callers, into) in [(1, &mut one), (64, &mut many)] {
            let peer = postgres.run(Script::SimpleUpdate, callers, plan.peer)?;
            let copy = engine.clone();
            let round = run(callers as usize, plan.peer, move || copy.clone().deduct()).await?;
            into.0.push(round.quantile_ms(0.5));
            into.1.push(round.quantile_ms(0.5) / peer.mean_ms);
        }
    }
    plan.line("latency")
        .rounds("p50_ms_1", &one.0)
        .rounds("ratio_pgbench_1", &one.1)
        .rounds("p50_ms_64", &many.0)
        .rounds("ratio_pgbench_64", &many.1)
        .must("ratio_pgbench_1", median(&one.1), Bar::AtMost(2.2))
        .must("ratio_pgbench_64", median(&many.1), Bar::AtMost(1.0))
        .print();
    Ok(())
}

async fn pairs(postgres: &Postgres, plan: &Plan, engine: &Engine) -> Result<()> {
    let (mut rates, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let deducts = measured(postgres, engine, "deduct_uniform", plan).await?.0.rate();
        let copy = engine.clone();
        let round = run(SATURATED, plan.round, move || copy.clone().pair()).await?;
        rates.push(round.rate());
        ratios.push(round.rate() / deducts);
    }
    plan.line("reserve_commit")
        .rounds("pairs_per_second", &rates)
        .rounds("ratio_deducts", &ratios)
        .must("ratio_deducts", median(&ratios), Bar::AtLeast(0.5))
        .print();
    Ok(())
}

async fn two_pods(plan: &Plan, engine: &Engine, address: &str) -> Result<()> {
    let (mut sums, mut ratios, mut fairness) = (Vec::new(), Vec::new(), Vec::new());
    let other = engine.another(address).await?;
    for _ in 0..plan.rounds {
        let alone = engine.clone();
        let one = run(SATURATED, plan.round, move || alone.clone().deduct()).await?.rate();
        let (a, b) = (engine.clone(), other.clone());
        let half = SATURATED / 2;
        let (first, second) = tokio::join!(
            run(half, plan.round, move || a.clone().deduct()),
            run(half, plan.round, move || b.clone().deduct())
        );
        let (first, second) = (first?.rate(), second?.rate());
        sums.push(first + second);
        ratios.push((first + second) / one);
        fairness.push(first.min(second) / first.max(second));
    }
    other.stop().await;
    plan.line("two_pods")
        .rounds("ops_per_second", &sums)
        .rounds("ratio_one_pod", &ratios)
        .rounds("fairness", &fairness)
        .must("ratio_one_pod", median(&ratios), Bar::AtLeast(0.7))
        .must("fairness", median(&fairness), Bar::AtLeast(0.8))
        .print();
    Ok(())
}

/// The same engine on SQLite, at synchronous=FULL and at NORMAL: row 11.
pub async fn sqlite(postgres: &Postgres, plan: &Plan) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let address = format!("sqlite:{}", folder.path().join("wallet.db").display());
    let engine = Engine::fill(&address, plan.wallets / 10, plan.earlier / 10).await?;
    let (mut rates, mut simple, mut normal) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let su = postgres.best(Script::SimpleUpdate, plan.peer)?;
        let mut by_mode = [0.0; 2];
        for (mode, rate) in ["NORMAL", "FULL"].into_iter().zip(&mut by_mode) {
            synchronous(&engine, mode).await?;
            let copy = engine.clone();
            *rate = run(SATURATED, plan.round, move || copy.clone().deduct()).await?.rate();
        }
        rates.push(by_mode[1]);
        simple.push(by_mode[1] / su);
        normal.push(by_mode[1] / by_mode[0]);
    }
    engine.stop().await;
    plan.line("sqlite_deduct")
        .fact("wallets", plan.wallets / 10)
        .rounds("ops_per_second", &rates)
        .rounds("ratio_simple_update", &simple)
        .rounds("ratio_normal", &normal)
        .must("ratio_simple_update", median(&simple), Bar::AtLeast(1.2))
        .must("ratio_normal", median(&normal), Bar::AtLeast(0.9))
        .print();
    Ok(())
}

async fn synchronous(engine: &Engine, mode: &str) -> Result<()> {
    use sea_orm::ConnectionTrait;
    // The one writer's connection: the setting stays with it.
    engine.database().writer().execute_unprepared(&format!("PRAGMA synchronous = {mode}")).await?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    Ok(())
}
