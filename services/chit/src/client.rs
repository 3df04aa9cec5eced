//! The command line as a client like any other: channels to the services, and the calls they carry.

use std::time::Duration;

use anyhow::Context;
use chit_api::metering::v1::metering_service_client::MeteringServiceClient;
use chit_api::wallet::v1::wallet_service_client::WalletServiceClient;
use chit_rpc::CallAs;
use chit_types::Origin;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

use crate::args::ServerArgs;
use crate::failure::Failure;

/// A page of 1,000 transactions with their postings is larger than gRPC's usual 4 MiB.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A call that takes longer is given up; every call here is safe to repeat.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// A server that is frozen, not gone, is noticed by these.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// A channel that says for whom it calls.
pub type Connection = InterceptedService<Channel, CallAs>;
/// The wallet service.
pub type Wallet = WalletServiceClient<Connection>;
/// The metering service.
pub type Metering = MeteringServiceClient<Connection>;

/// Where the services are, and for whom we call.
#[derive(Clone, Debug)]
pub struct Server {
    addresses: Vec<(Option<String>, String)>,
    caller: CallAs,
}

impl Server {
    /// As the command line says. Connects to nothing yet.
    pub fn of(args: &ServerArgs) -> anyhow::Result<Server> {
        let caller = CallAs::new(&args.tenant, Origin::Client)
            .map_err(|_| Failure::input(format!("--tenant {:?} is no tenant's name", args.tenant)))?;
        let addresses = args.server.iter().map(|text| address(text)).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Server { addresses, caller })
    }

    /// A new connection to the wallet service; connects with its first call, and again when it is lost.
    pub fn wallet(&self) -> anyhow::Result<Wallet> {
        let client = WalletServiceClient::with_interceptor(self.channel("wallet")?, self.caller.clone());
        Ok(client.max_decoding_message_size(MESSAGE_BYTES_MAX))
    }

    /// A new connection to the metering service.
    pub fn metering(&self) -> anyhow::Result<Metering> {
        let client = MeteringServiceClient::with_interceptor(self.channel("metering")?, self.caller.clone());
        Ok(client.max_decoding_message_size(MESSAGE_BYTES_MAX))
    }

    fn channel(&self, service: &str) -> anyhow::Result<Channel> {
        let named = self.addresses.iter().find(|(name, _)| name.as_deref() == Some(service));
        let (_, address) = named
            .or_else(|| self.addresses.iter().find(|(name, _)| name.is_none()))
            .ok_or_else(|| Failure::input(format!("--server names no address for {service}")))?;
        Ok(endpoint(address)?.connect_lazy())
    }
}

fn endpoint(address: &str) -> anyhow::Result<Endpoint> {
    let endpoint =
        Endpoint::from_shared(address.to_owned()).with_context(|| format!("--server {address}"))?;
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20))
}

/// `http://host:port`, `host:port`, or either behind `wallet=` or `metering=`.
fn address(text: &str) -> anyhow::Result<(Option<String>, String)> {
    let (name, address) = match text.split_once('=') {
        Some((name @ ("wallet" | "metering"), address)) => (Some(name.to_owned()), address),
        Some(_) => {
            return Err(Failure::input(format!("--server {text}: services are wallet and metering")));
        }
        None => (None, text),
    };
    let whole = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    if whole.parse::<tonic::transport::Uri>().is_err() {
        return Err(Failure::input(format!("--server {text} is not an address")));
    }
    Ok((name, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_may_be_named_one_by_one() {
        assert_eq!(address("127.0.0.1:1").unwrap(), (None, "http://127.0.0.1:1".to_owned()));
        assert_eq!(
            address("wallet=http://w:1").unwrap(),
            (Some("wallet".to_owned()), "http://w:1".to_owned())
        );
        assert!(address("cashier=http://w:1").is_err());
        assert!(address("http://a b").is_err());
    }
}
