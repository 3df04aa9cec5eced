//! Health by service name, fed by each service's readiness check.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::Shutdown;
use crate::service::{Readiness, Service};

/// How often a ready service is asked again: a platform probes every few seconds.
const INTERVAL_READY: Duration = Duration::from_secs(1);
/// How often one that is not ready is asked: a start should not wait for the next second.
const INTERVAL_NOT_READY: Duration = Duration::from_millis(100);
/// A check that takes longer has failed: its database does not answer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);

struct Watched {
    names: Vec<&'static str>,
    readiness: Readiness,
}

/// The health of the whole server, told under the empty name, and of each service.
#[derive(Clone)]
pub(crate) struct Health {
    pub(crate) reporter: HealthReporter,
    watched: Arc<Vec<Watched>>,
}

impl Health {
    /// Call `not_serving` next: everything is NOT_SERVING until it was asked.
    pub(crate) fn new(services: &[Service]) -> Self {
        let watched = services.iter().map(|service| Watched {
            names: [service.name].iter().chain(&service.grpc_names).copied().collect(),
            readiness: service.readiness.clone(),
        });
        Self { reporter: HealthReporter::new(), watched: Arc::new(watched.collect()) }
    }

    /// Asks each service until `shutdown`.
    pub(crate) async fn poll(self, shutdown: Shutdown) {
        let mut before = vec![Err(String::new()); self.watched.len()];
        while !shutdown.is_cancelled() {
            let now = join_all(self.watched.iter().map(check)).await;
            if shutdown.is_cancelled() {
                return;
            }
            for ((watched, was), is) in self.watched.iter().zip(&before).zip(&now) {
                log_change(watched.names[0], was, is);
                self.tell(&watched.names, is.is_ok()).await;
            }
            let all = now.iter().all(Result::is_ok);
            self.tell(&[""], all).await;
            before = now;
            let pause = if all { INTERVAL_READY } else { INTERVAL_NOT_READY };
            let _stopped_early = tokio::time::timeout(pause, shutdown.cancelled()).await;
        }
    }

    /// Takes everything out of service: no new traffic, please.
    pub(crate) async fn not_serving(&self) {
        self.tell(&[""], false).await;
        for watched in self.watched.iter() {
            self.tell(&watched.names, false).await;
        }
    }

    /// Ends the streams of those who watch, which would otherwise keep their connections open.
    pub(crate) async fn end_watches(&mut self) {
        self.reporter.clear_service_status("").await;
        for name in self.watched.clone().iter().flat_map(|watched| &watched.names) {
            self.reporter.clear_service_status(name).await;
        }
    }

    async fn tell(&self, names: &[&'static str], serving: bool) {
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in names {
            self.reporter.set_service_status(name, status).await;
        }
    }
}

async fn check(watched: &Watched) -> Result<(), String> {
    tokio::time::timeout(CHECK_TIMEOUT, (watched.readiness)())
        .await
        .unwrap_or_else(|_| Err("the readiness check does not answer".to_string()))
}

/// One line per change, not per check.
fn log_change(service: &str, was: &Result<(), String>, is: &Result<(), String>) {
    match is {
        _ if was == is => {}
        Ok(()) => tracing::info!(service, "ready"),
        Err(why) => tracing::warn!(service, "not ready: {why}"),
    }
}
