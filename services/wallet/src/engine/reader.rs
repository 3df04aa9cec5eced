//! Everything that changes nothing: balances with what is due folded in by the same rule that books it, pages of what
//! is stored, verification, and the feed.

mod feed;

use std::sync::Arc;

use chit_types::{Clock, IdSource, Shard, ShardCount, Timestamp, WalletId};

use super::command::WalletRef;
use super::settings::SettingsCache;
use super::{Desk, Parts};
use crate::domain::order::spending_order;
use crate::domain::verify::Finding;
use crate::domain::{self, Changes, Context, Grant, GrantId, Hold, HoldId, Transaction, Wallet, WalletState};
use crate::store::reads::Span;
use crate::store::{Store, StoreFailure, WalletKey};

pub use feed::{FeedContent, FeedPage};

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadFault {
    /// No such wallet.
    #[error("there is no such wallet")]
    WalletNotFound,
    /// The cursor is older than what the feed keeps.
    #[error("the feed is kept for 35 days, and the cursor is older")]
    CursorExpired,
    /// The cursor is not one of ours.
    #[error("the cursor is not one of this feed")]
    CursorUnreadable,
    /// The database cannot be reached.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// A fault of ours.
    #[error("internal: {0}")]
    Internal(String),
}

impl From<StoreFailure> for ReadFault {
    fn from(failure: StoreFailure) -> Self {
        match failure {
            StoreFailure::Transient(why) | StoreFailure::Unknown(why) => ReadFault::Unavailable(why),
            StoreFailure::Permanent(why) => ReadFault::Internal(why),
        }
    }
}

/// A wallet with what is due by now folded in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletNow {
    /// The wallet; `head` and `hash` are as stored.
    pub wallet: Wallet,
    /// The time it is told for.
    pub now: Timestamp,
}

/// A page of grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantsPage {
    /// The grants.
    pub grants: Vec<Grant>,
    /// The last of them, if there are more.
    pub next: Option<GrantId>,
}

/// A wallet recomputed from its transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// The wallet as stored.
    pub wallet: Wallet,
    /// What is wrong; empty where nothing is.
    pub findings: Vec<Finding>,
}

/// Reads. Clones share the database.
#[derive(Clone, Debug)]
pub struct Reader {
    store: Store,
    shards: ShardCount,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    settings: SettingsCache,
}

impl Reader {
    /// A reader of what the desk writes.
    #[must_use]
    pub fn new(parts: &Parts, desk: &Desk) -> Self {
        Self {
            store: parts.store.clone(),
            shards: parts.shards,
            clock: Arc::clone(&parts.clock),
            ids: Arc::clone(&parts.ids),
            settings: desk.settings().clone(),
        }
    }

    fn key(&self, wallet: &WalletRef) -> WalletKey {
        WalletKey { shard: wallet.shard(self.shards), id: wallet.id() }
    }

    /// The wallet now, with what is due folded in.
    ///
    /// # Errors
    /// [`ReadFault::WalletNotFound`], or when the database fails.
    pub async fn wallet(&self, wallet: &WalletRef) -> Result<WalletNow, ReadFault> {
        let state = self.state(wallet).await?;
        let now = self.clock.now().max(state.wallet.last_at);
        Ok(WalletNow { wallet: state.wallet, now })
    }

    /// The wallet as of a past time: what its last transaction by then told, with what was due by then (it is booked
    /// at its own instant, so only what nobody has booked yet is folded in).
    ///
    /// # Errors
    /// [`ReadFault::WalletNotFound`], or when the database fails.
    pub async fn wallet_as_of(&self, wallet: &WalletRef, at: Timestamp) -> Result<WalletNow, ReadFault> {
        let key = self.key(wallet);
        let settings = self.settings.of(&wallet.tenant).await?;
        let (stored, holds) = self.store.wallet_and_holds(key, at).await?.ok_or(ReadFault::WalletNotFound)?;
        let mut state = with_holds(stored, holds);
        if state.wallet.last_at <= at {
            self.fold(&mut state, settings, at);
            return Ok(WalletNow { wallet: state.wallet, now: at });
        }
        let just_after = Timestamp::from_micros(at.micros().saturating_add(1));
        let span = Span { until: Some(just_after), ..Span::default() };
        let last = self.store.newest(key, span, 1).await?.pop();
        let mut wallet = state.wallet;
        wallet.head = last.as_ref().map_or(0, |one| one.seq);
        wallet.available = last.as_ref().map(|one| one.available).unwrap_or_default();
        wallet.held = last.as_ref().map(|one| one.held).unwrap_or_default();
        wallet.owed = last.as_ref().map(|one| one.owed).unwrap_or_default();
        if let Some(last) = last {
            wallet.hash = last.hash;
        }
        Ok(WalletNow { wallet, now: at })
    }

