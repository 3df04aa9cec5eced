//! What the lanes themselves cost: no-op items through one lane, by each way in.
//! `cargo run --release -p chit-batch --example throughput`

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chit_batch::{Failure, LaneConfig, Lanes, Worker};

const ITEMS: u64 = 2_000_000;

struct Idle;

impl Worker for Idle {
    type Item = u64;
    type Answer = u64;

    async fn attempt(&mut self, batch: &[u64]) -> Result<Vec<u64>, Failure> {
        tokio::task::yield_now().await;
        Ok(batch.to_vec())
    }

    async fn recover(&mut self, _: &Failure) {}

    fn weight(_: &u64) -> usize {
        200
    }

    fn group(item: &u64) -> [u8; 16] {
        u128::from(item.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_be_bytes()
    }
}

fn report(way: &str, took: Duration) {
    println!("{way:40} {:6} ns an item", took.as_nanos() / u128::from(ITEMS));
}

#[tokio::main]
async fn main() {
    let lanes = Lanes::start(LaneConfig { lanes: 1, ..LaneConfig::default() }, |_| Idle);

    let began = Instant::now();
    for call in 0..ITEMS / 1_000 {
        let items = (0..1_000).map(|item| (0, call * 1_000 + item)).collect();
        assert!(lanes.submit_many(items, None).await.iter().all(Result::is_ok));
    }
    report("submit_many, 1,000 a call, one caller", began.elapsed());

    let began = Instant::now();
    let answered = Arc::new(AtomicUsize::new(0));
    for item in 0..ITEMS {
        let answered = Arc::clone(&answered);
        let count = move |answer: Result<u64, _>| {
            answered.fetch_add(usize::from(answer.is_ok()), Ordering::Relaxed);
        };
        lanes.submit_when_room(0, item, None, count).await;
    }
    lanes.clone().drain(Duration::from_secs(10)).await;
    assert_eq!(answered.load(Ordering::Relaxed) as u64, ITEMS);
    report("submit_when_room, one stream", began.elapsed());

    let lanes = Lanes::start(LaneConfig { lanes: 1, ..LaneConfig::default() }, |_| Idle);
    let began = Instant::now();
    let callers = (0..4_000).map(|caller| {
        let lanes = lanes.clone();
        tokio::spawn(async move {
            for item in 0..ITEMS / 4_000 {
                assert!(lanes.submit(0, caller + item * 4_000, None).await.is_ok());
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.expect("no caller panics");
    }
    report("submit, 4,000 callers", began.elapsed());
}
