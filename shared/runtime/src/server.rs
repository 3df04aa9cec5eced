//! One port for all services.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use chit_rpc::{Drain, EdgeLayer, Identity};
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::HealthService;
use tower::Layer;

use crate::Shutdown;
use crate::health::Health;
use crate::job::Jobs;
use crate::service::Service;
use crate::stop::{Running, stop};

/// A peer that is silent for this long is asked whether it lives …
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// … and has this long to say so.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Calls under way on one connection.
const CONCURRENT_STREAMS: u32 = 4_096;
/// What one stream may send before we read: the 64 KiB of the standard throttle item streams.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// The same for all streams of a connection together.
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;

/// How to serve.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// How callers prove who they are.
    pub identity: Identity,
    /// At the stop: how long readiness is off before calls are refused, so that balancers notice.
    pub readiness_pause: Duration,
    /// At the stop: all of it is over after this long, whatever hangs.
    pub drain_limit: Duration,
}

impl ServeOptions {
    /// For a port of this machine only: no identity, and no balancer to wait for.
    #[must_use]
    pub fn loopback() -> Self {
        Self {
            identity: Identity::Loopback,
            readiness_pause: Duration::ZERO,
            drain_limit: Duration::from_secs(25),
        }
    }
}

/// Why serving failed.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// Whoever reaches the port would be believed.
    #[error("without identity only a loopback address may be served, and {0} is none")]
    OpenPort(SocketAddr),
    /// Two services or jobs of one name.
    #[error("{0} is there twice")]
    Twice(&'static str),
    /// The listener is unusable.
    #[error("the listener is unusable")]
    Listener(#[source] std::io::Error),
    /// The descriptors do not fit together.
    #[error("reflection cannot be built")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// The server ended without being asked.
    #[error("the server ended by itself")]
    Ended(#[source] Option<tonic::transport::Error>),
}

/// Hosts `services` on `listener` with health (by service name), reflection (v1 and v1alpha) and the
/// edge layer, runs their jobs, and stops in order once `shutdown` completes.
pub async fn serve(
    services: Vec<Service>,
    listener: TcpListener,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RuntimeError> {
    check_address(&listener, &options.identity)?;
    check_names(&services)?;
    let health = Health::new(&services);
    health.not_serving().await;
    let drain = Drain::new();
    let edge = EdgeLayer::new(options.identity.clone(), drain.clone());
    let server = edge.layer(routes(&services, &health)?.prepare());

    let (mut hooks, mut jobs) = (Vec::new(), Vec::new());
    for service in services {
        hooks.extend(service.drain);
        jobs.extend(service.jobs);
    }
    let go_away = Shutdown::new();
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let serving =
        transport().serve_with_incoming_shutdown(server, incoming, go_away.clone().cancelled_owned());
    let mut connections = tokio::spawn(serving);
    let end_polling = Shutdown::new();
    let polling = tokio::spawn(health.clone().poll(end_polling.clone()));
    let mut jobs = Jobs::start(jobs);

    tokio::select! {
        () = shutdown => {}
        ended = &mut connections => {
            end_polling.cancel();
            jobs.stop().await;
            return Err(RuntimeError::Ended(ended.ok().and_then(Result::err)));
        }
    }
    let running = Running { health, end_polling, polling, drain, go_away, connections, hooks, jobs };
    stop(running, &options).await;
    Ok(())
}

/// The HTTP/2 settings of every server of ours.
pub(crate) fn transport() -> Server {
    Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .max_concurrent_streams(CONCURRENT_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
}

fn routes(services: &[Service], health: &Health) -> Result<Routes, RuntimeError> {
    let mut builder = Routes::builder();
    for service in services {
        service.mount(&mut builder);
    }
    let health = HealthService::from_health_reporter(health.reporter.clone());
    builder.add_service(HealthServer::new(health));
    let reflection = || {
        let mut reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(chit_api::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
        // Only what is mounted here: a wallet pod does not claim to be a metering one.
        for name in services.iter().flat_map(|service| &service.grpc_names) {
            reflection = reflection.with_service_name(*name);
        }
        reflection.with_service_name("grpc.health.v1.Health")
    };
    builder.add_service(reflection().build_v1().map_err(RuntimeError::Reflection)?);
    builder.add_service(reflection().build_v1alpha().map_err(RuntimeError::Reflection)?);
    Ok(builder.routes())
}

fn check_address(listener: &TcpListener, identity: &Identity) -> Result<(), RuntimeError> {
    let address = listener.local_addr().map_err(RuntimeError::Listener)?;
    match identity {
        Identity::Loopback if !address.ip().to_canonical().is_loopback() => {
            Err(RuntimeError::OpenPort(address))
        }
        Identity::Loopback => Ok(()),
    }
}

fn check_names(services: &[Service]) -> Result<(), RuntimeError> {
    let mut names = BTreeSet::new();
    let jobs = services.iter().flat_map(|service| &service.jobs).map(|job| job.name);
    let mounted = services.iter().flat_map(|service| &service.grpc_names).copied();
    for name in jobs.chain(mounted) {
        if !names.insert(name) {
            return Err(RuntimeError::Twice(name));
        }
    }
    Ok(())
}
