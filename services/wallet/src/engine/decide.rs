//! A batch's wallets in memory, and each of its commands decided on them in order of arrival.

use std::collections::HashMap;
use std::sync::Arc;

use chit_types::{Credits, IdSource, KeyHash, Timestamp};

use super::command::{Answer, Command, Fault, Freeze, Purpose, WalletRef};
use super::worker::Item;
use crate::domain::{
    self, Applied, Changes, Context, Envelope, Hold, HoldId, Past, Refusal, Settings, Signal, Transaction,
    Wallet, WalletState,
};
use crate::store::entries::{self, FeedEntry};
use crate::store::lane::{GRANTS_IN_ROW, LOTS_IN_ROW};
use crate::store::{Loaded, Pending, WalletWrite};

/// A wallet of the batch.
struct Slot {
    state: WalletState,
    changes: Changes,
    settings: Arc<Settings>,
    row: Row,
    settings_changed: bool,
    due_before: Option<Timestamp>,
    overflow_before: Option<Box<Wallet>>,
}

/// Whether a wallet has a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Row {
    /// It was found.
    Found,
    /// A command of this batch makes it.
    Made,
    /// There is none.
    None,
}

/// A transaction with a key that was used before.
enum Known {
    /// It was found in the database.
    Stored(Box<Transaction>),
    /// It is among this batch's, at this place in its wallet's changes.
    Here(usize),
}

/// A batch under decision.
pub(super) struct Batch<'a> {
    slots: Vec<Slot>,
    known: HashMap<(usize, KeyHash), Known>,
    now: Timestamp,
    ids: &'a dyn IdSource,
}

impl<'a> Batch<'a> {
    /// From the rows found, `None` where there was none.
    pub fn new(
        items: &[Item],
        places: &[usize],
        found: Vec<Option<Wallet>>,
        settings: &HashMap<Arc<str>, Arc<Settings>>,
        now: Timestamp,
        ids: &'a dyn IdSource,
    ) -> Self {
        let mut first_of = vec![0; found.len()];
        for (index, place) in places.iter().enumerate() {
            first_of[*place] = index;
        }
        let slots = found
            .into_iter()
            .zip(first_of)
            .map(|(wallet, item)| {
                let item = &items[item];
                let settings = settings.get(&item.wallet.tenant).cloned().unwrap_or_default();
                Slot::new(wallet, item, settings, now)
            })
            .collect();
        Self { slots, known: HashMap::with_capacity(items.len()), now, ids }
    }

    /// The wallet has a row.
    pub fn has_row(&self, place: usize) -> bool {
        self.slots[place].row == Row::Found
    }

    /// A wallet's state so far.
    pub fn state(&self, place: usize) -> &WalletState {
        &self.slots[place].state
    }

    /// Wallets in which something may be due by now.
    pub fn with_something_due(&self) -> Vec<usize> {
        // Another pod's clock may be ahead of ours, and time does not run backwards in a wallet.
        let is_due = |slot: &Slot| {
            let wallet = &slot.state.wallet;
            wallet.next_due.is_some_and(|due| due <= self.now.max(wallet.last_at))
        };
        self.slots.iter().enumerate().filter(|(_, slot)| is_due(slot)).map(|(place, _)| place).collect()
    }

    /// Takes in what was read. Answers the holds that replayed operations will have to tell of.
    pub fn take(&mut self, loaded: Loaded) -> Vec<(usize, HoldId)> {
        for (place, hold) in loaded.holds {
            self.slots[place].state.holds.insert(hold.id, hold);
        }
        for (place, grant) in loaded.grants {
            let state = &mut self.slots[place].state;
            // An open one is in the wallet, and better known there.
            if !state.wallet.grants.iter().any(|open| open.id == grant.id) {
                state.closed_grants.insert(grant.id, grant);
            }
        }
        for (place, past) in loaded.past {
            self.slots[place].state.past.insert(past.transaction.seq, past);
        }
        let mut holds = Vec::new();
        for (place, transaction) in loaded.transactions {
            holds.extend(transaction.hold.map(|hold| (place, hold)));
            self.known.insert((place, transaction.key), Known::Stored(Box::new(transaction)));
        }
        holds
    }

    /// Decides every command.
    pub fn decide(&mut self, items: &[Item], places: &[usize]) -> Vec<Result<Answer, Fault>> {
        items.iter().zip(places).map(|(item, place)| self.one(item, *place)).collect()
    }