    async fn state(&self, wallet: &WalletRef) -> Result<WalletState, ReadFault> {
        let now = self.clock.now();
        let settings = self.settings.of(&wallet.tenant).await?;
        let found = self.store.wallet_and_holds(self.key(wallet), now).await?;
        let (stored, holds) = found.ok_or(ReadFault::WalletNotFound)?;
        let mut state = with_holds(stored, holds);
        self.fold(&mut state, settings, now);
        Ok(state)
    }

    /// Books what is due in a copy; head and hash stay those of the ledger.
    fn fold(&self, state: &mut WalletState, settings: Arc<domain::Settings>, now: Timestamp) {
        let (head, hash, last_at) = (state.wallet.head, state.wallet.hash, state.wallet.last_at);
        let context = Context { now, settings, ids: self.ids.as_ref(), wallet_exists: true };
        domain::book_due(state, &context, &mut Changes::default());
        (state.wallet.head, state.wallet.hash, state.wallet.last_at) = (head, hash, last_at);
    }

    /// A tenant's wallets, shard by shard, each with what is due folded in. `after` is the last one of the page before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn wallets(
        &self,
        tenant: &str,
        after: Option<(Shard, WalletId)>,
        limit: u64,
    ) -> Result<Vec<Wallet>, ReadFault> {
        let settings = self.settings.of(tenant).await?;
        let mut found: Vec<Wallet> = Vec::new();
        let first = after.map_or(0, |(shard, _)| shard.0);
        for shard in first..self.shards.get() {
            let after = after.filter(|(of, _)| of.0 == shard).map(|(_, wallet)| wallet);
            let missing = limit.saturating_sub(found.len() as u64);
            found.extend(self.store.wallets(tenant, Shard(shard), after, missing).await?);
            if found.len() as u64 >= limit {
                break;
            }
        }
        let now = self.clock.now();
        for wallet in &mut found {
            if wallet.next_due.is_some_and(|due| due <= now) {
                let key = WalletKey { shard: wallet.shard, id: wallet.id };
                if let Some((stored, holds)) = self.store.wallet_and_holds(key, now).await? {
                    let mut state = with_holds(stored, holds);
                    self.fold(&mut state, Arc::clone(&settings), now);
                    *wallet = state.wallet;
                }
            }
        }
        Ok(found)
    }

    /// Grants: the open ones in the order they are spent, then the closed ones, newest first. `after` is the last one
    /// of the page before.
    ///
    /// # Errors
    /// [`ReadFault::WalletNotFound`], or when the database fails.
    pub async fn grants(
        &self,
        wallet: &WalletRef,
        closed: ClosedGrants,
        after: Option<GrantId>,
        limit: u64,
    ) -> Result<GrantsPage, ReadFault> {
        let state = self.state(wallet).await?;
        let (mut open, mut just_closed): (Vec<Grant>, Vec<Grant>) =
            state.wallet.grants.into_iter().partition(Grant::is_open);
        open.sort_by(spending_order);
        just_closed.extend(state.closed_grants.into_values());
        just_closed.retain(|grant| !open.iter().any(|other| other.id == grant.id));
        just_closed.sort_by_key(|grant| std::cmp::Reverse(grant.id));
        just_closed.dedup_by_key(|grant| grant.id);
        // A page ends within the open ones, within those that closed just now, or among the stored closed ones.
        let mut near: Vec<Grant> = open;
        if closed == ClosedGrants::Include {
            near.extend(just_closed);
        }
        let skip = after.map_or(0, |after| {
            near.iter().position(|grant| grant.id == after).map_or(near.len(), |at| at + 1)
        });
        let within_stored = after.filter(|after| !near.iter().any(|grant| grant.id == *after));
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1);
        let told: Vec<GrantId> = near.iter().map(|grant| grant.id).collect();
        let mut grants: Vec<Grant> = near.into_iter().skip(skip).take(wanted).collect();
        if closed == ClosedGrants::Include && grants.len() < wanted {
            let missing = (wanted - grants.len()) as u64;
            let stored = self.store.closed_grants(self.key(wallet), within_stored, missing).await?;
            grants.extend(stored.into_iter().filter(|grant| !told.contains(&grant.id)));
        }
        let more = grants.len() == wanted;
        grants.truncate(wanted - 1);
        let next = if more { grants.last().map(|grant| grant.id) } else { None };
        Ok(GrantsPage { grants, next })
    }

    /// A grant, open or closed, as it is now.
    ///
    /// # Errors
    /// [`ReadFault::WalletNotFound`], or when the database fails.
    pub async fn grant(&self, wallet: &WalletRef, id: GrantId) -> Result<Option<Grant>, ReadFault> {
        let state = self.state(wallet).await?;
        let near = state.wallet.grants.iter().find(|grant| grant.id == id);
        if let Some(grant) = near.or_else(|| state.closed_grants.get(&id)) {
            return Ok(Some(grant.clone()));
        }
        Ok(self.store.grant_row(self.key(wallet), id).await?)
    }

    /// Open holds, oldest first: what has run out and its grace with it is not among them.
    ///
    /// # Errors
    /// [`ReadFault::WalletNotFound`], or when the database fails.
    pub async fn holds(
        &self,
        wallet: &WalletRef,
        after: Option<HoldId>,
        limit: u64,
    ) -> Result<Vec<Hold>, ReadFault> {
        let key = self.key(wallet);
        if self.store.wallet(key).await?.is_none() {
            return Err(ReadFault::WalletNotFound);
        }
        let now = self.clock.now();
        let mut found: Vec<Hold> = Vec::new();
        let mut after = after;
        while (found.len() as u64) < limit {
            let page = self.store.open_holds(key, after, limit).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            found.extend(page.into_iter().filter(|hold| hold.due_at() > now));
        }
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    /// Transactions after a number, rising.
    ///
    /// # Errors
    /// [`ReadFault::WalletNotFound`], or when the database fails.
    pub async fn transactions(
        &self,
        wallet: &WalletRef,
        after: i64,
        limit: u64,
    ) -> Result<Vec<Transaction>, ReadFault> {
        let key = self.key(wallet);
        let found = self.store.transactions(key, after, i64::MAX, limit).await?;
        if found.is_empty() && self.store.wallet(key).await?.is_none() {
            return Err(ReadFault::WalletNotFound);
        }
        Ok(found)
    }

    /// One transaction.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn transaction(&self, wallet: &WalletRef, seq: i64) -> Result<Option<Transaction>, ReadFault> {
        Ok(self.store.transactions(self.key(wallet), seq.saturating_sub(1), seq, 1).await?.pop())
    }

    /// What reversed a transaction, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reversals(&self, wallet: &WalletRef, seq: i64) -> Result<Vec<Transaction>, ReadFault> {
        Ok(self.store.reversals(self.key(wallet), seq).await?)
    }

    /// Transactions by falling number, within a span.
    ///
    /// # Errors
    /// [`ReadFault::WalletNotFound`], or when the database fails.
    pub async fn newest(
        &self,
        wallet: &WalletRef,
        span: Span,
        limit: u64,
    ) -> Result<Vec<Transaction>, ReadFault> {
        let key = self.key(wallet);
        let found = self.store.newest(key, span, limit).await?;
        if found.is_empty() && self.store.wallet(key).await?.is_none() {
            return Err(ReadFault::WalletNotFound);
        }
        Ok(found)
    }

    /// Recomputes a wallet from its transactions and compares it with every row, all of one moment.
    ///
    /// # Errors
    /// [`ReadFault::WalletNotFound`], or when the database fails.
    pub async fn verify(&self, wallet: &WalletRef) -> Result<Verification, ReadFault> {
        let verified = self.store.verify(self.key(wallet)).await?;
        let (wallet, findings) = verified.ok_or(ReadFault::WalletNotFound)?;
        Ok(Verification { wallet, findings })
    }

    /// The same for a page of a tenant's wallets, shard by shard.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn verify_page(
        &self,
        tenant: &str,
        after: Option<(Shard, WalletId)>,
        limit: u64,
    ) -> Result<Vec<Verification>, ReadFault> {
        let mut out = Vec::new();
        for wallet in self.wallets(tenant, after, limit).await? {
            let key = WalletKey { shard: wallet.shard, id: wallet.id };
            if let Some((wallet, findings)) = self.store.verify(key).await? {
                out.push(Verification { wallet, findings });
            }
        }
        Ok(out)
    }

    /// Whether any grant of the tenant's has a cost, which is told in the reporting currency.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_costs(&self, tenant: &str) -> Result<bool, ReadFault> {
        Ok(self.store.has_costs(tenant).await?)
    }
}

/// Whether a list of grants goes on with closed ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosedGrants {
    /// After the open ones.
    Include,
    /// Open ones only.
    LeaveOut,
}

fn with_holds(wallet: Wallet, holds: Vec<Hold>) -> WalletState {
    let mut state = WalletState::of(wallet);
    state.holds = holds.into_iter().map(|hold| (hold.id, hold)).collect();
    state
}
