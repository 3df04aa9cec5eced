//! A wallet service on a loopback port, on each engine, and short ways to say what tests say often.

use std::collections::BTreeMap;
use std::sync::Arc;

use chit_api::types::v1::{Credits, ErrorReason};
use chit_api::wallet::v1::wallet_service_client::WalletServiceClient;
use chit_api::wallet::v1::*;
use chit_rpc::{CallAs, Caller, Refused, Scopes};
use chit_runtime::{ServeOptions, Shutdown, lazy_loopback_channel, serve};
use chit_store::Database;
use chit_testkit::{FreshDatabase, fresh_database, temp_data_dir};
use chit_types::{ManualClock, Origin, SeededIds, ShardCount, Timestamp};
use chit_wallet::{MIGRATIONS, WalletConfig, build};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Response, Status};
use tower::util::MapRequest;

/// A client for one tenant and origin.
pub type Client = WalletServiceClient<InterceptedService<Channel, CallAs>>;

type Admit = Box<dyn FnMut(http::Request<Body>) -> http::Request<Body> + Send>;

/// The service behind a caller of the test's making.
pub type Admitted = MapRequest<Routes, Admit>;

/// When tests begin.
pub const START: &str = "2026-11-21T10:00:00Z";

/// A running service.
pub struct Server {
    /// A client of tenant `acme`.
    pub client: Client,
    /// The service's clock.
    pub clock: ManualClock,
    channel: Channel,
    routes: Routes,
    stop: Shutdown,
    serving: JoinHandle<()>,
}

impl Server {
    async fn start(database: Database) -> Self {
        let clock = ManualClock::at(Timestamp::parse(START).unwrap());
        let shards = ShardCount::DEFAULT;
        MIGRATIONS.run(&database, shards, Timestamp::parse(START).unwrap()).await.unwrap();
        let config = WalletConfig::default();
        let service = build(config, database, Arc::new(clock.clone()), Arc::new(SeededIds::default()));
        let routes = service.routes();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let channel = lazy_loopback_channel(listener.local_addr().unwrap());
        let stop = Shutdown::new();
        let stopping = stop.clone().cancelled_owned();
        let serving = tokio::spawn(async move {
            serve(vec![service], listener, ServeOptions::loopback(), stopping).await.unwrap();
        });
        Self { client: client(&channel, "acme", Origin::Client), clock, channel, routes, stop, serving }
    }

    /// A client of `acme` with these scopes and no others: calls go straight into the service, as if identity had let
    /// them pass.
    pub fn client_with(&self, origin: Origin, scopes: &[&str]) -> WalletServiceClient<Admitted> {
        let scopes = scopes.iter().map(|scope| (*scope).to_string()).collect();
        let caller = Caller {
            tenant: "acme".into(),
            principal: "test".into(),
            scopes: Scopes::Only(Arc::new(scopes)),
            origin,
        };
        let admit: Admit = Box::new(move |mut request| {
            request.extensions_mut().insert(caller.clone());
            request
        });
        WalletServiceClient::new(MapRequest::new(self.routes.clone(), admit))
    }

    /// A client of another tenant or origin.
    pub fn client_as(&self, tenant: &str, origin: Origin) -> Client {
        client(&self.channel, tenant, origin)
    }

    /// Begins the orderly stop; what is under way is still answered.
    pub fn begin_stop(&self) {
        self.stop.cancel();
    }

    async fn end(self) {
        let Self { client, channel, routes, stop, serving, .. } = self;
        drop((client, channel, routes));
        stop.cancel();
        serving.await.unwrap();
    }
}

fn client(channel: &Channel, tenant: &str, origin: Origin) -> Client {
    let calls = CallAs::new(tenant, origin).unwrap();
    WalletServiceClient::new(InterceptedService::new(channel.clone(), calls))
}

/// Runs `test` against a fresh service on SQLite, then on PostgreSQL.
pub async fn on_both(name: &str, test: impl AsyncFn(&Server)) {
    let folder = temp_data_dir();
    let sqlite = Database::sqlite(folder.path().join("wallet.sqlite")).await.unwrap();
    run(sqlite, &test).await;
    let fresh: FreshDatabase = fresh_database(name);
    let postgres = Database::postgres(&fresh.url(), 8).await.unwrap();
    run(postgres, &test).await;
}

/// Runs `test` on SQLite alone: for what no engine has a part in.
pub async fn on_sqlite(test: impl AsyncFn(&Server)) {
    let folder = temp_data_dir();
    let sqlite = Database::sqlite(folder.path().join("wallet.sqlite")).await.unwrap();
    run(sqlite, &test).await;
}

async fn run(database: Database, test: &impl AsyncFn(&Server)) {
    let engine = database.engine();
    println!("on {engine:?}");
    let server = Server::start(database.clone()).await;
    test(&server).await;
    server.end().await;
    database.close().await;
}

/// Credits from text, such as `12.5`.
pub fn credits(text: &str) -> Option<Credits> {
    Some(chit_rpc::credits_to_proto(text.parse().unwrap()))
}

