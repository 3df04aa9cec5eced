//! The same tables in memory, for tests of what stands above the store.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex as Blocking, PoisonError};

use chit_types::{KeyHash, Shard, Timestamp, WalletId};
use tokio::sync::{Mutex, MutexGuard, OwnedMutexGuard};

use super::lane::{LaneStore, LoadRequest, Loaded, Pending, StoreFailure, WalletKey, WalletWrite};
use super::reads::Span;
use super::settings::SaveFault;
use crate::domain::verify::{Finding, Verifier};
use crate::domain::wallet::Repayment;
use crate::domain::{Grant, GrantId, Hold, HoldId, HoldState, Past, Settings, Transaction, Wallet};

/// Every table.
#[derive(Debug, Default)]
pub struct Tables {
    pub(super) wallets: BTreeMap<WalletKey, Wallet>,
    transactions: BTreeMap<(WalletKey, i64), Transaction>,
    keys: HashMap<(WalletKey, KeyHash), i64>,
    pub(super) holds: BTreeMap<(WalletKey, HoldId), Hold>,
    pub(super) grants: BTreeMap<(WalletKey, GrantId), Grant>,
    reversals: BTreeSet<(WalletKey, i64, i64)>,
    repayments: Vec<(WalletKey, Repayment)>,
    pub(super) pending: Vec<Pending>,
    pub(super) feed: BTreeMap<(Shard, i64), (Timestamp, String)>,
    pub(super) purged: BTreeMap<Shard, i64>,
}

/// A ledger that lives as long as the process.
#[derive(Debug, Default)]
pub struct Memory {
    tables: Arc<Mutex<Tables>>,
    settings: Blocking<HashMap<String, Settings>>,
}

impl Memory {
    /// The tables, when no batch is under way.
    pub(super) async fn read(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().await
    }

    pub(super) fn settings(&self, tenants: &[Arc<str>]) -> HashMap<String, Settings> {
        let all = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        let one = |tenant: &Arc<str>| Some((tenant.to_string(), all.get(&**tenant)?.clone()));
        tenants.iter().filter_map(one).collect()
    }

    pub(super) fn save_settings(&self, tenant: &str, next: Settings) -> Result<(), SaveFault> {
        let mut all = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        let version = all.get(tenant).map_or(0, |settings| settings.version);
        if version + 1 != next.version {
            return Err(SaveFault::Conflict { version });
        }
        all.insert(tenant.to_owned(), next);
        Ok(())
    }
}

fn limited<T>(found: impl Iterator<Item = T>, limit: u64) -> Vec<T> {
    found.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect()
}

impl Tables {
    fn history(&self, key: WalletKey) -> impl DoubleEndedIterator<Item = &Transaction> {
        self.transactions.range((key, i64::MIN)..=(key, i64::MAX)).map(|(_, one)| one)
    }

    pub(super) fn transactions(
        &self,
        key: WalletKey,
        after: i64,
        up_to: i64,
        limit: u64,
    ) -> Vec<Transaction> {
        limited(self.history(key).filter(|one| one.seq > after && one.seq <= up_to).cloned(), limit)
    }

    pub(super) fn newest(&self, key: WalletKey, span: Span, limit: u64) -> Vec<Transaction> {
        let within = |one: &&Transaction| {
            span.before.is_none_or(|before| one.seq < before)
                && span.from.is_none_or(|from| one.at >= from)
                && span.until.is_none_or(|until| one.at < until)
        };
        limited(self.history(key).rev().filter(within).cloned(), limit)
    }

    pub(super) fn reversals(&self, key: WalletKey, seq: i64) -> Vec<Transaction> {
        let numbers = self.reversals.range((key, seq, i64::MIN)..=(key, seq, i64::MAX));
        numbers.filter_map(|(_, _, by)| self.transactions.get(&(key, *by)).cloned()).collect()
    }

    pub(super) fn open_holds(&self, key: WalletKey, after: Option<HoldId>, limit: u64) -> Vec<Hold> {
        let first = after.map_or(Bound::Included((key, HoldId([0; 16]))), |id| Bound::Excluded((key, id)));
        let mine = self.holds.range((first, Bound::Included((key, HoldId([0xff; 16])))));
        let open = mine.map(|(_, hold)| hold).filter(|hold| hold.state == HoldState::Open);
        limited(open.cloned(), limit)
    }

    pub(super) fn closed_grants(&self, key: WalletKey, before: Option<GrantId>, limit: u64) -> Vec<Grant> {
        let all = self.grants.range((key, GrantId([0; 16]))..=(key, GrantId([0xff; 16]))).rev();
        let mine = all.map(|(_, grant)| grant);
        let closed = mine.filter(|grant| !grant.is_open() && before.is_none_or(|before| grant.id < before));
        limited(closed.cloned(), limit)
    }

    pub(super) fn wallets_of(
        &self,
        tenant: &str,
        shard: Shard,
        after: Option<WalletId>,
        limit: u64,
    ) -> Vec<Wallet> {
        let mine = self.wallets.values().filter(|wallet| wallet.shard == shard && wallet.tenant == tenant);
        limited(mine.filter(|wallet| after.is_none_or(|after| wallet.id > after)).cloned(), limit)
    }

    pub(super) fn has_costs(&self, tenant: &str) -> bool {
        let mut grants = self.grants.iter().filter(|(_, grant)| grant.cost_basis != 0);
        grants.any(|((key, _), _)| self.wallets.get(key).is_some_and(|one| one.tenant == tenant))
    }

    pub(super) fn names(&self, keys: &[WalletKey]) -> Vec<(WalletId, String, String, String)> {
        let found = keys.iter().filter_map(|key| self.wallets.get(key));
        found.map(|one| (one.id, one.tenant.clone(), one.customer.clone(), one.unit.clone())).collect()
    }

