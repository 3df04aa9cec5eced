//! A pricing service over a fresh database, called by the generated client without a port.

use std::sync::Arc;
use std::time::Duration;

use chit_api::pricing::v1 as proto;
use chit_api::types::v1 as types;
use chit_pricing::{App, Config, MIGRATIONS};
use chit_rpc::{Edge, EdgeLayer, Identity, Refused, TENANT_HEADER};
use chit_store::Database;
use chit_testkit::{FreshDatabase, fresh_database, temp_data_dir};
use chit_types::{ManualClock, SeededIds, ShardCount, Timestamp};
use proto::price_rule::Charge;
use proto::pricing_service_client::PricingServiceClient;
use tonic::service::Routes;
use tonic::{Request, Status};
use tower::Layer;

/// A client of one pod.
pub type Client = PricingServiceClient<Edge<Routes>>;

/// When every world begins.
pub const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// One engine's world. The clock stands still unless a test moves it.
pub struct World {
    pub client: Client,
    pub app: Arc<App>,
    pub clock: ManualClock,
    database: Database,
    _postgres: Option<FreshDatabase>,
    _folder: Option<Box<dyn std::any::Any>>,
}

/// Runs a test on SQLite, then on PostgreSQL.
pub async fn on_both_engines(name: &str, test: impl AsyncFn(World)) {
    let folder = temp_data_dir();
    let sqlite = Database::sqlite(folder.path().join("pricing.db")).await.unwrap();
    test(World::over(sqlite, None, Some(Box::new(folder))).await).await;
    let fresh = fresh_database(name);
    let postgres = Database::postgres(&fresh.url(), 4).await.unwrap();
    test(World::over(postgres, Some(fresh), None).await).await;
}

impl World {
    async fn over(
        database: Database,
        postgres: Option<FreshDatabase>,
        folder: Option<Box<dyn std::any::Any>>,
    ) -> Self {
        MIGRATIONS.run(&database, ShardCount::DEFAULT, START).await.unwrap();
        let clock = ManualClock::at(START);
        let (app, client) = pod(&database, &clock);
        Self { client, app, clock, database, _postgres: postgres, _folder: folder }
    }

    /// Another pod on the same database.
    pub fn other_pod(&self) -> Client {
        pod(&self.database, &self.clock).1
    }

    /// A millisecond more than the publish lead later.
    pub fn pass_the_lead(&self) {
        self.clock.advance(Duration::from_millis(1_001));
    }

    /// Declares an event type.
    pub async fn declare(&mut self, name: &str) {
        let request = proto::PutEventTypeRequest {
            event_type: Some(event_type(name)),
            idempotency_key: format!("declare/{name}"),
        };
        self.client.put_event_type(request).await.unwrap();
    }

    /// Makes a book.
    pub async fn create(&mut self, name: &str) {
        self.client.create_price_book(create(name)).await.unwrap();
    }

    /// Drafts one rule.
    pub async fn draft(&mut self, book: &str, rule: proto::PriceRule) -> proto::PriceBookVersion {
        let answer = self.client.draft_version(draft(book, vec![rule])).await;
        answer.unwrap().into_inner().version.unwrap()
    }

    /// Imports a cost table.
    pub async fn import(&mut self, csv: &str) -> proto::ProviderCostTable {
        let request = proto::ImportProviderCostsRequest {
            csv: csv.to_string(),
            idempotency_key: csv.chars().take(128).collect(),
            ..Default::default()
        };
        let answer = self.client.import_provider_costs(request).await;
        answer.unwrap().into_inner().table.unwrap()
    }

    /// Drafts and publishes rules, and answers the version.
    pub async fn publish(&mut self, book: &str, rules: Vec<proto::PriceRule>) -> proto::PriceBookVersion {
        let drafted = self.client.draft_version(draft(book, rules)).await.unwrap().into_inner();
        assert_eq!(drafted.findings, [], "the draft may be published");
        let number = drafted.version.unwrap().number;
        let published = self.client.publish_version(publish(book, number)).await.unwrap().into_inner();
        published.version.unwrap()
    }

    /// An event type with this rule, published and assigned.
    pub async fn priced(&mut self, rule: proto::PriceRule) {
        self.declare(&rule.event_type).await;
        self.create("book").await;
        self.publish("book", vec![rule]).await;
        self.client.assign_price_book(assign("book")).await.unwrap();
    }
}

fn pod(database: &Database, clock: &ManualClock) -> (Arc<App>, Client) {
    let clock = Arc::new(clock.clone());
    let app = chit_pricing::app(database.clone(), clock, Arc::new(SeededIds::default()), Config::default());
    let service = chit_pricing::build(app.clone(), database.clone(), ShardCount::DEFAULT);
    let edge = EdgeLayer::new(Identity::Loopback, chit_rpc::Drain::new());
    (app, PricingServiceClient::new(edge.layer(service.routes())))
}

/// The reason, facts and violations of a refused call.
pub fn refused<T: std::fmt::Debug>(answer: Result<T, Status>) -> Refused {
    Refused::of(&answer.unwrap_err())
}

/// The same request of another tenant.
pub fn as_tenant<T>(tenant: &'static str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(TENANT_HEADER, tenant.parse().unwrap());
    request
}

/// A request to declare this.
pub fn event_type(name: &str) -> proto::EventType {
    proto::EventType { name: name.to_string(), ..Default::default() }
}

/// A request to make a book.
pub fn create(name: &str) -> proto::CreatePriceBookRequest {
    proto::CreatePriceBookRequest {
        name: name.to_string(),
        idempotency_key: format!("create/{name}"),
        ..Default::default()
    }
}

/// A request to draft rules; its key is made of them.
pub fn draft(book: &str, rules: Vec<proto::PriceRule>) -> proto::DraftVersionRequest {
    let mut content = chit_types::Encoder::new();
    content.list(1, rules.iter().map(|rule| format!("{rule:?}")));
    let digest = content.fingerprint().0.map(|byte| format!("{byte:02x}")).concat();
    proto::DraftVersionRequest {
        price_book: book.to_string(),
        idempotency_key: format!("draft/{book}/{digest}"),
        rules,
        ..Default::default()
    }
}

/// A request to publish a draft as soon as may be.
pub fn publish(book: &str, number: i32) -> proto::PublishVersionRequest {
    proto::PublishVersionRequest {
        price_book: book.to_string(),
        number,
        idempotency_key: format!("publish/{book}/{number}"),
        ..Default::default()
    }
}

/// A request to assign a book.
pub fn assign(book: &str) -> proto::AssignPriceBookRequest {
    proto::AssignPriceBookRequest {
        price_book: book.to_string(),
        idempotency_key: format!("assign/{book}"),
        ..Default::default()
    }
}

/// A flat price for an event type.
pub fn flat(id: &str, event_type: &str, credits: i64) -> proto::PriceRule {
    proto::PriceRule {
        id: id.to_string(),
        event_type: event_type.to_string(),
        charge: Some(Charge::Flat(proto::FlatCharge {
            amount: Some(types::Credits { units: credits, nanos: 0 }),
        })),
        ..Default::default()
    }
}

/// A rule that asks for this dimension too.
pub fn with(mut rule: proto::PriceRule, key: &str, value: &str) -> proto::PriceRule {
    rule.dimensions.insert(key.to_string(), value.to_string());
    rule
}

/// A question for the price of one.
pub fn question(event_type: &str) -> proto::QuoteRequest {
    proto::QuoteRequest { event_type: event_type.to_string(), ..Default::default() }
}
