//! The wallet's edge: one short method per rpc.
//!
//! Reading order: `convert` (messages to the domain and back), `desk` (a mutation from request to answer), `answers`
//! (what an answer tells), `stream` (operations as they arrive), `reads`, `feed`, `status` (how refusals are told).

mod admin;
mod answers;
mod convert;
mod desk;
mod feed;
mod history;
mod ongoing;
mod reads;
mod status;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use chit_api::wallet::v1 as proto;
use chit_api::wallet::v1::wallet_service_server::{WalletService, WalletServiceServer};
use chit_rpc::{Caller, Deadline, Drain, Violations};
use chit_types::{Clock, ShardCount, limits};
use tonic::{Request, Response, Status, Streaming};

use crate::engine::{Desk, Reader};
use answers::Answered;
use desk::Edge;
use ongoing::Answers;

/// The largest message a client may send: a full batch with everything its operations may say.
const REQUEST_BYTES: usize = 16 << 20;

type Answer<T> = Result<Response<T>, Status>;

/// The service over an engine.
pub fn server(
    desk: Desk,
    reader: Reader,
    shards: ShardCount,
    clock: Arc<dyn Clock>,
    poll: Duration,
) -> WalletServiceServer<WalletRpc> {
    let edge = Arc::new(Edge { desk, reader, shards, clock, poll });
    WalletServiceServer::new(WalletRpc(edge)).max_decoding_message_size(REQUEST_BYTES)
}

/// Implements the contract.
#[derive(Clone)]
pub struct WalletRpc(Arc<Edge>);

impl WalletRpc {
    async fn mutate<M: Answered + Send>(&self, request: Request<M>) -> Answer<M::Answer> {
        let caller = Caller::of(&request)?.clone();
        let deadline = Deadline::of(&request);
        let answer = self.0.mutate(&caller, deadline, request.into_inner()).await?;
        Ok(Response::new(answer))
    }
}

#[tonic::async_trait]
impl WalletService for WalletRpc {
    type ApplyStream = Answers<proto::ApplyResponse>;
    type VerifyLedgerStream = Answers<proto::VerifyLedgerResponse>;
    type WatchBalanceStream = Answers<proto::WatchBalanceResponse>;
    type FollowEventsStream = Answers<proto::FollowEventsResponse>;

