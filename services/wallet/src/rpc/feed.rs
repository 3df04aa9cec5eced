//! One wallet's balances as they change, and everything that happens in a tenant's wallets.

use std::sync::Arc;
use std::time::Duration;

use chit_api::wallet::v1 as proto;
use chit_rpc::{Caller, Drain, Violations};
use chit_types::shard_of;
use tokio::time::{Instant, sleep};
use tonic::Status;

use super::convert::{balance_to_proto, event_to_proto, wallet_from_proto};
use super::desk::Edge;
use super::ongoing::{Answers, Ongoing, answers};
use crate::engine::{FeedContent, FeedPage, WalletRef, Watch};

/// A follower without news is told that it is up to date, and where, this often.
const HEARTBEAT: Duration = Duration::from_secs(10);

impl Edge {
    /// A wallet's balances now, and after each change.
    pub async fn watch_balance(
        self: Arc<Self>,
        caller: Caller,
        drain: Drain,
        request: proto::WatchBalanceRequest,
    ) -> Result<Answers<proto::WatchBalanceResponse>, Status> {
        let mut faults = Violations::new();
        let wallet = wallet_from_proto(&mut faults, &caller, request.customer_id, request.unit);
        faults.optional_key("event_type", &request.event_type);
        faults.finish()?;
        // Watched before it is read for the first time, so that no change falls in between.
        let watch = self.desk.watch(&wallet);
        let mut watching = Watching {
            edge: self,
            wallet,
            event_type: request.event_type,
            watch,
            drain,
            told: None,
            first: None,
        };
        watching.first = Some(watching.look().await?);
        Ok(answers(watching))
    }

    /// Events from a cursor on.
    pub async fn follow_events(
        self: Arc<Self>,
        caller: Caller,
        drain: Drain,
        request: proto::FollowEventsRequest,
    ) -> Result<Answers<proto::FollowEventsResponse>, Status> {
        let mut cursor = request.cursor.to_vec();
        if request.from_now {
            if !cursor.is_empty() {
                let mut faults = Violations::new();
                faults.field("from_now", "is given with a cursor");
                faults.finish()?;
            }
            let end = self.reader.feed_end().await;
            cursor = end.map_err(|fault| self.failed(&fault))?;
        }
        let content =
            if request.with_transactions { FeedContent::WithTransactions } else { FeedContent::Numbers };
        Ok(answers(Following { edge: self, caller, drain, cursor, content, quiet_since: None }))
    }
}

/// A watch of one wallet.
struct Watching {
    edge: Arc<Edge>,
    wallet: WalletRef,
    event_type: String,
    watch: Watch,
    drain: Drain,
    told: Option<proto::WatchBalanceResponse>,
    first: Option<proto::WatchBalanceResponse>,
}

impl Watching {
    async fn look(&self) -> Result<proto::WatchBalanceResponse, Status> {
        let found = self.edge.reader.wallet(&self.wallet).await;
        let found = found.map_err(|fault| self.edge.failed(&fault))?;
        Ok(proto::WatchBalanceResponse {
            head: found.wallet.head,
            balance: Some(balance_to_proto(&found.wallet, &self.event_type)),
        })
    }
}

impl Ongoing for Watching {
    type Told = proto::WatchBalanceResponse;

    async fn next(&mut self) -> Result<Option<Self::Told>, Status> {
        if let Some(first) = self.first.take() {
            self.told = Some(first);
            return Ok(Some(first));
        }
        loop {
            // Other pods' changes, and what falls due by itself, wake nobody here: those are found by looking.
            tokio::select! {
                biased;
                () = self.drain.begun() => return Ok(None),
                () = self.watch.changed() => {}
                () = sleep(self.edge.poll) => {}
            }
            let now = self.look().await?;
            if self.told.as_ref() != Some(&now) {
                self.told = Some(now);
                return Ok(Some(now));
            }
        }
    }
}

/// A follower of a tenant's wallets.
struct Following {
    edge: Arc<Edge>,
    caller: Caller,
    drain: Drain,
    cursor: Vec<u8>,
    content: FeedContent,
    /// When it was last told that it is up to date; `None` while it is not.
    quiet_since: Option<Instant>,
}

impl Ongoing for Following {
    type Told = proto::FollowEventsResponse;

    async fn next(&mut self) -> Result<Option<Self::Told>, Status> {
        loop {
            if self.drain.is_draining() {
                return Ok(None);
            }
            let tenant = &self.caller.tenant;
            let page = self.edge.reader.feed(tenant, &self.cursor, self.content).await;
            let page = page.map_err(|fault| self.edge.failed(&fault))?;
            if page.cursor.len() > 1 {
                self.cursor.clone_from(&page.cursor);
            }
            if !page.events.is_empty() {
                self.quiet_since = None;
                return Ok(Some(self.told(page)));
            }
            if !page.up_to_date {
                continue;
            }
            if self.quiet_since.is_none_or(|since| since.elapsed() >= HEARTBEAT) {
                self.quiet_since = Some(Instant::now());
                return Ok(Some(self.told(page)));
            }
            tokio::select! {
                biased;
                () = self.drain.begun() => return Ok(None),
                () = sleep(self.edge.poll) => {}
            }
        }
    }
}

impl Following {
    fn told(&self, page: FeedPage) -> proto::FollowEventsResponse {
        let shard = |customer: &str| shard_of(&self.caller.tenant, customer, self.edge.shards);
        let events = page.events.into_iter();
        proto::FollowEventsResponse {
            events: events.map(|event| event_to_proto(shard(&event.customer), event)).collect(),
            cursor: page.cursor.into(),
            up_to_date: page.up_to_date,
        }
    }
}
