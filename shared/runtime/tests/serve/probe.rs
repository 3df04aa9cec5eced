//! A stand-in for the wallet that tells what the edge gave it, mounted under the wallet's real paths.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use chit_api::wallet::v1 as api;
use chit_rpc::{Caller, Deadline, Drain};
use futures_util::future::BoxFuture;
use futures_util::stream;
use http::{Request, Response};
use tokio::sync::Semaphore;
use tokio_stream::{Stream, StreamExt};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, StreamingService, UnaryService};
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;

/// Each call that waits for the drain adds a permit to `waiting` first.
#[derive(Clone)]
pub struct Probe {
    pub waiting: Arc<Semaphore>,
}

impl NamedService for Probe {
    const NAME: &'static str = "chit.wallet.v1.WalletService";
}

impl tower::Service<Request<Body>> for Probe {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let get_wallet = GetWallet(self.waiting.clone());
        Box::pin(async move {
            Ok(match request.uri().path().rsplit('/').next() {
                Some("GetWallet") => Grpc::new(ProstCodec::default()).unary(get_wallet, request).await,
                Some("Apply") => Grpc::new(ProstCodec::default()).streaming(Apply, request).await,
                _ => Status::unimplemented("").into_http(),
            })
        })
    }
}

struct GetWallet(Arc<Semaphore>);

impl UnaryService<api::GetWalletRequest> for GetWallet {
    type Response = api::GetWalletResponse;
    type Future = BoxFuture<'static, Result<tonic::Response<Self::Response>, Status>>;

    fn call(&mut self, request: tonic::Request<api::GetWalletRequest>) -> Self::Future {
        let waiting = self.0.clone();
        Box::pin(async move {
            let caller = Caller::of(&request)?;
            let seen = match request.get_ref().customer_id.as_str() {
                "panic" => panic!("planted"),
                "deadline" => format!("{}", Deadline::of(&request).is_some()),
                "until drain" => {
                    waiting.add_permits(1);
                    Drain::of(&request).begun().await;
                    "drained".to_string()
                }
                _ => format!("{}/{}", caller.tenant, caller.origin.word()),
            };
            let wallet = api::Wallet { customer_id: seen, ..api::Wallet::default() };
            Ok(tonic::Response::new(api::GetWalletResponse { wallet: Some(wallet) }))
        })
    }
}

/// Answers each operation with its sequence; on drain it stops reading.
struct Apply;

impl StreamingService<api::ApplyRequest> for Apply {
    type Response = api::ApplyResponse;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<api::ApplyResponse, Status>> + Send>>;
    type Future = BoxFuture<'static, Result<tonic::Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<api::ApplyRequest>>) -> Self::Future {
        Box::pin(async move {
            let drain = Drain::of(&request);
            let answers = stream::unfold((request.into_inner(), drain), |(mut items, drain)| async move {
                let item = tokio::select! {
                    item = items.next() => item?,
                    () = drain.begun() => return None,
                };
                let answer =
                    item.map(|item| api::ApplyResponse { sequence: item.sequence, ..Default::default() });
                Some((answer, (items, drain)))
            });
            Ok(tonic::Response::new(Box::pin(answers) as Self::ResponseStream))
        })
    }
}
