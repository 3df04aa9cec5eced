//! The services as clients meet them, each in a process of its own: rows 8, 9, 10 and 13 of the goals.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use chit_api::metering::v1 as metering;
use chit_api::metering::v1::metering_service_client::MeteringServiceClient;
use chit_api::types::v1 as types;
use chit_api::wallet::v1 as wallet;
use chit_api::wallet::v1::wallet_service_client::WalletServiceClient;
use chit_tests::executable::{Server, Store, executable};
use tokio_stream::StreamExt;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::line::{Bar, median};
use crate::load::{Numbers, Round, run};
use crate::meters::peak_memory_mib;
use crate::plan::Plan;
use crate::postgres::{Postgres, Script};

/// Unary calls in flight.
const CALLERS: usize = 512;
/// Streams, and unanswered items of each.
const STREAMS: usize = 8;
const UNANSWERED: usize = 512;
/// Customers that the services over gRPC are measured with; each is granted once.
const CUSTOMERS: u64 = 10_000;

/// A bare tonic server whose one unary call answers at once: the health service.
pub async fn echo_server() -> Result<()> {
    let (_reporter, service) = tonic_health::server::health_reporter();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming).await?;
    Ok(())
}

struct Echo(Child);

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn start_echo() -> Result<(Echo, HealthClient<Channel>)> {
    use std::io::BufRead;
    let mut child = Command::new(std::env::current_exe()?).arg("echo").stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().context("standard output is piped")?;
    let echo = Echo(child);
    let mut line = String::new();
    std::io::BufReader::new(output).read_line(&mut line)?;
    let address: SocketAddr = line.trim().parse()?;
    Ok((echo, HealthClient::new(Channel::from_shared(format!("http://{address}"))?.connect().await?)))
}

/// Runs them all on one server over PostgreSQL.
pub async fn all(postgres: &Postgres, plan: &Plan, engine_rate: f64) -> Result<()> {
    let names = ["deduct_unary_grpc", "deduct_stream_grpc", "meter_stream_grpc", "memory"];
    if !names.iter().any(|name| plan.wants(name)) {
        return Ok(());
    }
    executable()?;
    let folder = tempfile::tempdir()?;
    let store = Store::Postgres { server: postgres.server(), folder: folder.path().to_owned() };
    let server = Server::start(&store, 0)?;
    let bench = Bench {
        wallet: WalletServiceClient::connect(format!("http://{}", server.address)).await?,
        metering: MeteringServiceClient::connect(format!("http://{}", server.address)).await?,
        numbers: Numbers::from_seed(77),
    };
    bench.fund().await?;
    if plan.wants("deduct_unary_grpc") {
        bench.unary(postgres, plan).await?;
    }
    if plan.wants("deduct_stream_grpc") {
        bench.stream(plan, engine_rate).await?;
    }
    if plan.wants("meter_stream_grpc") {
        bench.meter(postgres, plan).await?;
    }
    if plan.wants("memory") {
        let peak = peak_memory_mib(server.process());
        let line = plan
            .line("memory")
            .figure("peak_resident_mib", peak)
            .fact("services", "wallet, pricing and metering");
        line.must("peak_resident_mib", peak, Bar::AtMost(200.0)).print();
    }
    server.stop()
}

#[derive(Clone)]
struct Bench {
    wallet: WalletServiceClient<Channel>,
    metering: MeteringServiceClient<Channel>,
    numbers: Numbers,
}

fn customer(number: u64) -> String {
    format!("customer-{number:08}")
}

fn credits(units: i64) -> Option<types::Credits> {
    Some(types::Credits { units, nanos: 0 })
}

impl Bench {
    async fn fund(&self) -> Result<()> {
        let mut client = self.wallet.clone();
        let all: Vec<wallet::Operation> =
            (0..CUSTOMERS).flat_map(|n| (0..3).map(move |g| grant(n, g))).collect();
        for operations in all.chunks(1_000) {
            let request = wallet::BatchApplyRequest { operations: operations.to_vec() };
            for result in client.batch_apply(request).await?.into_inner().results {
                if let Some(wallet::operation_result::Result::Error(error)) = result.result {
                    anyhow::bail!("a grant was refused: {}", error.message);
                }
            }
        }
        Ok(())
    }

