//! The runtime over a real socket: what reaches a handler, what is refused, and how it stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chit_api::types::v1::ErrorReason;
use chit_api::wallet::v1::wallet_service_client::WalletServiceClient;
use chit_api::wallet::v1::{ApplyRequest, GetWalletRequest};
use chit_rpc::{CallAs, Identity, Refused, call_as};
use chit_runtime::{
    Job, Next, RuntimeError, ServeOptions, Service, Shutdown, in_process, in_process_channel,
    lazy_loopback_channel, serve,
};
use chit_types::Origin;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

mod probe;
mod reflection;

use probe::Probe;

struct Server {
    address: SocketAddr,
    stop: Shutdown,
    ended: JoinHandle<Result<(), RuntimeError>>,
}

impl Server {
    async fn start(service: Service) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let stop = Shutdown::new();
        let stopping = stop.clone().cancelled_owned();
        let ended = tokio::spawn(serve(vec![service], listener, ServeOptions::loopback(), stopping));
        Server { address, stop, ended }
    }

    fn channel(&self) -> Channel {
        lazy_loopback_channel(self.address)
    }

    async fn stop(self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(20), self.ended).await;
        let served = ended.expect("it stops in time").expect("it does not panic");
        served.expect("it served");
    }
}

fn wallet() -> Service {
    let waiting = Arc::new(Semaphore::new(0));
    Service::new("wallet").grpc(Probe { waiting })
}

fn of(customer_id: &str) -> GetWalletRequest {
    GetWalletRequest { customer_id: customer_id.to_string(), ..GetWalletRequest::default() }
}

async fn seen(
    client: &mut WalletServiceClient<Channel>,
    request: impl tonic::IntoRequest<GetWalletRequest>,
) -> Result<String, Status> {
    let answer = client.get_wallet(request).await?.into_inner();
    Ok(answer.wallet.expect("the probe answers a wallet").customer_id)
}

#[tokio::test]
async fn a_call_carries_its_caller_and_deadline_to_the_handler() {
    let server = Server::start(wallet()).await;
    let mut client = WalletServiceClient::new(server.channel());
    assert_eq!(seen(&mut client, of("x")).await.unwrap(), "dev/client");
    let request = call_as(of("x"), "acme", Origin::Metering).unwrap();
    assert_eq!(seen(&mut client, request).await.unwrap(), "acme/metering");
    assert_eq!(seen(&mut client, of("deadline")).await.unwrap(), "false");
    let mut request = Request::new(of("deadline"));
    request.set_timeout(Duration::from_secs(5));
    assert_eq!(seen(&mut client, request).await.unwrap(), "true");

    let call_as = CallAs::new("acme", Origin::Payments).unwrap();
    let mut client = WalletServiceClient::new(InterceptedService::new(server.channel(), call_as));
    let answer = client.get_wallet(of("x")).await.unwrap().into_inner();
    assert_eq!(answer.wallet.unwrap().customer_id, "acme/payments");
    server.stop().await;
}

