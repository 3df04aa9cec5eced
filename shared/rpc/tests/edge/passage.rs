use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

use chit_api::types::v1::ErrorReason;
use chit_rpc::{Caller, Drain, EdgeLayer, Identity, Refused, Scopes};
use chit_types::Origin;
use http::{Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, ServiceExt, service_fn};

const DEDUCT: &str = "/chit.wallet.v1.WalletService/Deduct";
const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// The status of a call on `path`; OK says whether a caller was given to the handler.
async fn call(drain: &Drain, path: &str) -> Result<bool, Refused> {
    let handler = service_fn(|request: Request<Body>| async move {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(request.extensions().get::<Caller>().is_some());
        Ok::<_, Infallible>(response)
    });
    let edge = EdgeLayer::new(Identity::Loopback, drain.clone()).layer(handler);
    let request = Request::builder().uri(path).body(Body::empty()).expect("a path makes a request");
    let response = edge.oneshot(request).await.expect("the edge never fails");
    match Status::from_header_map(response.headers()) {
        Some(status) => Err(Refused::of(&status)),
        None => Ok(*response.extensions().get::<bool>().expect("the handler set it")),
    }
}

#[tokio::test]
async fn our_rpcs_get_a_caller_and_other_paths_pass_open() {
    let drain = Drain::new();
    assert_eq!(call(&drain, DEDUCT).await, Ok(true));
    assert_eq!(call(&drain, HEALTH).await, Ok(false));
    assert_eq!(call(&drain, "/chit.wallet.v1.WalletService/Unknown").await, Ok(false));
}

#[tokio::test]
async fn a_draining_server_refuses_new_calls_and_still_tells_its_health() {
    let drain = Drain::new();
    drain.begin();
    let refused = call(&drain, DEDUCT).await.unwrap_err();
    assert_eq!((refused.code, refused.reason), (Code::Unavailable, ErrorReason::Draining));
    assert!(refused.retry_after.is_some());
    assert_eq!(call(&drain, HEALTH).await, Ok(false));
}

#[test]
fn a_missing_scope_is_named() {
    let mut caller = Caller {
        tenant: Arc::from("acme"),
        principal: Arc::from("job"),
        scopes: Scopes::Only(Arc::new(BTreeSet::from(["wallet.read".to_string()]))),
        origin: Origin::Client,
    };
    assert!(caller.require("wallet.read").is_ok());
    let refused = Refused::of(&caller.require("wallet.spend").unwrap_err());
    assert_eq!((refused.code, refused.reason), (Code::PermissionDenied, ErrorReason::ScopeMissing));
    assert_eq!(refused.facts["scope"], "wallet.spend");
    caller.scopes = Scopes::All;
    assert!(caller.require("wallet.spend").is_ok());
}

#[test]
fn a_request_without_the_layer_has_no_caller() {
    let status = Caller::of(&tonic::Request::new(())).unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}
