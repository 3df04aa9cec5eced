//! The contract: each rpc translates, asks the desk, translates back.

mod convert;
mod follow;
mod status;

use std::sync::Arc;

use chit_api::pricing::v1 as proto;
use chit_pricewire::{assignment_to_proto, cost_answer_to_proto, explanation_to_proto, model_cost_to_proto};
use chit_rpc::{Caller, Drain, PageTokens, credits_to_proto};
use proto::pricing_service_server::{PricingService, PricingServiceServer};
use tonic::{Request, Response, Status};

use crate::app::App;
use convert::{
    Rules, book_to_proto, event_type_to_proto, finding_to_proto, table_to_proto, version_to_proto,
};
use follow::Following;
use status::refused;

/// Bytes of one request: 10,000 rules, or 2 MiB of CSV, and room.
const REQUEST_BYTES: usize = 8 * 1024 * 1024;

/// Pricing's contract over its desk.
#[derive(Clone, Debug)]
pub struct Rpc {
    app: Arc<App>,
}

/// The generated server.
#[must_use]
pub fn server(app: Arc<App>) -> PricingServiceServer<Rpc> {
    PricingServiceServer::new(Rpc { app }).max_decoding_message_size(REQUEST_BYTES)
}

fn parts<T>(request: Request<T>) -> Result<(Arc<str>, T), Status> {
    let tenant = Caller::of(&request)?.tenant.clone();
    Ok((tenant, request.into_inner()))
}

#[tonic::async_trait]
impl PricingService for Rpc {
    type FollowPriceBooksStream = Following;

    async fn put_event_type(
        &self,
        request: Request<proto::PutEventTypeRequest>,
    ) -> Result<Response<proto::PutEventTypeResponse>, Status> {
        let (tenant, request) = parts(request)?;
        let event_type = convert::event_type(&request)?;
        let key = &request.idempotency_key;
        let done = self.app.put_event_type(&tenant, event_type, key).await.map_err(refused)?;
        Ok(Response::new(proto::PutEventTypeResponse {
            event_type: Some(event_type_to_proto(done.value)),
            replayed: done.replayed,
        }))
    }

    async fn get_event_type(
        &self,
        request: Request<proto::GetEventTypeRequest>,
    ) -> Result<Response<proto::GetEventTypeResponse>, Status> {
        let (tenant, request) = parts(request)?;
        convert::required_key("name", &request.name)?;
        let stored = self.app.event_type(&tenant, &request.name).await.map_err(refused)?;
        Ok(Response::new(proto::GetEventTypeResponse { event_type: Some(event_type_to_proto(stored)) }))
    }

    async fn list_event_types(
        &self,
        request: Request<proto::ListEventTypesRequest>,
    ) -> Result<Response<proto::ListEventTypesResponse>, Status> {
        let (tenant, request) = parts(request)?;
        let limit = convert::page_size(request.page_size)?;
        let tokens = PageTokens::new("ListEventTypes", &tenant, &[]);
        let after = convert::after(&tokens, &request.page_token)?;
        let page = self.app.event_types(&tenant, &after, limit).await.map_err(refused)?;
        let last = page.items.last().map(|stored| stored.event_type.name.as_bytes());
        Ok(Response::new(proto::ListEventTypesResponse {
            next_page_token: convert::next(&tokens, page.has_more, last),
            event_types: page.items.into_iter().map(event_type_to_proto).collect(),
        }))
    }

    async fn create_price_book(
        &self,
        request: Request<proto::CreatePriceBookRequest>,
    ) -> Result<Response<proto::CreatePriceBookResponse>, Status> {
        let (tenant, request) = parts(request)?;
        let command = convert::create_book(&request)?;
        let key = &request.idempotency_key;
        let done = self.app.create_book(&tenant, command, key).await.map_err(refused)?;
        Ok(Response::new(proto::CreatePriceBookResponse {
            price_book: Some(book_to_proto(done.value)),
            replayed: done.replayed,
        }))
    }

    async fn get_price_book(
        &self,
        request: Request<proto::GetPriceBookRequest>,
    ) -> Result<Response<proto::GetPriceBookResponse>, Status> {
        let (tenant, request) = parts(request)?;
        convert::required_key("name", &request.name)?;
        let stored = self.app.book(&tenant, &request.name).await.map_err(refused)?;
        Ok(Response::new(proto::GetPriceBookResponse { price_book: Some(book_to_proto(stored)) }))
    }

    async fn list_price_books(
        &self,
        request: Request<proto::ListPriceBooksRequest>,
    ) -> Result<Response<proto::ListPriceBooksResponse>, Status> {
        let (tenant, request) = parts(request)?;
        let limit = convert::page_size(request.page_size)?;
        let tokens = PageTokens::new("ListPriceBooks", &tenant, &[]);
        let after = convert::after(&tokens, &request.page_token)?;
        let page = self.app.books(&tenant, &after, limit).await.map_err(refused)?;
        let last = page.items.last().map(|stored| stored.book.name.as_bytes());
        Ok(Response::new(proto::ListPriceBooksResponse {
            next_page_token: convert::next(&tokens, page.has_more, last),
            price_books: page.items.into_iter().map(book_to_proto).collect(),
        }))
    }

