//! The tenants' price books, followed from pricing and kept durably: metering prices on while pricing is down.
//!
//! Replicas of the tenants' price books: one follower a tenant keeps the one in memory and its durable copy.

mod follow;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chit_pricebook::Replica;
use chit_runtime::{Job, Shutdown};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tonic::transport::Channel;

use crate::store::Store;
use follow::Follower;

/// A tenant's first event waits this long for its books; while pricing is away it is told so.
const FIRST_BOOKS: Duration = Duration::from_secs(3);

/// What a follower has published; none before it first caught up.
pub(super) type Published = Option<Arc<Replica>>;

/// All replicas. Clones share them.
#[derive(Clone, Debug)]
pub struct Replicas(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tenants: Mutex<HashMap<Arc<str>, watch::Receiver<Published>>>,
    begin: mpsc::UnboundedSender<(Arc<str>, watch::Sender<Published>)>,
    beginning: tokio::sync::Mutex<mpsc::UnboundedReceiver<(Arc<str>, watch::Sender<Published>)>>,
}

impl Replicas {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        let (begin, beginning) = mpsc::unbounded_channel();
        Self(Arc::new(Inner {
            tenants: Mutex::default(),
            begin,
            beginning: tokio::sync::Mutex::new(beginning),
        }))
    }

    /// The tenant's replica as it is now; none while nothing is known.
    #[must_use]
    pub fn get(&self, tenant: &str) -> Published {
        self.watch(tenant).borrow().clone()
    }

    /// The tenant's replica, waiting for a new tenant's first books.
    pub async fn ensure(&self, tenant: &str) -> Published {
        let mut watch = self.watch(tenant);
        if let Some(replica) = watch.borrow().clone() {
            return Some(replica);
        }
        let first = tokio::time::timeout(FIRST_BOOKS, watch.wait_for(Option::is_some)).await;
        first.ok().and_then(|seen| seen.ok().and_then(|replica| replica.clone()))
    }

    /// Puts a replica in place by hand, for a tenant that nothing follows.
    pub fn publish(&self, tenant: &str, replica: Arc<Replica>) {
        let (_, receiver) = watch::channel(Some(replica));
        let mut tenants = self.0.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.insert(tenant.into(), receiver);
    }

    /// The job that follows every tenant that is asked for, and those that have a durable copy.
    #[must_use]
    pub fn job(&self, channel: Channel, store: Store) -> Job {
        let replicas = self.clone();
        Job::task("metering.prices", move |shutdown| {
            let (replicas, channel, store) = (replicas.clone(), channel.clone(), store.clone());
            async move { replicas.follow_all(channel, store, shutdown).await }
        })
    }

    fn watch(&self, tenant: &str) -> watch::Receiver<Published> {
        let mut tenants = self.0.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = tenants.get(tenant) {
            return known.clone();
        }
        let name: Arc<str> = tenant.into();
        let (sender, receiver) = watch::channel(None);
        // The receiver lives as long as we do.
        let _sent = self.0.begin.send((name.clone(), sender));
        tenants.insert(name, receiver.clone());
        receiver
    }

    /// Follows until the stop. What [`job`](Self::job) runs.
    pub async fn follow_all(self, channel: Channel, store: Store, shutdown: Shutdown) -> Result<(), String> {
        let mut known = store.read().await.map_err(|fault| fault.to_string())?;
        for tenant in known.replica_tenants().await.map_err(|fault| fault.to_string())? {
            drop(self.watch(&tenant));
        }
        known.commit().await.map_err(|fault| fault.to_string())?;
        let mut followers = JoinSet::new();
        let mut beginning = self.0.beginning.lock().await;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                next = beginning.recv() => {
                    let Some((tenant, sender)) = next else { break };
                    let follower = Follower::new(tenant, channel.clone(), store.clone(), sender);
                    followers.spawn(follower.run(shutdown.clone()));
                }
                Some(ended) = followers.join_next() => {
                    if let Err(fault) = ended { tracing::error!("a follower of prices ended: {fault}"); }
                }
            }
        }
        while followers.join_next().await.is_some() {}
        Ok(())
    }
}

impl Default for Replicas {
    fn default() -> Self {
        Self::new()
    }
}
