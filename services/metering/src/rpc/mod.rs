//! gRPC: one short method a rpc. Translation is in `convert` and `answers`, refusals in `status`.

mod answers;
mod convert;
mod explain;
mod reads;
mod status;
mod stream;
mod summary;
mod tail;
mod usage;

use std::sync::Arc;

use chit_api::metering::v1 as proto;
use chit_api::metering::v1::metering_service_server::MeteringService;
use chit_rpc::{Caller, Deadline, Drain, PageTokens, Violations, status_to_proto};
use chit_types::ShardCount;
use proto::meter_item_result::Result as ItemResult;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::clients::Currencies;
use crate::domain::names::Place;
use crate::pipeline::{Answer, Authorize, Command, Desk, Item, Meter};
use crate::reading::Reading;
use answers::View;
use convert::Said;
use status::{of_lane, of_refusal};

/// Metering's gRPC face.
#[derive(Clone, Debug)]
pub struct MeteringRpc {
    desk: Desk,
    reading: Reading,
    currencies: Currencies,
    shards: ShardCount,
}

type Answered<T> = Result<Response<T>, Status>;

impl MeteringRpc {
    /// Over running lanes.
    #[must_use]
    pub fn new(desk: Desk, currencies: Currencies, shards: ShardCount) -> Self {
        Self { reading: Reading::new(desk.tools().store.clone()), desk, currencies, shards }
    }

    fn place(&self, caller: &Caller, customer_id: &str, event_id: &str) -> Place {
        Place::of(&caller.tenant, customer_id, event_id, self.shards)
    }

    fn item(&self, caller: &Caller, customer_id: &str, event_id: &str, command: Command) -> Item {
        Item {
            place: self.place(caller, customer_id, event_id),
            tenant: Arc::clone(&caller.tenant),
            event_id: event_id.to_string(),
            command,
            early: None,
        }
    }

    fn meter_item(&self, caller: &Caller, said: convert::SaidEvent) -> Item {
        let (customer_id, event_id) = (said.content.customer_id.clone(), said.content.event_id.clone());
        let meter = Meter {
            fingerprint: said.fingerprint,
            content: said.content,
            on_insufficient: said.on_insufficient,
            is_unparked: false,
        };
        self.item(caller, &customer_id, &event_id, Command::Meter(Box::new(meter)))
    }

    /// What the caller may see of costs.
    async fn view(&self, caller: &Caller) -> View {
        let sees_costs = caller.scopes.grants("metering.cost");
        View {
            sees_costs,
            currency: if sees_costs { self.currencies.of(&caller.tenant).await } else { None },
        }
    }

    async fn receipt(
        &self,
        caller: &Caller,
        item: Item,
        deadline: Option<Instant>,
    ) -> Result<proto::Receipt, Status> {
        let view = self.view(caller).await;
        let outcome = self.desk.submit(item, deadline).await;
        view.receipt(outcome)
    }
}

fn deadline<T>(request: &Request<T>) -> Option<Instant> {
    Deadline::of(request)
}

#[tonic::async_trait]
impl MeteringService for MeteringRpc {
    async fn meter_event(
        &self,
        request: Request<proto::MeterEventRequest>,
    ) -> Answered<proto::MeterEventResponse> {
        let caller = Caller::of(&request)?.clone();
        let deadline = deadline(&request);
        let said = convert::meter(request.into_inner(), &caller.tenant)?;
        self.desk.tools().replicas.ensure(&caller.tenant).await;
        let view = self.view(&caller).await;
        let is_early = said.is_early;
        let item = self.meter_item(&caller, said);
        let outcome = if is_early {
            self.desk.submit_early(item, deadline).await
        } else {
            self.desk.submit(item, deadline).await
        };
        let receipt = Some(view.receipt(outcome)?);
        Ok(Response::new(proto::MeterEventResponse { receipt }))
    }

    async fn batch_meter_events(
        &self,
        request: Request<proto::BatchMeterEventsRequest>,
    ) -> Answered<proto::BatchMeterEventsResponse> {
        let caller = Caller::of(&request)?.clone();
        let deadline = deadline(&request);
        let items = convert::batch(request.into_inner())?;
        self.desk.tools().replicas.ensure(&caller.tenant).await;
        let results = stream::batch(self, &caller, items, deadline).await;
        Ok(Response::new(proto::BatchMeterEventsResponse { results }))
    }