    async fn draft_version(
        &self,
        request: Request<proto::DraftVersionRequest>,
    ) -> Result<Response<proto::DraftVersionResponse>, Status> {
        let (tenant, request) = parts(request)?;
        let command = convert::draft(&request)?;
        let done = self.app.draft(&tenant, command, &request.idempotency_key).await.map_err(refused)?;
        let (version, findings) = done.value;
        Ok(Response::new(proto::DraftVersionResponse {
            version: Some(version_to_proto(&version, Rules::Shown)),
            findings: findings.into_iter().map(finding_to_proto).collect(),
            replayed: done.replayed,
        }))
    }

    async fn publish_version(
        &self,
        request: Request<proto::PublishVersionRequest>,
    ) -> Result<Response<proto::PublishVersionResponse>, Status> {
        let (tenant, request) = parts(request)?;
        let command = convert::publish(&request)?;
        let done = self.app.publish(&tenant, command, &request.idempotency_key).await.map_err(refused)?;
        Ok(Response::new(proto::PublishVersionResponse {
            version: Some(version_to_proto(&done.value, Rules::Shown)),
            replayed: done.replayed,
        }))
    }

    async fn list_versions(
        &self,
        request: Request<proto::ListVersionsRequest>,
    ) -> Result<Response<proto::ListVersionsResponse>, Status> {
        let (tenant, request) = parts(request)?;
        let limit = convert::list_versions(&request)?;
        let tokens = PageTokens::new("ListVersions", &tenant, &[&request.price_book]);
        let below = convert::below(&tokens, &request.page_token)?;
        let book = &request.price_book;
        let page = self.app.versions(&tenant, book, below, limit).await.map_err(refused)?;
        let last = page.items.last().map(|version| i64::from(version.number).to_be_bytes());
        let last = last.as_ref().map(<[u8; 8]>::as_slice);
        Ok(Response::new(proto::ListVersionsResponse {
            next_page_token: convert::next(&tokens, page.has_more, last),
            versions: page.items.iter().map(|version| version_to_proto(version, Rules::LeftOut)).collect(),
        }))
    }

    async fn get_version(
        &self,
        request: Request<proto::GetVersionRequest>,
    ) -> Result<Response<proto::GetVersionResponse>, Status> {
        let (tenant, request) = parts(request)?;
        let number = convert::get_version(&request)?;
        let book = &request.price_book;
        let version = self.app.version(&tenant, book, number).await.map_err(refused)?;
        Ok(Response::new(proto::GetVersionResponse {
            version: Some(version_to_proto(&version, Rules::Shown)),
        }))
    }

    async fn assign_price_book(
        &self,
        request: Request<proto::AssignPriceBookRequest>,
    ) -> Result<Response<proto::AssignPriceBookResponse>, Status> {
        let (tenant, request) = parts(request)?;
        convert::assign(&request)?;
        let (book, key) = (&request.price_book, &request.idempotency_key);
        let done = self.app.assign(&tenant, book, key).await.map_err(refused)?;
        Ok(Response::new(proto::AssignPriceBookResponse {
            assignment: Some(assignment_to_proto(&done.value)),
            replayed: done.replayed,
        }))
    }

    async fn follow_price_books(
        &self,
        request: Request<proto::FollowPriceBooksRequest>,
    ) -> Result<Response<Following>, Status> {
        let drain = Drain::of(&request);
        let (tenant, request) = parts(request)?;
        Ok(Response::new(follow::follow(&self.app, &tenant, &request.cursor, drain)?))
    }

    async fn quote(
        &self,
        request: Request<proto::QuoteRequest>,
    ) -> Result<Response<proto::QuoteResponse>, Status> {
        let (tenant, request) = parts(request)?;
        let question = convert::question(request)?;
        let quoted = self.app.quote(&tenant, &question).await.map_err(refused)?;
        Ok(Response::new(proto::QuoteResponse {
            credits: Some(credits_to_proto(quoted.explanation.credits)),
            explanation: Some(explanation_to_proto(&quoted.explanation)),
            provider_cost: quoted.cost.as_ref().map(cost_answer_to_proto),
        }))
    }

    async fn import_provider_costs(
        &self,
        request: Request<proto::ImportProviderCostsRequest>,
    ) -> Result<Response<proto::ImportProviderCostsResponse>, Status> {
        let (tenant, request) = parts(request)?;
        let key = request.idempotency_key.clone();
        let command = convert::import_costs(request)?;
        let done = self.app.import_costs(&tenant, command, &key).await.map_err(refused)?;
        Ok(Response::new(proto::ImportProviderCostsResponse {
            table: Some(table_to_proto(&done.value)),
            replayed: done.replayed,
        }))
    }

    async fn list_provider_costs(
        &self,
        request: Request<proto::ListProviderCostsRequest>,
    ) -> Result<Response<proto::ListProviderCostsResponse>, Status> {
        let (tenant, request) = parts(request)?;
        let (version, limit) = convert::list_costs(&request)?;
        let prefix = &request.model_prefix;
        let tokens = PageTokens::new("ListProviderCosts", &tenant, &[&version.to_string(), prefix]);
        let after = convert::after(&tokens, &request.page_token)?;
        let found = self.app.costs(&tenant, version, prefix, &after, limit).await;
        let Some((header, page)) = found.map_err(refused)? else {
            return Ok(Response::new(proto::ListProviderCostsResponse::default()));
        };
        let last = page.items.last().map(|(model, _)| model.as_bytes());
        Ok(Response::new(proto::ListProviderCostsResponse {
            table: Some(table_to_proto(&header)),
            next_page_token: convert::next(&tokens, page.has_more, last),
            costs: page.items.iter().map(|(model, cost)| model_cost_to_proto(model, cost)).collect(),
        }))
    }
}