    async fn create_wallet(
        &self,
        request: Request<proto::CreateWalletRequest>,
    ) -> Answer<proto::CreateWalletResponse> {
        let caller = Caller::of(&request)?.clone();
        let deadline = Deadline::of(&request);
        let answer = self.0.create_wallet(&caller, deadline, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn get_wallet(
        &self,
        request: Request<proto::GetWalletRequest>,
    ) -> Answer<proto::GetWalletResponse> {
        let caller = Caller::of(&request)?.clone();
        let answer = self.0.get_wallet(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn list_wallets(
        &self,
        request: Request<proto::ListWalletsRequest>,
    ) -> Answer<proto::ListWalletsResponse> {
        let caller = Caller::of(&request)?.clone();
        let answer = self.0.list_wallets(&caller, &request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn update_wallet(
        &self,
        request: Request<proto::UpdateWalletRequest>,
    ) -> Answer<proto::UpdateWalletResponse> {
        let caller = Caller::of(&request)?.clone();
        let deadline = Deadline::of(&request);
        let answer = self.0.update_wallet(&caller, deadline, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn grant(&self, request: Request<proto::GrantRequest>) -> Answer<proto::GrantResponse> {
        self.mutate(request).await
    }

    async fn renew_grant(
        &self,
        request: Request<proto::RenewGrantRequest>,
    ) -> Answer<proto::RenewGrantResponse> {
        self.mutate(request).await
    }

    async fn revoke_grant(
        &self,
        request: Request<proto::RevokeGrantRequest>,
    ) -> Answer<proto::RevokeGrantResponse> {
        self.mutate(request).await
    }

    async fn list_grants(
        &self,
        request: Request<proto::ListGrantsRequest>,
    ) -> Answer<proto::ListGrantsResponse> {
        let caller = Caller::of(&request)?.clone();
        let answer = self.0.list_grants(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn reserve(&self, request: Request<proto::ReserveRequest>) -> Answer<proto::ReserveResponse> {
        self.mutate(request).await
    }

    async fn extend_hold(
        &self,
        request: Request<proto::ExtendHoldRequest>,
    ) -> Answer<proto::ExtendHoldResponse> {
        self.mutate(request).await
    }

    async fn commit(&self, request: Request<proto::CommitRequest>) -> Answer<proto::CommitResponse> {
        self.mutate(request).await
    }

    async fn release(&self, request: Request<proto::ReleaseRequest>) -> Answer<proto::ReleaseResponse> {
        self.mutate(request).await
    }

    async fn list_holds(
        &self,
        request: Request<proto::ListHoldsRequest>,
    ) -> Answer<proto::ListHoldsResponse> {
        let caller = Caller::of(&request)?.clone();
        let answer = self.0.list_holds(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn deduct(&self, request: Request<proto::DeductRequest>) -> Answer<proto::DeductResponse> {
        self.mutate(request).await
    }

    async fn adjust(&self, request: Request<proto::AdjustRequest>) -> Answer<proto::AdjustResponse> {
        self.mutate(request).await
    }

    async fn write_off(&self, request: Request<proto::WriteOffRequest>) -> Answer<proto::WriteOffResponse> {
        self.mutate(request).await
    }

    async fn reverse(&self, request: Request<proto::ReverseRequest>) -> Answer<proto::ReverseResponse> {
        self.mutate(request).await
    }

    async fn batch_apply(
        &self,
        request: Request<proto::BatchApplyRequest>,
    ) -> Answer<proto::BatchApplyResponse> {
        let caller = Caller::of(&request)?.clone();
        let deadline = Deadline::of(&request);
        let operations = request.into_inner().operations;
        let mut faults = Violations::new();
        if operations.is_empty() {
            faults.field("operations", "is empty");
        }
        faults.at_most_items("operations", operations.len(), limits::BATCH_ITEMS);
        faults.finish()?;
        let results = self.0.batch(&caller, deadline, operations).await?;
        Ok(Response::new(proto::BatchApplyResponse { results }))
    }

    async fn apply(&self, request: Request<Streaming<proto::ApplyRequest>>) -> Answer<Self::ApplyStream> {
        let caller = Caller::of(&request)?.clone();
        let drain = Drain::of(&request);
        let settings = self.0.settings(&caller).await?;
        let applying = stream::Applying {
            edge: Arc::clone(&self.0),
            caller,
            settings,
            operations: request.into_inner(),
            drain,
        };
        Ok(Response::new(Box::pin(applying.answers())))
    }

    async fn list_transactions(
        &self,
        request: Request<proto::ListTransactionsRequest>,
    ) -> Answer<proto::ListTransactionsResponse> {
        let caller = Caller::of(&request)?.clone();
        let answer = self.0.list_transactions(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn get_statement(
        &self,
        request: Request<proto::GetStatementRequest>,
    ) -> Answer<proto::GetStatementResponse> {
        let caller = Caller::of(&request)?.clone();
        let answer = self.0.get_statement(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn explain_transaction(
        &self,
        request: Request<proto::ExplainTransactionRequest>,
    ) -> Answer<proto::ExplainTransactionResponse> {
        let caller = Caller::of(&request)?.clone();
        let answer = self.0.explain_transaction(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn verify_ledger(
        &self,
        request: Request<proto::VerifyLedgerRequest>,
    ) -> Answer<Self::VerifyLedgerStream> {
        let caller = Caller::of(&request)?.clone();
        let drain = Drain::of(&request);
        let pages = Arc::clone(&self.0).verify_ledger(caller, drain, request.into_inner())?;
        Ok(Response::new(pages))
    }

    async fn watch_balance(
        &self,
        request: Request<proto::WatchBalanceRequest>,
    ) -> Answer<Self::WatchBalanceStream> {
        let caller = Caller::of(&request)?.clone();
        let drain = Drain::of(&request);
        let balances = Arc::clone(&self.0).watch_balance(caller, drain, request.into_inner()).await?;
        Ok(Response::new(balances))
    }

    async fn follow_events(
        &self,
        request: Request<proto::FollowEventsRequest>,
    ) -> Answer<Self::FollowEventsStream> {
        let caller = Caller::of(&request)?.clone();
        let drain = Drain::of(&request);
        let events = Arc::clone(&self.0).follow_events(caller, drain, request.into_inner()).await?;
        Ok(Response::new(events))
    }

    async fn get_settings(
        &self,
        request: Request<proto::GetSettingsRequest>,
    ) -> Answer<proto::GetSettingsResponse> {
        let settings = self.0.settings(Caller::of(&request)?).await?;
        let settings = Some(convert::settings_to_proto(&settings));
        Ok(Response::new(proto::GetSettingsResponse { settings }))
    }

    async fn update_settings(
        &self,
        request: Request<proto::UpdateSettingsRequest>,
    ) -> Answer<proto::UpdateSettingsResponse> {
        let caller = Caller::of(&request)?.clone();
        let answer = self.0.update_settings(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }
}