#[tokio::test]
async fn bad_identity_panics_and_unknown_paths_are_answered_with_a_status() {
    let server = Server::start(wallet()).await;
    let mut client = WalletServiceClient::new(server.channel());

    let mut request = Request::new(of("x"));
    request.metadata_mut().insert("x-chit-tenant", "not a tenant".parse().unwrap());
    let refused = Refused::of(&seen(&mut client, request).await.unwrap_err());
    assert_eq!((refused.code, refused.reason), (Code::Unauthenticated, ErrorReason::Unauthenticated));

    let refused = Refused::of(&seen(&mut client, of("panic")).await.unwrap_err());
    assert_eq!((refused.code, refused.reason), (Code::Internal, ErrorReason::Internal));
    assert!(!refused.message.contains("planted"), "a fault of ours is not shown");
    assert_eq!(refused.facts.keys().collect::<Vec<_>>(), ["trace"]);
    assert_eq!(seen(&mut client, of("x")).await.unwrap(), "dev/client", "the server goes on");

    let mut other =
        chit_api::pricing::v1::pricing_service_client::PricingServiceClient::new(server.channel());
    let status = other.quote(chit_api::pricing::v1::QuoteRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    server.stop().await;
}

#[tokio::test]
async fn routes_answer_without_a_socket() {
    let service = wallet();
    let mut direct = WalletServiceClient::new(in_process(service.routes(), Identity::Loopback));
    let answer = direct.get_wallet(of("x")).await.unwrap().into_inner();
    assert_eq!(answer.wallet.unwrap().customer_id, "dev/client");
    let mut piped = WalletServiceClient::new(in_process_channel(service.routes(), Identity::Loopback));
    let request = call_as(of("x"), "acme", Origin::System).unwrap();
    assert_eq!(seen(&mut piped, request).await.unwrap(), "acme/system");
}

#[tokio::test]
async fn health_follows_readiness_by_name() {
    let is_ready = Arc::new(AtomicBool::new(false));
    let check = is_ready.clone();
    let service = wallet().ready(move || {
        let ready = check.load(Ordering::SeqCst);
        async move { if ready { Ok(()) } else { Err("the schema is behind".to_string()) } }
    });
    let server = Server::start(service).await;
    let mut health = HealthClient::new(server.channel());
    for name in ["", "wallet", "chit.wallet.v1.WalletService"] {
        let request = HealthCheckRequest { service: name.to_string() };
        let answer = health.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status, ServingStatus::NotServing as i32, "{name}");
    }
    let request = HealthCheckRequest { service: "wallet".to_string() };
    let mut watch = health.watch(request).await.unwrap().into_inner();
    let first = watch.next().await.unwrap().unwrap();
    is_ready.store(true, Ordering::SeqCst);
    let second = watch.next().await.unwrap().unwrap();
    assert_eq!(
        [first.status(), second.status()].map(|status| status.as_str_name()),
        ["NOT_SERVING", "SERVING"]
    );
    let unknown = health.check(HealthCheckRequest { service: "metering".to_string() }).await;
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
    server.stop().await;
    // The last word of a watch is that nothing is served any more; then it ends.
    assert_eq!(watch.next().await.unwrap().unwrap().status().as_str_name(), "NOT_SERVING");
    assert!(!matches!(watch.next().await, Some(Ok(_))));
}

#[tokio::test]
async fn a_stop_answers_what_was_read_and_runs_hook_before_jobs_end() {
    let (events, mut happened) = mpsc::unbounded_channel();
    let (in_hook, in_job) = (events.clone(), events);
    let waiting = Arc::new(Semaphore::new(0));
    let probe = Probe { waiting: waiting.clone() };
    let service = Service::new("wallet")
        .grpc(probe)
        .drain(move || async move { in_hook.send("hook").unwrap() })
        .job(Job::every("sequencer", Duration::from_secs(60), move |shutdown| {
            let in_job = in_job.clone();
            async move {
                shutdown.cancelled().await;
                in_job.send("job").map_err(|error| error.to_string())?;
                Ok::<_, String>(Next::AfterInterval)
            }
        }));
    let server = Server::start(service).await;
    let mut client = WalletServiceClient::new(server.channel());
    let (items, to_send) = mpsc::channel(8);
    let mut answers = client.apply(ReceiverStream::new(to_send)).await.unwrap().into_inner();
    for sequence in 1..=3 {
        items.send(ApplyRequest { sequence, ..ApplyRequest::default() }).await.unwrap();
    }
    assert_eq!(answers.next().await.unwrap().unwrap().sequence, 1);
    let mut second = client.clone();
    let in_flight = tokio::spawn(async move { seen(&mut second, of("until drain")).await });
    let _under_way = waiting.acquire().await.unwrap();
    for sequence in 2..=3 {
        assert_eq!(answers.next().await.unwrap().unwrap().sequence, sequence);
    }
    server.stop().await;
    assert_eq!(in_flight.await.unwrap().unwrap(), "drained");
    assert!(answers.next().await.is_none(), "the stream ends without an error");
    assert_eq!((happened.recv().await, happened.recv().await), (Some("hook"), Some("job")));
    assert_eq!(seen(&mut client, of("x")).await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn what_hangs_is_left_behind_at_the_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = ServeOptions { drain_limit: Duration::from_millis(300), ..ServeOptions::loopback() };
    let service = wallet().drain(std::future::pending::<()>);
    let served = serve(vec![service], listener, options, async {});
    tokio::time::timeout(Duration::from_secs(10), served).await.expect("the limit holds").unwrap();
}

#[tokio::test]
async fn an_open_port_and_doubled_names_are_refused() {
    let open = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let refused = serve(vec![wallet()], open, ServeOptions::loopback(), async {}).await;
    assert!(matches!(refused, Err(RuntimeError::OpenPort(_))), "{refused:?}");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = serve(vec![wallet(), wallet()], listener, ServeOptions::loopback(), async {}).await;
    assert!(matches!(refused, Err(RuntimeError::Twice("chit.wallet.v1.WalletService"))), "{refused:?}");
}
