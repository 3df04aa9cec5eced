//! A closed loop: so many callers, each with one operation in flight, for so long.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;

/// What a round did.
pub struct Round {
    /// Operations answered.
    pub operations: u64,
    /// How long it took.
    pub seconds: f64,
    /// Latencies in microseconds.
    pub latency: Histogram<u64>,
}

impl Round {
    /// Operations a second.
    pub fn rate(&self) -> f64 {
        self.operations as f64 / self.seconds
    }

    /// A latency quantile in milliseconds.
    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1_000.0
    }
}

/// Numbers that look random and never repeat within a run: a caller's keys and wallets come from them.
#[derive(Clone, Debug)]
pub struct Numbers(Arc<AtomicU64>);

impl Numbers {
    /// Starts at a seed.
    pub fn from_seed(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    /// The next one, well mixed.
    pub fn next(&self) -> u64 {
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Runs `callers` loops of `operation` for `time`. An operation answers how many items it did.
pub async fn run<F, O>(callers: usize, time: Duration, operation: F) -> Result<Round>
where
    F: Fn() -> O + Clone + Send + 'static,
    O: Future<Output = Result<u64>> + Send + 'static,
{
    let stop = Arc::new(AtomicBool::new(false));
    let start = Instant::now();
    let mut tasks = Vec::with_capacity(callers);
    for _ in 0..callers {
        let (operation, stop) = (operation.clone(), stop.clone());
        tasks.push(tokio::spawn(async move {
            let mut latency = Histogram::<u64>::new_with_bounds(1, 120_000_000, 3)?;
            let mut done = 0;
            while !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                done += operation().await?;
                latency
                    .saturating_record(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX).max(1));
            }
            anyhow::Ok((done, latency))
        }));
    }
    tokio::time::sleep(time).await;
    stop.store(true, Ordering::Relaxed);
    let mut round =
        Round { operations: 0, seconds: 0.0, latency: Histogram::new_with_bounds(1, 120_000_000, 3)? };
    for task in tasks {
        let (done, latency) = task.await??;
        round.operations += done;
        round.latency.add(latency)?;
    }
    round.seconds = start.elapsed().as_secs_f64();
    Ok(round)
}
