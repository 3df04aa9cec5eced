//! Wallet, pricing and metering in one process, called by generated clients without a port.

use std::sync::Arc;
use std::time::Duration;

use chit_api::metering::v1 as proto;
use chit_api::metering::v1::metering_service_client::MeteringServiceClient;
use chit_api::types::v1 as types;
use chit_api::wallet::v1 as wallet;
use chit_api::wallet::v1::wallet_service_client::WalletServiceClient;
use chit_metering::pipeline::Desk;
use chit_metering::{Config, Parts};
use chit_rpc::{Edge, Identity, Refused, TENANT_HEADER, call_as, credits_from_proto, credits_to_proto};
use chit_runtime::{Shutdown, in_process, in_process_channel, lazy_loopback_channel};
use chit_types::{Credits, ManualClock, Origin, SeededIds, ShardCount, SystemIds, Timestamp};
use tonic::service::Routes;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::harness::{BOTH, Engine, Keeper, START, keeper};

pub type Metering = MeteringServiceClient<Edge<Routes>>;

/// One engine's world. The clock stands still unless a test moves it.
pub struct World {
    pub engine: Engine,
    pub metering: Metering,
    pub wallet: WalletServiceClient<Channel>,
    pub desk: Desk,
    pub clock: ManualClock,
    wallet_channel: Channel,
    pricing_channel: Channel,
    keeper: Keeper,
    ended: Shutdown,
    _others: Vec<Keeper>,
}

/// Which neighbours a pod reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaches {
    Both,
    NoWallet,
    NoPricing,
}

/// Runs a test on SQLite, then on PostgreSQL.
pub async fn on_both_engines(test: impl AsyncFn(World)) {
    for engine in BOTH {
        test(World::new(engine).await).await;
    }
}

/// A channel behind which nobody listens.
fn nowhere() -> Channel {
    lazy_loopback_channel(([127, 0, 0, 1], 1).into())
}

impl World {
    pub async fn new(engine: Engine) -> Self {
        let clock = ManualClock::at(START);
        let (wallet_channel, wallet_keeper) = wallet_channel(engine, &clock).await;
        let (pricing_channel, pricing_keeper) = pricing_channel(engine, &clock).await;
        let keeper = keeper(engine, "metering");
        let database = keeper.open("metering").await;
        chit_metering::MIGRATIONS.run(&database, ShardCount::DEFAULT, START).await.unwrap();
        let store = chit_metering::store::Store::new(database);
        chit_metering::jobs::make_days(&store, START).await.unwrap();
        let ended = Shutdown::new();
        let (metering, desk) =
            pod(&keeper, wallet_channel.clone(), pricing_channel.clone(), &clock, ended.clone()).await;
        Self {
            engine,
            metering,
            wallet: WalletServiceClient::new(wallet_channel.clone()),
            desk,
            clock,
            wallet_channel,
            pricing_channel,
            keeper,
            ended,
            _others: vec![wallet_keeper, pricing_keeper],
        }
    }

    /// Another pod on the same database.
    pub async fn pod(&self, reaches: Reaches) -> (Metering, Desk) {
        let wallet = if reaches == Reaches::NoWallet { nowhere() } else { self.wallet_channel.clone() };
        let pricing = if reaches == Reaches::NoPricing { nowhere() } else { self.pricing_channel.clone() };
        pod(&self.keeper, wallet, pricing, &self.clock, self.ended.clone()).await
    }

    /// Puts credits into a customer's wallet, bought at a cent each.
    pub async fn fund(&mut self, customer: &str, whole: i64) {
        self.fund_as("dev", customer, whole).await;
    }

