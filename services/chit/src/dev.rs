//! `chit dev`: all services on one loopback port, ready to try. The only command that migrates by itself.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use chit_runtime::{ServeOptions, Service, lazy_loopback_channel};
use chit_store::{DataDir, Database, StoreError, installed_shard_count};
use chit_types::ShardCount;
use serde_json::json;
use tokio::time::{Instant, sleep};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::args::{DEV_ADDRESS, DevArgs, ServiceName};
use crate::databases;
use crate::failure::Failure;
use crate::host::{self, Peers};
use crate::output::{Format, say, say_json, table};
use crate::serve::{listen, stop_asked};

/// How often we look whether everything is ready.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Runs it until Ctrl-C.
pub async fn run(args: DevArgs, tenant: &str, format: Format) -> anyhow::Result<()> {
    let started = Instant::now();
    let listener = listen(args.listen).await?;
    let address = listener.local_addr()?;
    let folder = match &args.postgres {
        Some(_) => None,
        None => Some(open_folder(&args)?),
    };
    let channel = lazy_loopback_channel(address);
    let peers = Peers { wallet: channel.clone(), pricing: channel };
    let mut opened = Vec::new();
    for service in ServiceName::ALL {
        let url = match (&args.postgres, &folder) {
            (Some(url), _) => databases::ensure(url, service).await?,
            (None, Some(folder)) => format!("sqlite:{}", folder.database_path(service.word()).display()),
            (None, None) => anyhow::bail!("neither a folder nor a server for the data"),
        };
        opened.push((service, host::open(service, &url).await?));
    }
    let services = prepare(&opened, &peers, tenant).await?;
    let places = opened.iter().map(|(service, _)| (*service, place(&args, folder.as_ref(), *service)));
    let banner = Banner {
        address,
        places: places.collect(),
        tenant: tenant.to_owned(),
        program: std::env::args().next().unwrap_or_else(|| "chit".to_owned()),
    };
    let announced = tokio::spawn(announce(banner, started, format));
    let served = chit_runtime::serve(services, listener, ServeOptions::loopback(), stop_asked()?).await;
    announced.abort();
    for (_, database) in &opened {
        database.close().await;
    }
    Ok(served?)
}

fn open_folder(args: &DevArgs) -> anyhow::Result<DataDir> {
    DataDir::open(&args.data_dir).map_err(|error| match error {
        StoreError::DataDirInUse { path } => Failure::refused(format!(
            "data folder {} is in use by another process; stop it, or take another with --data-dir",
            path.display()
        )),
        other => other.into(),
    })
}

/// Migrates, makes the starter tenant's prices and builds the services.
async fn prepare(
    opened: &[(ServiceName, Database)],
    peers: &Peers,
    tenant: &str,
) -> anyhow::Result<Vec<Service>> {
    let mut services = Vec::new();
    for (service, database) in opened {
        // What an installation chose once stays.
        let shards = installed_shard_count(database).await?.unwrap_or(ShardCount::DEFAULT);
        host::migrate(*service, database, shards).await?;
        if *service == ServiceName::Pricing {
            let made = chit_pricing::starter::make(&host::pricing(database), tenant).await;
            made.with_context(|| format!("the starter prices of tenant {tenant} cannot be made"))?;
        }
        services.push(host::build(*service, database, shards, peers));
    }
    Ok(services)
}

fn place(args: &DevArgs, folder: Option<&DataDir>, service: ServiceName) -> String {
    match (folder, &args.postgres) {
        (Some(folder), _) => folder.database_path(service.word()).display().to_string(),
        (None, _) => format!("PostgreSQL database chit_{}", service.word()),
    }
}

/// What runs where.
struct Banner {
    address: SocketAddr,
    places: Vec<(ServiceName, String)>,
    tenant: String,
    /// This program, as it was called.
    program: String,
}

/// Waits until every service is ready, then says what runs where.
async fn announce(banner: Banner, started: Instant, format: Format) {
    let mut health = HealthClient::new(lazy_loopback_channel(banner.address));
    loop {
        let answer = health.check(HealthCheckRequest::default()).await;
        if answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving) {
            break;
        }
        sleep(LOOK_INTERVAL).await;
    }
    match format {
        Format::Json => say_json(&banner.json()),
        Format::Text => say(banner.text(started.elapsed())),
    }
}

impl Banner {
    fn json(&self) -> serde_json::Value {
        let services = self.places.iter().map(|(service, place)| {
            json!({ "service": service.word(), "grpc": grpc_name(*service), "data": place })
        });
        json!({
            "address": self.address.to_string(),
            "tenant": self.tenant,
            "services": services.collect::<Vec<_>>(),
        })
    }

    fn text(&self, took: Duration) -> String {
        let mut table = table(&["service", "gRPC", "data"]);
        for (service, place) in &self.places {
            table.add_row([service.word(), grpc_name(*service), place]);
        }
        let address = self.address;
        let server =
            if address.to_string() == DEV_ADDRESS { String::new() } else { format!(" --server {address}") };
        format!(
            "Serving tenant `{tenant}` on {address} since {millis} ms after the start (gRPC without TLS, with health \
             and reflection)\n{table}\n\
             Call it:\n\
             \x20 {program} wallet grant user_123 500{server}\n\
             \x20 {program} meter user_123 chat.reply --model gpt-4o --input-tokens 900 --output-tokens 250{server}\n\
             \x20 grpcurl -plaintext -d '{{\"customer_id\": \"user_123\"}}' {address} chit.wallet.v1.WalletService/GetWallet\n\
             \x20 clients/python/run.sh {address}\n\
             Ctrl-C stops it.",
            tenant = self.tenant,
            program = self.program,
            millis = took.as_millis(),
        )
    }
}

fn grpc_name(service: ServiceName) -> &'static str {
    match service {
        ServiceName::Wallet => "chit.wallet.v1.WalletService",
        ServiceName::Pricing => "chit.pricing.v1.PricingService",
        ServiceName::Metering => "chit.metering.v1.MeteringService",
    }
}