/// As text.
pub fn shown(credits: &Option<Credits>) -> String {
    let credits = credits.as_ref().expect("an amount is told");
    chit_rpc::credits_from_proto(credits).unwrap().to_string()
}

/// An instant from text.
pub fn instant(text: &str) -> Option<prost_types::Timestamp> {
    Some(chit_rpc::timestamp_to_proto(Timestamp::parse(text).unwrap()))
}

/// A span.
pub fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

/// Details with an event type.
pub fn of_type(event_type: &str) -> Option<OperationDetails> {
    Some(OperationDetails { event_type: event_type.into(), ..Default::default() })
}

/// A grant to `user`.
pub fn grant(amount: &str, key: &str) -> GrantRequest {
    GrantRequest {
        customer_id: "user".into(),
        amount: credits(amount),
        idempotency_key: key.into(),
        ..Default::default()
    }
}

/// A deduct from `user`.
pub fn deduct(amount: &str, key: &str) -> DeductRequest {
    DeductRequest {
        customer_id: "user".into(),
        amount: credits(amount),
        idempotency_key: key.into(),
        ..Default::default()
    }
}

/// A reservation of `user`.
pub fn reserve(amount: &str, key: &str) -> ReserveRequest {
    ReserveRequest {
        customer_id: "user".into(),
        amount: credits(amount),
        idempotency_key: key.into(),
        ..Default::default()
    }
}

/// A final commit of `user`.
pub fn commit(hold: &str, total: &str, key: &str) -> CommitRequest {
    CommitRequest {
        customer_id: "user".into(),
        hold_id: hold.into(),
        total: credits(total),
        idempotency_key: key.into(),
        ..Default::default()
    }
}

/// A release of `user`.
pub fn release(hold: &str, key: &str) -> ReleaseRequest {
    ReleaseRequest {
        customer_id: "user".into(),
        hold_id: hold.into(),
        idempotency_key: key.into(),
        ..Default::default()
    }
}

/// A correction of `user`.
pub fn adjust(amount: &str, key: &str) -> AdjustRequest {
    AdjustRequest {
        customer_id: "user".into(),
        amount: credits(amount),
        idempotency_key: key.into(),
        ..Default::default()
    }
}

/// A reversal for `user`.
pub fn reverse(transaction: i64, amount: Option<&str>, key: &str) -> ReverseRequest {
    ReverseRequest {
        customer_id: "user".into(),
        transaction,
        amount: amount.and_then(credits),
        idempotency_key: key.into(),
        ..Default::default()
    }
}

/// A write-off for `user`.
pub fn write_off(amount: &str, key: &str) -> WriteOffRequest {
    WriteOffRequest {
        customer_id: "user".into(),
        amount: credits(amount),
        idempotency_key: key.into(),
        ..Default::default()
    }
}

/// `user`'s wallet by name.
pub fn get() -> GetWalletRequest {
    GetWalletRequest { customer_id: "user".into(), ..Default::default() }
}

/// Available, held and owed of an outcome, such as `96 / 4 / 0`.
pub fn balances(outcome: &Option<Outcome>) -> String {
    let balance = outcome.as_ref().and_then(|outcome| outcome.balance.as_ref()).expect("balances are told");
    format!("{} / {} / {}", shown(&balance.available), shown(&balance.held), shown(&balance.owed))
}

/// The transaction's number.
pub fn number(outcome: &Option<Outcome>) -> i64 {
    outcome.as_ref().expect("an outcome is told").transaction
}

/// The answer of a call that must succeed.
#[track_caller]
pub fn ok<T>(answer: Result<Response<T>, Status>) -> T {
    answer.unwrap().into_inner()
}

/// Every page of a list, from the first to the last.
pub async fn every_page<T>(mut page: impl AsyncFnMut(String) -> (Vec<T>, String)) -> Vec<T> {
    let (mut all, mut next) = page(String::new()).await;
    while !next.is_empty() {
        let (more, token) = page(next).await;
        all.extend(more);
        next = token;
    }
    all
}

/// Asserts a refusal with exactly these facts (in the order of their names).
#[track_caller]
pub fn refused<T: std::fmt::Debug>(
    answer: Result<T, Status>,
    reason: ErrorReason,
    facts: &[(&str, &str)],
) -> Refused {
    let refused = Refused::of(&answer.expect_err("the call is refused"));
    assert_eq!(refused.reason, reason, "{refused:?}");
    let expect: BTreeMap<String, String> =
        facts.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect();
    assert_eq!(refused.facts, expect);
    refused
}

/// Asserts INVALID_ARGUMENT for exactly these fields.
#[track_caller]
pub fn violates<T: std::fmt::Debug>(answer: Result<T, Status>, fields: &[&str]) {
    let refused = Refused::of(&answer.expect_err("the call is refused"));
    assert_eq!(refused.reason, ErrorReason::InvalidField, "{refused:?}");
    let mut found: Vec<&str> = refused.violations.iter().map(|v| v.field.as_str()).collect();
    let mut expect = fields.to_vec();
    found.sort_unstable();
    expect.sort_unstable();
    assert_eq!(found, expect, "{:?}", refused.violations);
}