    pub async fn fund_as(&mut self, tenant: &str, customer: &str, whole: i64) {
        let message = wallet::GrantRequest {
            customer_id: customer.into(),
            amount: Some(credits_to_proto(Credits::whole(whole))),
            idempotency_key: format!("fund/{customer}/{whole}"),
            source: wallet::GrantSource::Purchase as i32,
            paid: Some(chit_api::google::r#type::Money {
                currency_code: "USD".into(),
                units: whole / 100,
                nanos: i32::try_from(whole % 100).unwrap() * 10_000_000,
            }),
            ..Default::default()
        };
        self.wallet.grant(call_as(message, tenant, Origin::Client).unwrap()).await.unwrap();
    }

    /// Available and held credits of a customer.
    pub async fn balance(&mut self, customer: &str) -> (String, String, String) {
        let message = wallet::GetWalletRequest { customer_id: customer.into(), ..Default::default() };
        let found = self.wallet.get_wallet(call_as(message, "dev", Origin::Client).unwrap()).await.unwrap();
        let balance = found.into_inner().wallet.unwrap().balance.unwrap();
        (text(balance.available.as_ref()), text(balance.held.as_ref()), text(balance.owed.as_ref()))
    }

    pub async fn meter(&mut self, event: proto::UsageEvent) -> Result<proto::Receipt, Status> {
        self.meter_with(event, types::OnInsufficient::Unspecified).await
    }

    pub async fn meter_with(
        &mut self,
        event: proto::UsageEvent,
        mode: types::OnInsufficient,
    ) -> Result<proto::Receipt, Status> {
        let request = proto::MeterEventRequest {
            event: Some(event),
            on_insufficient: mode as i32,
            ..Default::default()
        };
        Ok(self.metering.meter_event(request).await?.into_inner().receipt.unwrap())
    }

    pub async fn settle(&mut self, request: proto::SettleRequest) -> Result<proto::Receipt, Status> {
        Ok(self.metering.settle(request).await?.into_inner().receipt.unwrap())
    }

    pub async fn event(&mut self, customer: &str, event: &str) -> proto::Event {
        let request = proto::GetEventRequest { customer_id: customer.into(), event_id: event.into() };
        self.metering.get_event(request).await.unwrap().into_inner().event.unwrap()
    }

    /// The sums of all usage.
    pub async fn sums(&mut self) -> proto::UsageSums {
        let rows = self.usage(&[]).await;
        rows.into_iter().next().map(|row| row.sums.unwrap()).unwrap_or_default()
    }

    /// Usage of the days around the start.
    pub async fn usage(&mut self, groups: &[proto::UsageGroup]) -> Vec<proto::UsageRow> {
        let day = |day: i64| Some(prost_types::Timestamp { seconds: day * 86_400, nanos: 0 });
        let request = proto::QueryUsageRequest {
            from: day(START.day() - 40),
            until: day(START.day() + 2),
            group_by: groups.iter().map(|group| *group as i32).collect(),
            ..Default::default()
        };
        self.metering.query_usage(request).await.unwrap().into_inner().rows
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

async fn pod(
    keeper: &Keeper,
    wallet: Channel,
    pricing: Channel,
    clock: &ManualClock,
    ended: Shutdown,
) -> (Metering, Desk) {
    let parts = Parts {
        database: keeper.open("metering").await,
        wallet,
        pricing: pricing.clone(),
        clock: Arc::new(clock.clone()),
        ids: Arc::new(SystemIds),
        shards: ShardCount::DEFAULT,
        #[allow(clippy::disallowed_methods)]
        config: Config::default(),
    };
    let (service, desk) = chit_metering::build_with_desk(parts);
    let tools = desk.tools().clone();
    // The service's jobs run where it is served; here the one follower does.
    tokio::spawn(tools.replicas.follow_all(pricing, tools.store, ended));
    (MeteringServiceClient::new(in_process(service.routes(), Identity::Loopback)), desk)
}

async fn wallet_channel(engine: Engine, clock: &ManualClock) -> (Channel, Keeper) {
    let keeper = keeper(engine, "wallet");
    let database = keeper.open("wallet").await;
    chit_wallet::MIGRATIONS.run(&database, ShardCount::DEFAULT, START).await.unwrap();
    let (clock, ids) = (Arc::new(clock.clone()), Arc::new(SystemIds));
    let service = chit_wallet::build(chit_wallet::WalletConfig::default(), database, clock, ids);
    (in_process_channel(service.routes(), Identity::Loopback), keeper)
}

async fn pricing_channel(engine: Engine, clock: &ManualClock) -> (Channel, Keeper) {
    let keeper = keeper(engine, "pricing");
    let database = keeper.open("pricing").await;
    chit_pricing::MIGRATIONS.run(&database, ShardCount::DEFAULT, START).await.unwrap();
    let clock = Arc::new(clock.clone());
    let ids = Arc::new(SeededIds::default());
    let app = chit_pricing::app(database.clone(), clock, ids, chit_pricing::Config::default());
    chit_pricing::starter::make(&app, "dev").await.unwrap();
    let service = chit_pricing::build(app, database, ShardCount::DEFAULT);
    (in_process_channel(service.routes(), Identity::Loopback), keeper)
}

pub fn text(credits: Option<&types::Credits>) -> String {
    credits.map_or_else(String::new, |credits| credits_from_proto(credits).unwrap().to_string())
}

pub fn credits(amount: &str) -> Option<types::Credits> {
    Some(credits_to_proto(amount.parse().unwrap()))
}

/// An event of so many explicit credits.
pub fn explicit(customer: &str, event: &str, amount: &str) -> proto::UsageEvent {
    proto::UsageEvent {
        customer_id: customer.into(),
        event_id: event.into(),
        credits: credits(amount),
        ..Default::default()
    }
}

/// A chat reply priced by the starter book.
pub fn reply(customer: &str, event: &str, input: i64, output: i64) -> proto::UsageEvent {
    proto::UsageEvent {
        customer_id: customer.into(),
        event_id: event.into(),
        event_type: "chat.reply".into(),
        dimensions: [("model".to_string(), "gpt-4o-mini".to_string())].into(),
        tokens: Some(types::Tokens { input, output, ..Default::default() }),
        ..Default::default()
    }
}

pub fn as_tenant<T>(tenant: &'static str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(TENANT_HEADER, tenant.parse().unwrap());
    request
}

/// Why a call was refused.
pub fn refused<T: std::fmt::Debug>(answer: Result<T, Status>) -> Refused {
    Refused::of(&answer.unwrap_err())
}

/// The reason alone.
pub fn reason<T: std::fmt::Debug>(answer: Result<T, Status>) -> &'static str {
    refused(answer).reason_word()
}

/// Waits until `check` holds; fails after ten seconds.
pub async fn eventually(mut check: impl AsyncFnMut() -> bool) {
    for _ in 0..1_000 {
        if check().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to be");
}

pub fn stamp(time: Timestamp) -> Option<prost_types::Timestamp> {
    Some(chit_rpc::timestamp_to_proto(time))
}