    type StreamMeterEventsStream = ReceiverStream<Result<proto::StreamMeterEventsResponse, Status>>;

    async fn stream_meter_events(
        &self,
        request: Request<tonic::Streaming<proto::StreamMeterEventsRequest>>,
    ) -> Answered<Self::StreamMeterEventsStream> {
        let caller = Caller::of(&request)?.clone();
        let drain = Drain::of(&request);
        self.desk.tools().replicas.ensure(&caller.tenant).await;
        let answers = stream::open(self.clone(), caller, drain, request.into_inner());
        Ok(Response::new(answers))
    }

    async fn authorize(
        &self,
        request: Request<proto::AuthorizeRequest>,
    ) -> Answered<proto::AuthorizeResponse> {
        let caller = Caller::of(&request)?.clone();
        let deadline = deadline(&request);
        let (content, ttl_seconds) = convert::authorize(request.into_inner(), &caller.tenant)?;
        self.desk.tools().replicas.ensure(&caller.tenant).await;
        let tools = self.desk.tools();
        let asked = Authorize {
            fingerprint: content
                .fingerprint(crate::domain::event::ContentKind::Authorization { ttl_seconds }),
            ttl_seconds,
            uuid: tools.ids.next(tools.clock.now()),
            content: content.clone(),
        };
        let command = Command::Authorize(Box::new(asked));
        let item = self.item(&caller, &content.customer_id, &content.event_id, command);
        match self.desk.submit(item, deadline).await.map_err(of_lane)?.map_err(of_refusal)? {
            Answer::Authorized(authorized) => Ok(Response::new(answers::authorized(&authorized))),
            Answer::Receipt(_) | Answer::Nothing => {
                Err(chit_rpc::internal("an authorization has no receipt"))
            }
        }
    }

    async fn settle(&self, request: Request<proto::SettleRequest>) -> Answered<proto::SettleResponse> {
        let caller = Caller::of(&request)?.clone();
        let deadline = deadline(&request);
        let message = request.into_inner();
        let settle = convert::settle(&message)?;
        self.desk.tools().replicas.ensure(&caller.tenant).await;
        let item =
            self.item(&caller, &message.customer_id, &message.event_id, Command::Settle(Box::new(settle)));
        let receipt = Some(self.receipt(&caller, item, deadline).await?);
        Ok(Response::new(proto::SettleResponse { receipt }))
    }

    async fn void(&self, request: Request<proto::VoidRequest>) -> Answered<proto::VoidResponse> {
        let caller = Caller::of(&request)?.clone();
        let deadline = deadline(&request);
        let message = request.into_inner();
        convert::names(&message.customer_id, &message.event_id)?;
        let item = self.item(&caller, &message.customer_id, &message.event_id, Command::Void);
        let receipt = Some(self.receipt(&caller, item, deadline).await?);
        Ok(Response::new(proto::VoidResponse { receipt }))
    }

    async fn reverse_event(
        &self,
        request: Request<proto::ReverseEventRequest>,
    ) -> Answered<proto::ReverseEventResponse> {
        let caller = Caller::of(&request)?.clone();
        let deadline = deadline(&request);
        let message = request.into_inner();
        let reverse = convert::reverse(&message)?;
        let item =
            self.item(&caller, &message.customer_id, &message.event_id, Command::Reverse(Box::new(reverse)));
        let receipt = Some(self.receipt(&caller, item, deadline).await?);
        Ok(Response::new(proto::ReverseEventResponse { receipt }))
    }

    async fn get_event(&self, request: Request<proto::GetEventRequest>) -> Answered<proto::GetEventResponse> {
        let caller = Caller::of(&request)?.clone();
        let message = request.into_inner();
        convert::names(&message.customer_id, &message.event_id)?;
        let event = Some(reads::event(self, &caller, &message.customer_id, &message.event_id).await?.0);
        Ok(Response::new(proto::GetEventResponse { event }))
    }