    fn deduct(&self) -> wallet::DeductRequest {
        wallet::DeductRequest {
            customer_id: customer(self.numbers.next() % CUSTOMERS),
            amount: credits(1),
            idempotency_key: self.numbers.next().to_string(),
            details: Some(wallet::OperationDetails {
                event_type: "chat.reply".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    async fn unary(&self, postgres: &Postgres, plan: &Plan) -> Result<()> {
        let (_echo, health) = start_echo().await?;
        let (mut rates, mut simple, mut echoes) = (Vec::new(), Vec::new(), Vec::new());
        let mut last: Option<Round> = None;
        for _ in 0..plan.rounds {
            let su = postgres.best(Script::SimpleUpdate, plan.peer)?;
            let client = health.clone();
            let echo = run(CALLERS, plan.round, move || {
                let mut client = client.clone();
                async move {
                    client.check(HealthCheckRequest { service: String::new() }).await?;
                    Ok(1)
                }
            });
            let echo = echo.await?.rate();
            let bench = self.clone();
            let round = run(CALLERS, plan.round, move || {
                let mut bench = bench.clone();
                async move {
                    let request = bench.deduct();
                    bench.wallet.deduct(request).await?;
                    Ok(1)
                }
            });
            let round = round.await?;
            rates.push(round.rate());
            simple.push(round.rate() / su);
            echoes.push(round.rate() / echo);
            last = Some(round);
        }
        let Some(round) = last else { return Ok(()) };
        plan.line("deduct_unary_grpc")
            .rounds("ops_per_second", &rates)
            .rounds("ratio_simple_update", &simple)
            .rounds("ratio_echo", &echoes)
            .figure("p50_ms", round.quantile_ms(0.5))
            .figure("p99_ms", round.quantile_ms(0.99))
            .fact("callers", CALLERS)
            .must("ratio_simple_update", median(&simple), Bar::AtLeast(1.2))
            .must("ratio_echo", median(&echoes), Bar::AtLeast(0.35))
            .print();
        Ok(())
    }

    async fn stream(&self, plan: &Plan, engine_rate: f64) -> Result<()> {
        let mut rates = Vec::new();
        for _ in 0..plan.rounds {
            let mut streams = Vec::new();
            for _ in 0..STREAMS {
                streams.push(tokio::spawn(self.clone().deduct_stream(plan.round)));
            }
            let mut sum = 0.0;
            for stream in streams {
                sum += stream.await??;
            }
            rates.push(sum);
        }
        let ratio = median(&rates) / engine_rate.max(1.0);
        let line = plan.line("deduct_stream_grpc").rounds("ops_per_second", &rates).fact("streams", STREAMS);
        if engine_rate > 0.0 {
            line.figure("ratio_engine", ratio).must("ratio_engine", ratio, Bar::AtLeast(0.7)).print();
        } else {
            line.print();
        }
        Ok(())
    }

    async fn deduct_stream(mut self, time: Duration) -> Result<f64> {
        let (sender, receiver) = tokio::sync::mpsc::channel(UNANSWERED);
        let requests = tokio_stream::wrappers::ReceiverStream::new(receiver);
        let room = std::sync::Arc::new(tokio::sync::Semaphore::new(UNANSWERED));
        let (bench, permits) = (self.clone(), room.clone());
        let start = std::time::Instant::now();
        let feeder = tokio::spawn(async move {
            let mut sequence = 0;
            while start.elapsed() < time {
                let Ok(permit) = permits.acquire().await else { break };
                permit.forget();
                sequence += 1;
                let deduct = wallet::operation::Operation::Deduct(bench.deduct());
                let operation = Some(wallet::Operation { operation: Some(deduct) });
                if sender.send(wallet::ApplyRequest { sequence, operation }).await.is_err() {
                    break;
                }
            }
        });
        let mut answers = self.wallet.apply(requests).await?.into_inner();
        let mut answered = 0_u64;
        while let Some(answer) = answers.next().await {
            let result = answer?.result.and_then(|r| r.result);
            anyhow::ensure!(
                matches!(result, Some(wallet::operation_result::Result::Deduct(_))),
                "refused: {result:?}"
            );
            answered += 1;
            room.add_permits(1);
        }
        feeder.await?;
        Ok(answered as f64 / start.elapsed().as_secs_f64())
    }

    async fn meter(&self, postgres: &Postgres, plan: &Plan) -> Result<()> {
        let (mut rates, mut simple) = (Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            let su = postgres.best(Script::SimpleUpdate, plan.peer)?;
            let mut streams = Vec::new();
            for _ in 0..STREAMS {
                streams.push(tokio::spawn(self.clone().meter_stream(plan.round)));
            }
            let mut sum = 0.0;
            for stream in streams {
                sum += stream.await??;
            }
            rates.push(sum);
            simple.push(sum / su);
        }
        plan.line("meter_stream_grpc")
            .rounds("events_per_second", &rates)
            .rounds("ratio_simple_update", &simple)
            .fact("streams", STREAMS)
            .must("ratio_simple_update", median(&simple), Bar::AtLeast(1.0))
            .print();
        Ok(())
    }

    fn event(&self) -> metering::MeterItem {
        let event = metering::UsageEvent {
            customer_id: customer(self.numbers.next() % CUSTOMERS),
            event_id: self.numbers.next().to_string(),
            event_type: "chat.reply".to_owned(),
            dimensions: [("model".to_owned(), "gpt-5-mini".to_owned())].into(),
            tokens: Some(types::Tokens { input: 1_155, output: 211, ..Default::default() }),
            ..Default::default()
        };
        let meter = metering::MeterEventRequest { event: Some(event), ..Default::default() };
        metering::MeterItem { item: Some(metering::meter_item::Item::Event(meter)) }
    }

    async fn meter_stream(mut self, time: Duration) -> Result<f64> {
        let (sender, receiver) = tokio::sync::mpsc::channel(UNANSWERED);
        let requests = tokio_stream::wrappers::ReceiverStream::new(receiver);
        let room = std::sync::Arc::new(tokio::sync::Semaphore::new(UNANSWERED));
        let (bench, permits) = (self.clone(), room.clone());
        let start = std::time::Instant::now();
        let feeder = tokio::spawn(async move {
            let mut sequence = 0;
            while start.elapsed() < time {
                let Ok(permit) = permits.acquire().await else { break };
                permit.forget();
                sequence += 1;
                let item = Some(bench.event());
                if sender.send(metering::StreamMeterEventsRequest { sequence, item }).await.is_err() {
                    break;
                }
            }
        });
        let mut answers = self.metering.stream_meter_events(requests).await?.into_inner();
        let mut answered = 0_u64;
        while let Some(answer) = answers.next().await {
            let result = answer?.result.and_then(|r| r.result);
            anyhow::ensure!(
                !matches!(result, None | Some(metering::meter_item_result::Result::Error(_))),
                "an event was refused: {result:?}"
            );
            answered += 1;
            room.add_permits(1);
        }
        feeder.await?;
        Ok(answered as f64 / start.elapsed().as_secs_f64())
    }
}

fn grant(number: u64, index: i64) -> wallet::Operation {
    let grant = wallet::GrantRequest {
        customer_id: customer(number),
        amount: credits(100_000_000),
        idempotency_key: format!("fund-{index}"),
        source: wallet::GrantSource::Purchase as i32,
        priority: Some(i32::try_from(100 + index).unwrap_or(100)),
        ..Default::default()
    };
    wallet::Operation { operation: Some(wallet::operation::Operation::Grant(grant)) }
}