    pub(super) fn verify(&self, key: WalletKey) -> Option<(Wallet, Vec<Finding>)> {
        let wallet = self.wallets.get(&key)?.clone();
        let mut verifier = Verifier::new(&wallet);
        self.history(key).for_each(|one| verifier.take(one));
        let mine = self.repayments.iter().filter(|(of, _)| *of == key);
        let repayments: Vec<_> = mine.map(|(_, one)| *one).collect();
        let mine = self.reversals.iter().filter(|(of, _, _)| *of == key);
        let reversals: Vec<_> = mine.map(|(_, of, by)| (*of, *by)).collect();
        verifier.compare_links(&repayments, &reversals);
        let closed = self.closed_grants(key, None, u64::MAX);
        let findings = verifier.finish(&wallet, &closed, &self.open_holds(key, None, u64::MAX));
        Some((wallet, findings))
    }

    pub(super) fn due(&self, shards: &[Shard], now: Timestamp, limit: u64) -> Vec<WalletKey> {
        let is_due = |wallet: &&Wallet| wallet.next_due.is_some_and(|due| due <= now);
        let due = self.wallets.iter().filter(|(key, wallet)| shards.contains(&key.shard) && is_due(wallet));
        limited(due.map(|(key, _)| *key), limit)
    }

    fn past(&self, key: WalletKey, seq: i64) -> Option<Past> {
        let mine = |(of, one): &&(WalletKey, Repayment)| *of == key && one.owed_seq == seq;
        Some(Past {
            transaction: self.transactions.get(&(key, seq))?.clone(),
            reversals: self.reversals(key, seq),
            repayments: self.repayments.iter().filter(mine).map(|(_, one)| *one).collect(),
        })
    }

    fn write(&mut self, write: &WalletWrite<'_>) -> Result<(), StoreFailure> {
        let wallet = &write.state.wallet;
        let key = WalletKey { shard: wallet.shard, id: wallet.id };
        self.wallets.insert(key, wallet.clone());
        for one in &write.changes.transactions {
            let again = self.keys.insert((key, one.key), one.seq).is_some();
            if again || self.transactions.insert((key, one.seq), one.clone()).is_some() {
                return Err(StoreFailure::Permanent("a number or key is used twice".to_owned()));
            }
        }
        for id in &write.changes.holds {
            match write.state.holds.get(id) {
                Some(hold) if hold.state != HoldState::Closed => {
                    drop(self.holds.insert((key, *id), hold.clone()))
                }
                _ => drop(self.holds.remove(&(key, *id))),
            }
        }
        for id in &write.changes.grants {
            let open = wallet.grants.iter().find(|grant| grant.id == *id);
            if let Some(grant) = open.or_else(|| write.state.closed_grants.get(id)) {
                self.grants.insert((key, *id), grant.clone());
            }
        }
        for (of, numbers) in &write.changes.reversals {
            self.reversals.extend(numbers.iter().map(|seq| (key, *of, *seq)));
        }
        self.repayments.extend(write.changes.repayments.iter().map(|one| (key, *one)));
        Ok(())
    }
}

/// A lane over it: holds all of it for a batch.
#[derive(Debug)]
pub struct MemoryLane {
    memory: Arc<Memory>,
    held: Option<OwnedMutexGuard<Tables>>,
    locked: Vec<WalletKey>,
}

impl MemoryLane {
    pub(super) fn new(memory: Arc<Memory>) -> Self {
        Self { memory, held: None, locked: Vec::new() }
    }

    fn held(&mut self) -> Result<&mut Tables, StoreFailure> {
        self.held.as_deref_mut().ok_or_else(|| StoreFailure::Transient("no batch is under way".to_owned()))
    }
}

impl LaneStore for MemoryLane {
    async fn begin(&mut self, wallets: &[WalletKey]) -> Result<Vec<Option<Wallet>>, StoreFailure> {
        let tables = Arc::clone(&self.memory.tables).lock_owned().await;
        self.locked = wallets.to_vec();
        let found = wallets.iter().map(|key| tables.wallets.get(key).cloned()).collect();
        self.held = Some(tables);
        Ok(found)
    }

    async fn load(&mut self, request: &LoadRequest) -> Result<Loaded, StoreFailure> {
        let locked = self.locked.clone();
        let tables = self.held()?;
        let mut loaded = Loaded::default();
        for (place, key) in &request.keys {
            let seq = tables.keys.get(&(locked[*place], *key));
            let found = seq.and_then(|seq| tables.transactions.get(&(locked[*place], *seq)));
            loaded.transactions.extend(found.map(|one| (*place, one.clone())));
        }
        for (place, id) in &request.holds {
            let found = tables.holds.get(&(locked[*place], *id));
            loaded.holds.extend(found.map(|hold| (*place, hold.clone())));
        }
        for place in &request.open_holds {
            let open = tables.open_holds(locked[*place], None, u64::MAX);
            loaded.holds.extend(open.into_iter().map(|hold| (*place, hold)));
        }
        for (place, id) in &request.grants {
            let found = tables.grants.get(&(locked[*place], *id));
            loaded.grants.extend(found.map(|grant| (*place, grant.clone())));
        }
        for (place, seq) in &request.past {
            loaded.past.extend(tables.past(locked[*place], *seq).map(|past| (*place, past)));
        }
        Ok(loaded)
    }

    async fn commit(&mut self, writes: &[WalletWrite<'_>], pending: &[Pending]) -> Result<(), StoreFailure> {
        let tables = self.held()?;
        for write in writes {
            tables.write(write)?;
        }
        tables.pending.extend(pending.iter().cloned());
        self.held = None;
        Ok(())
    }

    async fn recover(&mut self) {
        self.held = None;
    }
}
