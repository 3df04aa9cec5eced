//! The one layer that every call passes: draining, identity, scope, deadline, panics.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};
use std::time::Duration;

use chit_api::types::v1::ErrorReason;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use crate::deadline::Deadline;
use crate::drain::Drain;
use crate::error::{internal, refuse};
use crate::identity::Identity;

/// The largest message that a service of ours reads, and that a client of ours takes: a batch of 1,000
/// operations with full metadata fits. Given to each generated server and client.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// When a caller refused by a draining server should try again: another pod takes its place at once.
const DRAINING_RETRY: Duration = Duration::from_millis(200);

/// Puts [`Caller`](crate::Caller), [`Deadline`] and [`Drain`] into each request, enforces the scope that
/// its rpc declares, refuses new calls while draining and turns panics into INTERNAL. Paths that are no
/// rpc of ours (health, reflection, unknown ones) pass without identity.
#[derive(Clone, Debug)]
pub struct EdgeLayer {
    identity: Identity,
    drain: Drain,
}

impl EdgeLayer {
    /// Callers prove themselves by `identity`; `drain` tells when to stop.
    #[must_use]
    pub fn new(identity: Identity, drain: Drain) -> Self {
        Self { identity, drain }
    }

    fn admit<B>(&self, request: &mut Request<B>) -> Result<(), Status> {
        let Some(scope) = chit_api::scope_of(request.uri().path()) else {
            return Ok(());
        };
        if self.drain.is_draining() {
            let error = refuse(ErrorReason::Draining, "the server is stopping; repeat the call elsewhere");
            return Err(error.retry_after(DRAINING_RETRY).into());
        }
        let caller = self.identity.caller(request.headers())?;
        caller.require(scope)?;
        if let Some(deadline) = Deadline::read(request.headers(), Instant::now()) {
            request.extensions_mut().insert(deadline);
        }
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(self.drain.clone());
        Ok(())
    }
}

impl<S> Layer<S> for EdgeLayer {
    type Service = Edge<S>;

    fn layer(&self, inner: S) -> Edge<S> {
        Edge { layer: self.clone(), inner }
    }
}

/// What [`EdgeLayer`] wraps a service in.
#[derive(Clone, Debug)]
pub struct Edge<S> {
    layer: EdgeLayer,
    inner: S,
}

impl<S, B> Service<Request<B>> for Edge<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if let Err(status) = self.layer.admit(&mut request) {
            return Box::pin(async move { Ok(status.into_http()) });
        }
        let path = request.uri().path().to_string();
        let answer = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        Box::pin(async move {
            match answer.await {
                Ok(response) => response,
                Err(panic) => Ok(internal(format!("panic in {path}: {}", panic_text(&*panic))).into_http()),
            }
        })
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("not a text")
}
