//! One short method per use case. A write locks its tenant, looks for a repeat, decides, writes and
//! commits; a refusal needs no undo.

mod assignments;
mod catalogue;
mod costs;
mod follow;
mod quote;
mod replicas;
mod versions;

use std::sync::Arc;

use chit_store::{Failure, StoreError, classify};
use chit_types::{Clock, Fingerprint, IdKind, IdSource, PublicId, Shard, Timestamp};
use tokio::sync::watch;

use crate::config::Config;
use crate::domain::Refusal;
use crate::domain::command::Operation;
use crate::store::{Store, Write};
use replicas::Replicas;

pub use follow::{Follower, Told};
pub use quote::{Question, Quoted};

/// Pricing's desk.
#[derive(Debug)]
pub struct App {
    store: Store,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    config: Config,
    replicas: Replicas,
    /// Counts this process's commits, to wake its followers.
    commits: watch::Sender<u64>,
}

/// Why a use case has no result.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields of the request that only the whole request can show to be wrong.
    #[error("{field} is not valid")]
    Invalid {
        /// The field.
        field: &'static str,
        /// Everything that is wrong with it.
        faults: Vec<String>,
    },
    /// The database is away: the same call may succeed again.
    #[error("the database is away: {0}")]
    Away(StoreError),
    /// The database failed in a way that is a fault of ours.
    #[error(transparent)]
    Broken(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match classify(&error) {
            Failure::Transient | Failure::ConnectionLost => Fault::Away(error),
            Failure::Permanent | Failure::Constraint(_) => Fault::Broken(error),
        }
    }
}

/// What a write answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done<T> {
    /// The resource as it is now.
    pub value: T,
    /// The key was used before, and nothing changed now.
    pub replayed: bool,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Its items.
    pub items: Vec<T>,
    /// Others follow.
    pub has_more: bool,
}

/// A write's name for repeats.
#[derive(Clone, Copy, Debug)]
struct Key<'a> {
    operation: Operation,
    key: &'a str,
    fingerprint: Fingerprint,
}

impl App {
    /// Over a migrated database.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>, config: Config) -> Self {
        Self { store, clock, ids, config, replicas: Replicas::default(), commits: watch::Sender::new(0) }
    }

    /// What the key made before, if it was used for the same; refused if for something else.
    async fn replayed(&self, write: &Write, key: Key<'_>) -> Result<Option<String>, Fault> {
        let Some((fingerprint, resource)) = write.reads().key(key.operation, key.key).await? else {
            return Ok(None);
        };
        if fingerprint != key.fingerprint.0 {
            return Err(Refusal::KeyReused { key: key.key.to_string(), resource }.into());
        }
        Ok(Some(resource))
    }

    /// Keeps what the key made, makes all of it durable and wakes followers.
    async fn commit(&self, write: Write, key: Key<'_>, resource: &str, now: Timestamp) -> Result<(), Fault> {
        write.remember(key.operation, key.key, &key.fingerprint, resource, now).await?;
        write.commit().await?;
        self.commits.send_modify(|commits| *commits += 1);
        Ok(())
    }

    /// Price books belong to a tenant and to no shard: the shard in their ids is always 0.
    fn new_id(&self, kind: IdKind, now: Timestamp) -> PublicId {
        PublicId { kind, shard: Shard(0), uuid: self.ids.next(now) }
    }
}

impl<T> Done<T> {
    fn now(value: T) -> Self {
        Self { value, replayed: false }
    }

    fn before(value: T) -> Self {
        Self { value, replayed: true }
    }
}

impl<T> Page<T> {
    /// From one item more than the page takes, if there is one.
    fn of(mut items: Vec<T>, limit: usize) -> Self {
        let has_more = items.len() > limit;
        items.truncate(limit);
        Self { items, has_more }
    }
}

/// One more than a page takes, to see whether others follow.
fn one_more(limit: usize) -> u64 {
    u64::try_from(limit).unwrap_or(u64::MAX - 1) + 1
}