    fn one(&mut self, item: &Item, place: usize) -> Result<Answer, Fault> {
        match &item.command {
            Command::Apply(envelope) => self.apply(envelope, place),
            Command::Create { overdraft_limit, purpose } => {
                let created = self.slots[place].create(&item.wallet, *overdraft_limit, *purpose)?;
                Ok(Answer { created, ..self.seen(place) })
            }
            Command::Update { version, overdraft_limit, freeze, thresholds } => {
                let now = self.now;
                let slot = self.slots[place].existing()?;
                slot.check_version(*version)?;
                slot.update(*overdraft_limit, *freeze, thresholds.as_deref(), now);
                self.book_due(place);
                Ok(self.seen(place))
            }
            Command::BookDue => {
                self.slots[place].existing()?;
                self.book_due(place);
                Ok(self.seen(place))
            }
        }
    }

    fn apply(&mut self, envelope: &Envelope, place: usize) -> Result<Answer, Fault> {
        let key = (place, envelope.key);
        if let Some(known) = self.known.get(&key) {
            return self.replay(envelope, place, known);
        }
        let slot = &mut self.slots[place];
        let context = slot.context(self.now, self.ids);
        let applied = match domain::apply(&mut slot.state, envelope, &context, &mut slot.changes) {
            Ok(applied) => applied,
            Err(refusal) => {
                slot.note_refusal(&refusal, envelope);
                return Err(Fault::Refused(refusal));
            }
        };
        let created = slot.row == Row::None;
        if applied.transaction.is_some() {
            let last = slot.changes.transactions.len() - 1;
            self.known.insert(key, Known::Here(last));
            if created {
                slot.row = Row::Made;
            }
        }
        let wallet = slot.state.wallet.clone();
        Ok(Answer { hash: wallet.hash, wallet, applied, replayed: false, created })
    }

    /// The same key again: what was done then, as things are now. Books nothing.
    fn replay(&self, envelope: &Envelope, place: usize, known: &Known) -> Result<Answer, Fault> {
        let slot = &self.slots[place];
        let transaction = match known {
            Known::Stored(transaction) => transaction.as_ref(),
            Known::Here(at) => &slot.changes.transactions[*at],
        };
        if transaction.fingerprint != envelope.fingerprint {
            return Err(Fault::Refused(Refusal::IdempotencyKeyReused { seq: transaction.seq }));
        }
        let mut state = slot.folded(self.now, self.ids);
        let hold = transaction.hold.and_then(|id| slot.hold_now(&mut state, id));
        Ok(Answer {
            applied: Applied { transaction: Some(transaction.clone()), hold },
            replayed: true,
            hash: transaction.hash,
            wallet: state.wallet,
            created: false,
        })
    }

    fn book_due(&mut self, place: usize) {
        let slot = &mut self.slots[place];
        let context = slot.context(self.now, self.ids);
        domain::book_due(&mut slot.state, &context, &mut slot.changes);
    }

    /// An answer that tells the wallet alone.
    fn seen(&self, place: usize) -> Answer {
        let wallet = self.slots[place].folded(self.now, self.ids).wallet;
        Answer {
            applied: Applied { transaction: None, hold: None },
            replayed: false,
            hash: wallet.hash,
            wallet,
            created: false,
        }
    }

    /// One row for the sequencer a shard with news.
    pub fn pending(&self) -> Vec<Pending> {
        let mut out: Vec<Pending> = Vec::new();
        // Slots are in order of their shards.
        for shard in self.slots.chunk_by(|a, b| a.state.wallet.shard == b.state.wallet.shard) {
            let news: Vec<FeedEntry> = shard.iter().filter_map(Slot::entry).collect();
            if !news.is_empty() {
                out.push(Pending {
                    shard: shard[0].state.wallet.shard,
                    id: self.ids.next(self.now),
                    at: self.now,
                    entries: entries::write(&news),
                });
            }
        }
        out
    }

    /// What the store has to write.
    pub fn writes(&self) -> Vec<WalletWrite<'_>> {
        self.slots.iter().filter_map(Slot::write).collect()
    }
}

impl Slot {
    fn new(found: Option<Wallet>, item: &Item, settings: Arc<Settings>, now: Timestamp) -> Self {
        let row = if found.is_some() { Row::Found } else { Row::None };
        let names = &item.wallet;
        let wallet = found
            .unwrap_or_else(|| Wallet::new(&names.tenant, &names.customer, &names.unit, item.key.shard, now));
        let is_full = wallet.grants.len() > GRANTS_IN_ROW || wallet.lots.len() > LOTS_IN_ROW;
        Self {
            due_before: wallet.next_due,
            overflow_before: is_full.then(|| Box::new(wallet.clone())),
            state: WalletState::of(wallet),
            changes: Changes::default(),
            settings,
            row,
            settings_changed: false,
        }
    }

