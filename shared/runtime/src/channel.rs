//! Ways to reach a server on this machine.

use std::net::SocketAddr;
use std::time::Duration;

use chit_rpc::{Drain, Edge, EdgeLayer, Identity};
use futures_util::stream;
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::{Layer, service_fn};

use crate::server::transport;

/// What a pipe between two ends of one process holds.
const PIPE_BYTES: usize = 256 * 1024;
/// A server on this machine answers at once or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The same windows as our servers have, or answers would be throttled.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;

/// `routes` behind the edge layer as a service that generated clients accept: no socket, no HTTP/2.
#[must_use]
pub fn in_process(routes: Routes, identity: Identity) -> Edge<Routes> {
    EdgeLayer::new(identity, Drain::new()).layer(routes.prepare())
}

/// `routes` behind the edge layer as a channel: real HTTP/2 over a pipe within the process, no socket.
/// Must be called within a tokio runtime.
#[must_use]
pub fn in_process_channel(routes: Routes, identity: Identity) -> Channel {
    let edge = in_process(routes, identity);
    let connect = move |_: Uri| {
        let edge = edge.clone();
        async move {
            let (near, far) = tokio::io::duplex(PIPE_BYTES);
            let incoming = stream::iter([Ok::<DuplexStream, std::io::Error>(far)]);
            tokio::spawn(transport().serve_with_incoming(edge, incoming));
            Ok::<_, std::io::Error>(TokioIo::new(near))
        }
    };
    // The address is never looked up; HTTP/2 wants one.
    windows(Endpoint::from_static("http://in-process")).connect_with_connector_lazy(service_fn(connect))
}

/// A channel to the server at `address` on this machine, connected by its first call and again after
/// every loss.
#[must_use]
pub fn lazy_loopback_channel(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("a socket address makes a URI");
    windows(endpoint).connect_timeout(CONNECT_TIMEOUT).tcp_nodelay(true).connect_lazy()
}

fn windows(endpoint: Endpoint) -> Endpoint {
    endpoint
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
}
