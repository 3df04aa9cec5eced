//! `chit serve SERVICE`: one service, as a pod runs it. Never migrates; not ready below its schema.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use chit_rpc::Identity;
use chit_runtime::ServeOptions;
use chit_store::installed_shard_count;
use chit_types::ShardCount;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tonic::transport::{Channel, Endpoint};

use crate::args::{ServeArgs, ServiceName};
use crate::failure::Failure;
use crate::host::{self, Peers};
use crate::migrate::missing_database;

/// Readiness is off for this long before calls are refused, so that balancers notice.
const READINESS_PAUSE: Duration = Duration::from_secs(2);
/// A stop is over after this, whatever hangs.
const DRAIN_LIMIT: Duration = Duration::from_secs(25);
/// A peer answers a connection within this time or is tried again with the next call.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs it until it is told to stop.
pub async fn run(args: ServeArgs) -> anyhow::Result<()> {
    let service = args.service;
    let peers = peers(&args)?;
    let url = args.database.as_deref().or_else(|| args.databases.of(service));
    let url = url.ok_or_else(|| missing_database(service))?;
    let listener = listen(args.listen).await?;
    let database = host::open(service, url).await?;
    // Before the first migration there is none; the service then is not ready, and says so.
    let shards = installed_shard_count(&database).await.ok().flatten().unwrap_or(ShardCount::DEFAULT);
    let hosted = host::build(service, &database, shards, &peers);
    tracing::info!(service = service.word(), address = %listener.local_addr()?, "serving");
    let options = ServeOptions {
        identity: Identity::Loopback,
        readiness_pause: READINESS_PAUSE,
        drain_limit: DRAIN_LIMIT,
    };
    let served = chit_runtime::serve(vec![hosted], listener, options, stop_asked()?).await;
    database.close().await;
    Ok(served?)
}

/// Binds a port. Without identity whoever reaches it is believed, so only this machine may.
pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    if !address.ip().is_loopback() {
        let message = format!("--listen {address}: without identity only a loopback address is served");
        return Err(Failure::input(message));
    }
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Err(Failure::refused(format!(
            "{address} is in use, perhaps by another chit; --listen takes another address, port 0 a free one"
        ))),
        Err(error) => Err(error).with_context(|| format!("cannot listen on {address}")),
    }
}

/// Completes with the first Ctrl-C or SIGTERM.
pub fn stop_asked() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn peers(args: &ServeArgs) -> anyhow::Result<Peers> {
    let needed = args.service == ServiceName::Metering;
    let channel = |name: &str, address: Option<&str>| match address {
        Some(address) => peer(name, address),
        None if needed => Err(Failure::input(format!("metering calls {name}: say where with --{name}"))),
        // Never called.
        None => Ok(Endpoint::from_static("http://127.0.0.1:0").connect_lazy()),
    };
    Ok(Peers {
        wallet: channel("wallet", args.wallet.as_deref())?,
        pricing: channel("pricing", args.pricing.as_deref())?,
    })
}

fn peer(name: &str, address: &str) -> anyhow::Result<Channel> {
    let whole = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let endpoint = Endpoint::from_shared(whole)
        .map_err(|error| Failure::input(format!("--{name} {address} is not an address: {error}")))?;
    Ok(endpoint.connect_timeout(CONNECT_TIMEOUT).tcp_nodelay(true).connect_lazy())
}