    async fn explain_event(
        &self,
        request: Request<proto::ExplainEventRequest>,
    ) -> Answered<proto::ExplainEventResponse> {
        let caller = Caller::of(&request)?.clone();
        let message = request.into_inner();
        convert::names(&message.customer_id, &message.event_id)?;
        let found = reads::event(self, &caller, &message.customer_id, &message.event_id).await?;
        let replica = self.desk.tools().replicas.ensure(&caller.tenant).await;
        let sees_costs = self.view(&caller).await.sees_costs;
        Ok(Response::new(explain::explain(found, replica.as_deref(), sees_costs)))
    }

    async fn list_events(
        &self,
        request: Request<proto::ListEventsRequest>,
    ) -> Answered<proto::ListEventsResponse> {
        let caller = Caller::of(&request)?.clone();
        Ok(Response::new(reads::list(self, &caller, request.into_inner()).await?))
    }

    type TailEventsStream = ReceiverStream<Result<proto::TailEventsResponse, Status>>;

    async fn tail_events(
        &self,
        request: Request<proto::TailEventsRequest>,
    ) -> Answered<Self::TailEventsStream> {
        let caller = Caller::of(&request)?.clone();
        let drain = Drain::of(&request);
        Ok(Response::new(tail::open(self.clone(), caller, drain, request.into_inner()).await?))
    }

    async fn list_parked_events(
        &self,
        request: Request<proto::ListParkedEventsRequest>,
    ) -> Answered<proto::ListParkedEventsResponse> {
        let caller = Caller::of(&request)?.clone();
        Ok(Response::new(reads::parked(self, &caller, request.into_inner()).await?))
    }

    async fn charge_parked_event(
        &self,
        request: Request<proto::ChargeParkedEventRequest>,
    ) -> Answered<proto::ChargeParkedEventResponse> {
        let caller = Caller::of(&request)?.clone();
        let deadline = deadline(&request);
        let message = request.into_inner();
        let on_insufficient = convert::charge_parked(&message)?;
        self.desk.tools().replicas.ensure(&caller.tenant).await;
        let content = reads::parked_content(self, &caller, &message.customer_id, &message.event_id).await?;
        let meter = Meter {
            fingerprint: content.fingerprint(crate::domain::event::ContentKind::Event),
            content,
            on_insufficient,
            is_unparked: true,
        };
        let command = Command::Meter(Box::new(meter));
        let item = self.item(&caller, &message.customer_id, &message.event_id, command);
        let receipt = Some(self.receipt(&caller, item, deadline).await?);
        Ok(Response::new(proto::ChargeParkedEventResponse { receipt }))
    }

    async fn query_usage(
        &self,
        request: Request<proto::QueryUsageRequest>,
    ) -> Answered<proto::QueryUsageResponse> {
        let caller = Caller::of(&request)?.clone();
        Ok(Response::new(usage::query(self, &caller, request.into_inner()).await?))
    }

    async fn get_usage_summary(
        &self,
        request: Request<proto::GetUsageSummaryRequest>,
    ) -> Answered<proto::GetUsageSummaryResponse> {
        let caller = Caller::of(&request)?.clone();
        Ok(Response::new(summary::summary(self, &caller, request.into_inner()).await?))
    }
}

/// One item's answer as a message.
fn item_result(result: Result<proto::Receipt, Status>) -> proto::MeterItemResult {
    let result = match result {
        Ok(receipt) => ItemResult::Receipt(receipt),
        Err(status) => ItemResult::Error(status_to_proto(&status)),
    };
    proto::MeterItemResult { result: Some(result) }
}

/// An item of a batch or stream as the pipeline takes it, and whether it wants its answer early.
fn said_item(rpc: &MeteringRpc, caller: &Caller, item: proto::MeterItem) -> Result<(Item, bool), Status> {
    match convert::item(item, &caller.tenant)? {
        Said::Event(said) => {
            let is_early = said.is_early;
            Ok((rpc.meter_item(caller, *said), is_early))
        }
        Said::Settle(message, settle) => {
            let command = Command::Settle(settle);
            Ok((rpc.item(caller, &message.customer_id, &message.event_id, command), false))
        }
    }
}

/// The page a token names, and how long pages are.
fn page(
    violations: &mut Violations,
    tokens: &PageTokens,
    size: i32,
    token: &str,
) -> Result<(usize, Option<Vec<u8>>), Status> {
    Ok((violations.page_size("page_size", size), tokens.open(token)?))
}
