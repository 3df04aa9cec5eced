//! The orderly stop.

use std::time::Duration;

use chit_rpc::Drain;
use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::Shutdown;
use crate::health::Health;
use crate::job::Jobs;
use crate::server::ServeOptions;
use crate::service::DrainHook;

/// Connections get all but this part of the limit; lanes and jobs need the rest.
const RESERVED_PART: u32 = 3;

/// Everything a server runs.
pub(crate) struct Running {
    pub(crate) health: Health,
    pub(crate) end_polling: Shutdown,
    pub(crate) polling: JoinHandle<()>,
    pub(crate) drain: Drain,
    pub(crate) go_away: Shutdown,
    pub(crate) connections: JoinHandle<Result<(), tonic::transport::Error>>,
    pub(crate) hooks: Vec<DrainHook>,
    pub(crate) jobs: Jobs,
}

/// Stops in the one order in which nothing accepted is lost: readiness off, a pause, no new calls while
/// streams answer what they read, lanes empty, jobs (the sequencer among them) end. What hangs is left
/// behind at the limit, and named.
pub(crate) async fn stop(mut running: Running, options: &ServeOptions) {
    let limit = Instant::now() + options.drain_limit;
    tracing::info!("stopping");
    running.end_polling.cancel();
    note("readiness checks", timeout_at(limit, running.polling).await.is_ok());
    running.health.not_serving().await;
    let _limited = timeout_at(limit, tokio::time::sleep(options.readiness_pause)).await;

    running.drain.begin();
    running.health.end_watches().await;
    running.go_away.cancel();
    let reserved: Duration = options.drain_limit / RESERVED_PART;
    note("connections", timeout_at(limit - reserved, running.connections).await.is_ok());

    let hooks = join_all(running.hooks.into_iter().map(|hook| hook()));
    note("lanes", timeout_at(limit, hooks).await.is_ok());
    note("jobs", timeout_at(limit, running.jobs.stop()).await.is_ok());
    tracing::info!("stopped");
}

fn note(what: &str, in_time: bool) {
    if !in_time {
        tracing::warn!("{what} did not end in time and are left behind");
    }
}