    fn context<'c>(&self, now: Timestamp, ids: &'c dyn IdSource) -> Context<'c> {
        Context {
            now: now.max(self.state.wallet.last_at),
            settings: Arc::clone(&self.settings),
            ids,
            wallet_exists: self.row != Row::None,
        }
    }

    fn existing(&mut self) -> Result<&mut Self, Fault> {
        if self.row == Row::None { Err(Fault::Refused(Refusal::WalletNotFound)) } else { Ok(self) }
    }

    fn check_version(&self, version: i64) -> Result<(), Fault> {
        let present = self.state.wallet.version;
        if version == 0 || version == present {
            Ok(())
        } else {
            Err(Fault::VersionConflict { version: present })
        }
    }

    fn create(&mut self, names: &WalletRef, limit: Credits, purpose: Purpose) -> Result<bool, Fault> {
        if !self.settings.has_unit(&names.unit) {
            return Err(Fault::Refused(Refusal::UnitUnknown { unit: names.unit.clone() }));
        }
        let created = self.row == Row::None;
        if created {
            self.row = Row::Made;
            self.state.wallet.overdraft_limit = limit;
            self.state.wallet.test = purpose == Purpose::Test;
        }
        Ok(created)
    }

    fn update(
        &mut self,
        limit: Option<Credits>,
        freeze: Option<Freeze>,
        thresholds: Option<&[Credits]>,
        now: Timestamp,
    ) {
        let wallet = &mut self.state.wallet;
        if let Some(limit) = limit {
            wallet.overdraft_limit = limit;
        }
        match freeze {
            Some(Freeze::Freeze) => wallet.frozen_since = wallet.frozen_since.or(Some(now)),
            Some(Freeze::Unfreeze) => wallet.frozen_since = None,
            None => {}
        }
        if let Some(thresholds) = thresholds {
            wallet.thresholds = thresholds.to_vec();
            wallet.thresholds.sort_unstable();
        }
        wallet.version += 1;
        self.settings_changed = true;
    }

    /// A copy of the state with what is due booked in it, for answers alone.
    fn folded(&self, now: Timestamp, ids: &dyn IdSource) -> WalletState {
        let mut state = self.state.clone();
        if state.wallet.next_due.is_some_and(|due| due <= now) {
            domain::book_due(&mut state, &self.context(now, ids), &mut Changes::default());
        }
        state
    }

    /// A hold as it is now, its Reserve being in the database or among this batch's.
    fn hold_now(&self, state: &mut WalletState, id: HoldId) -> Option<Hold> {
        let seq = id.reserved_by();
        if let Some(reserve) = self.changes.transactions.iter().find(|one| one.seq == seq) {
            let fresh =
                || Past { transaction: reserve.clone(), reversals: Vec::new(), repayments: Vec::new() };
            state.past.entry(seq).or_insert_with(fresh);
        }
        domain::hold_now(state, id)
    }

    /// A refusal for want of credits is told in the feed, whoever noticed it first.
    fn note_refusal(&mut self, refusal: &Refusal, envelope: &Envelope) {
        let event_type = envelope.details.event_type.clone();
        let signal = match refusal {
            Refusal::InsufficientCredits { required, spendable, .. }
            | Refusal::WalletInDebt { required, spendable, .. } => {
                Signal::CreditsRefused { required: *required, spendable: *spendable, event_type }
            }
            _ => return,
        };
        self.changes.signals.push(signal);
    }

    fn entry(&self) -> Option<FeedEntry> {
        let (first, last) = match (self.changes.transactions.first(), self.changes.transactions.last()) {
            (Some(first), Some(last)) => (first.seq, last.seq),
            _ if self.changes.signals.is_empty() => return None,
            _ => (0, 0),
        };
        let wallet = &self.state.wallet;
        let names = (self.row == Row::None)
            .then(|| (wallet.tenant.clone(), wallet.customer.clone(), wallet.unit.clone()));
        Some(FeedEntry { wallet: wallet.id, first, last, signals: self.changes.signals.clone(), names })
    }

    fn write(&self) -> Option<WalletWrite<'_>> {
        let is_new = self.row == Row::Made;
        let due_changed = self.due_before != self.state.wallet.next_due;
        let is_changed = !self.changes.transactions.is_empty() || self.settings_changed || due_changed;
        if self.row == Row::None || !(is_new || is_changed) {
            return None;
        }
        Some(WalletWrite {
            state: &self.state,
            changes: &self.changes,
            is_new,
            terms_changed: !self.changes.grants.is_empty()
                || self.changes.transactions.iter().any(may_change_terms),
            settings_changed: self.settings_changed,
            due_before: if is_new { None } else { self.due_before },
            overflow_before: self.overflow_before.as_deref(),
        })
    }
}

/// Spending changes what is left of grants, not what is fixed of them, unless it opens or closes one.
fn may_change_terms(transaction: &Transaction) -> bool {
    use chit_types::TransactionKind as Kind;
    !matches!(
        transaction.kind,
        Kind::Deduct
            | Kind::Reserve
            | Kind::Extend
            | Kind::Commit
            | Kind::Release
            | Kind::ExpireHold
            | Kind::WriteOff
    )
}
