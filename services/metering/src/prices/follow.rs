//! One tenant's follower of `FollowPriceBooks`.

use std::sync::Arc;
use std::time::Duration;

use chit_api::pricing::v1::pricing_service_client::PricingServiceClient;
use chit_api::pricing::v1::{FollowPriceBooksRequest, FollowPriceBooksResponse};
use chit_pricebook::Replica;
use chit_pricewire::{apply, resource_key};
use chit_rpc::call_as;
use chit_runtime::Shutdown;
use chit_types::Origin;
use prost::Message;
use tokio::sync::watch;
use tonic::transport::Channel;

use super::Published;
use crate::store::Store;

/// Pricing says something every 10 seconds; after this silence the connection counts as lost.
const SILENCE: Duration = Duration::from_secs(30);
/// First pause after a lost connection; doubled up to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// New prices are told about this much late at worst when pricing comes back.
const PAUSE_LONGEST: Duration = Duration::from_secs(3);
/// Changes kept back before the follower first caught up.
const PAGE: usize = 256;

pub(super) struct Follower {
    tenant: Arc<str>,
    client: PricingServiceClient<Channel>,
    store: Store,
    publish: watch::Sender<Published>,
    replica: Replica,
    cursor: String,
    has_caught_up: bool,
}

impl Follower {
    pub(super) fn new(
        tenant: Arc<str>,
        channel: Channel,
        store: Store,
        publish: watch::Sender<Published>,
    ) -> Self {
        Self {
            tenant,
            // A version of 10,000 rules comes in one message.
            client: PricingServiceClient::new(channel).max_decoding_message_size(64 << 20),
            store,
            publish,
            replica: Replica::default(),
            cursor: String::new(),
            has_caught_up: false,
        }
    }

    /// Follows until the stop: from the durable copy on, again after every loss.
    pub(super) async fn run(mut self, shutdown: Shutdown) {
        let mut pause = PAUSE_FIRST;
        let mut is_loaded = false;
        loop {
            let round = async {
                if !is_loaded {
                    self.load().await?;
                    is_loaded = true;
                }
                self.follow().await
            };
            let ended = tokio::select! {
                () = shutdown.cancelled() => return,
                ended = round => ended,
            };
            pause = match ended {
                Ok(()) => PAUSE_FIRST,
                Err(fault) => {
                    tracing::debug!(tenant = %self.tenant, "following prices: {fault}");
                    (pause * 2).min(PAUSE_LONGEST)
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn load(&mut self) -> Result<(), String> {
        let mut tx = self.store.read().await.map_err(|fault| fault.to_string())?;
        let stored = tx.get_replica(&self.tenant).await.map_err(|fault| fault.to_string())?;
        tx.commit().await.map_err(|fault| fault.to_string())?;
        let Some(stored) = stored else { return Ok(()) };
        for body in &stored.resources {
            let sent = FollowPriceBooksResponse::decode(&body[..]).map_err(|fault| fault.to_string())?;
            if let Some(change) = sent.change {
                apply(&mut self.replica, change).map_err(|fault| fault.to_string())?;
            }
        }
        self.cursor = stored.cursor;
        // A copy is only ever stored once it was whole.
        self.has_caught_up = true;
        self.publish.send_replace(Some(Arc::new(self.replica.clone())));
        Ok(())
    }

    async fn follow(&mut self) -> Result<(), String> {
        let request = FollowPriceBooksRequest { cursor: self.cursor.clone() };
        let request = call_as(request, &self.tenant, Origin::Metering).map_err(|fault| fault.to_string())?;
        let answer = self.client.follow_price_books(request).await.map_err(|fault| fault.to_string())?;
        let mut stream = answer.into_inner();
        let mut kept: Vec<FollowPriceBooksResponse> = Vec::new();
        loop {
            let next = tokio::time::timeout(SILENCE, stream.message()).await;
            let next = next.map_err(|_| "silence".to_string())?.map_err(|fault| fault.to_string())?;
            let Some(answer) = next else { return Ok(()) };
            let is_ready = answer.caught_up || (self.has_caught_up && kept.len() + 1 >= PAGE);
            let is_live = self.has_caught_up && answer.change.is_some();
            self.has_caught_up |= answer.caught_up;
            kept.push(answer);
            if is_ready || is_live {
                self.take(&mut kept).await?;
            }
        }
    }

    /// Stores changes, then publishes them: what prices an event survives a restart.
    async fn take(&mut self, kept: &mut Vec<FollowPriceBooksResponse>) -> Result<(), String> {
        let Some(last) = kept.last() else { return Ok(()) };
        let cursor = last.cursor.clone();
        let mut replica = self.replica.clone();
        let mut stored = Vec::new();
        for answer in kept.drain(..) {
            let body = answer.encode_to_vec();
            if let Some(change) = answer.change {
                stored.push((resource_key(&change), body));
                apply(&mut replica, change).map_err(|fault| fault.to_string())?;
            }
        }
        let is_first = self.publish.borrow().is_none();
        if !stored.is_empty() || is_first || cursor != self.cursor {
            let mut tx = self.store.begin().await.map_err(|fault| fault.to_string())?;
            tx.put_replica(&self.tenant, &cursor, &stored).await.map_err(|fault| fault.to_string())?;
            tx.commit().await.map_err(|fault| fault.to_string())?;
        }
        self.cursor = cursor;
        self.replica = replica;
        if !stored.is_empty() || is_first {
            self.publish.send_replace(Some(Arc::new(self.replica.clone())));
        }
        Ok(())
    }
}
