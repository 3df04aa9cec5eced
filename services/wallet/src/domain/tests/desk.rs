//! A wallet with a memory of keys: what the engine does around the rules, in a few lines.

use std::collections::BTreeMap;
use std::sync::Arc;

use chit_types::{Credits, KeyHash, Origin, SeededIds, Shard, Timestamp, key_hash};

use crate::domain::encoding::{fingerprint, kind_of};
use crate::domain::verify::{Finding, Verifier};
use crate::domain::wallet::Repayment;
use crate::domain::{
    Applied, Changes, Context, Details, Envelope, Grant, GrantId, Hold, HoldId, Operation, Past, Refusal,
    Settings, Signal, Transaction, Wallet, WalletState, apply, book_due, more_needs, needs,
};

/// One wallet and everything ever stored of it.
pub struct Desk {
    pub wallet: Wallet,
    pub settings: Settings,
    pub ids: SeededIds,
    pub transactions: Vec<Transaction>,
    pub holds: BTreeMap<HoldId, Hold>,
    pub grants: BTreeMap<GrantId, Grant>,
    pub repayments: Vec<Repayment>,
    pub reversals: BTreeMap<i64, Vec<i64>>,
    pub signals: Vec<Signal>,
    pub origin: Origin,
    pub may_override: bool,
    keys: BTreeMap<KeyHash, i64>,
    made: u32,
}

impl Desk {
    pub fn new() -> Self {
        Self {
            wallet: Wallet::new("dev", "user_123", "credits", Shard(1), Timestamp::EPOCH),
            settings: Settings::default(),
            ids: SeededIds::default(),
            transactions: Vec::new(),
            holds: BTreeMap::new(),
            grants: BTreeMap::new(),
            repayments: Vec::new(),
            reversals: BTreeMap::new(),
            signals: Vec::new(),
            origin: Origin::Metering,
            may_override: false,
            keys: BTreeMap::new(),
            made: 0,
        }
    }

    fn context(&self, now: Timestamp) -> Context<'_> {
        Context {
            now,
            settings: Arc::new(self.settings.clone()),
            ids: &self.ids,
            wallet_exists: self.wallet.head > 0,
        }
    }

    /// An operation under a fresh key, from metering's seat unless told otherwise.
    pub fn act(
        &mut self,
        now: Timestamp,
        operation: Operation,
        event_type: &str,
    ) -> Result<Applied, Refusal> {
        self.made += 1;
        let key = format!("k{}", self.made);
        self.act_as(now, operation, event_type, &key)
    }

    /// An operation under a key of the caller's.
    pub fn act_as(
        &mut self,
        now: Timestamp,
        operation: Operation,
        event_type: &str,
        key: &str,
    ) -> Result<Applied, Refusal> {
        let envelope = self.envelope(operation, event_type, key);
        if let Some(seq) = self.keys.get(&envelope.key) {
            let transaction = self.transactions[usize::try_from(*seq - 1).unwrap()].clone();
            if transaction.fingerprint != envelope.fingerprint {
                return Err(Refusal::IdempotencyKeyReused { seq: *seq });
            }
            return Ok(Applied { transaction: Some(transaction), hold: None });
        }
        let mut state = self.load(&envelope);
        let before = state.clone();
        let mut changes = Changes::default();
        let outcome = apply(&mut state, &envelope, &self.context(now), &mut changes);
        if outcome.is_err() {
            let mut booked = before;
            book_due(&mut booked, &self.context(now), &mut Changes::default());
            assert_eq!(state, booked, "a refusal leaves nothing but what was due");
        }
        self.store(state, changes);
        outcome
    }

    fn envelope(&self, operation: Operation, event_type: &str, key: &str) -> Envelope {
        Envelope {
            origin: self.origin,
            may_override: self.may_override,
            key: key_hash(self.origin, kind_of(&operation), key, 0),
            fingerprint: fingerprint(&operation, event_type),
            details: Details { event_type: event_type.to_owned(), ..Details::default() },
            operation,
        }
    }

    /// Operations decided on one loaded state, as the engine decides a batch: nothing is stored in between.
    pub fn act_together(&mut self, now: Timestamp, operations: Vec<(Operation, &str)>) {
        let mut envelopes = Vec::new();
        for (operation, event_type) in operations {
            self.made += 1;
            let key = format!("k{}", self.made);
            envelopes.push(self.envelope(operation, event_type, &key));
        }
        let mut state = WalletState::of(self.wallet.clone());
        for loaded in envelopes.iter().map(|envelope| self.load(envelope)) {
            state.holds.extend(loaded.holds);
            state.closed_grants.extend(loaded.closed_grants);
            state.past.extend(loaded.past);
        }
        let mut changes = Changes::default();
        for envelope in &envelopes {
            let context = Context { wallet_exists: state.wallet.head > 0, ..self.context(now) };
            let _ = apply(&mut state, envelope, &context, &mut changes);
        }
        self.store(state, changes);
    }

    /// Books what is due, as the sweeper does.
    pub fn sweep(&mut self, now: Timestamp) {
        let mut state = WalletState::of(self.wallet.clone());
        state.holds = self.holds.clone();
        let mut changes = Changes::default();
        book_due(&mut state, &self.context(now), &mut changes);
        self.store(state, changes);
    }

    fn load(&self, envelope: &Envelope) -> WalletState {
        let mut state = WalletState::of(self.wallet.clone());
        state.holds = self.holds.clone();
        for id in needs(envelope).grants {
            self.load_grant(&mut state, id);
        }
        for _ in 0..4 {
            for seq in needs(envelope).past.into_iter().chain(more_needs(&state, envelope).past) {
                if let Some(past) = self.past(seq) {
                    state.past.insert(seq, past);
                }
            }
            for id in more_needs(&state, envelope).grants {
                self.load_grant(&mut state, id);
            }
        }
        state
    }

    fn load_grant(&self, state: &mut WalletState, id: GrantId) {
        if let (Some(grant), false) = (self.grants.get(&id), self.wallet.grants.iter().any(|g| g.id == id)) {
            state.closed_grants.insert(id, grant.clone());
        }
    }

    fn past(&self, seq: i64) -> Option<Past> {
        let at = |seq: i64| self.transactions.get(usize::try_from(seq - 1).ok()?).cloned();
        let reversals = self.reversals.get(&seq).into_iter().flatten().filter_map(|n| at(*n)).collect();
        let repayments = self.repayments.iter().filter(|r| r.owed_seq == seq).copied().collect();
        Some(Past { transaction: at(seq)?, reversals, repayments })
    }

    fn store(&mut self, state: WalletState, changes: Changes) {
        for transaction in changes.transactions {
            assert!(self.keys.insert(transaction.key, transaction.seq).is_none(), "a key is used once");
            self.transactions.push(transaction);
        }
        for id in changes.grants {
            let open = state.wallet.grants.iter().find(|g| g.id == id);
            let grant =
                open.or_else(|| state.closed_grants.get(&id)).expect("a changed grant is in the state");
            self.grants.insert(id, grant.clone());
        }
        for id in changes.holds {
            match state.holds.get(&id) {
                Some(hold) => self.holds.insert(id, hold.clone()),
                None => self.holds.remove(&id),
            };
        }
        self.repayments.extend(changes.repayments);
        for (seq, numbers) in changes.reversals {
            self.reversals.entry(seq).or_default().extend(numbers);
        }
        self.signals.extend(changes.signals);
        self.wallet = state.wallet;
        self.check();
    }

    /// Everything that must hold after every step.
    pub fn check(&self) {
        self.wallet.assert_conserved();
        assert_eq!(self.verify(), Vec::new(), "stored is derived");
        super::invariants::check(self);
        let live = |g: &&Grant| g.repays(self.wallet.last_at);
        let repays = self.wallet.grants.iter().find(live);
        assert!(
            self.wallet.lots.is_empty() || repays.is_none(),
            "{repays:?} should have repaid {:?}",
            self.wallet.lots
        );
    }

    /// Recomputes the wallet from its transactions.
    pub fn verify(&self) -> Vec<Finding> {
        let mut verifier = Verifier::new(&self.wallet);
        for transaction in &self.transactions {
            verifier.take(transaction);
        }
        let holds: Vec<Hold> = self.holds.values().cloned().collect();
        let open: Vec<GrantId> = self.wallet.grants.iter().map(|g| g.id).collect();
        let closed: Vec<Grant> = self.grants.values().filter(|g| !open.contains(&g.id)).cloned().collect();
        let undone = |(of, by): (&i64, &Vec<i64>)| by.iter().map(|by| (*of, *by)).collect::<Vec<_>>();
        let reversals: Vec<_> = self.reversals.iter().flat_map(undone).collect();
        verifier.compare_links(&self.repayments, &reversals);
        verifier.finish(&self.wallet, &closed, &holds)
    }

    /// available − owed.
    pub fn balance(&self) -> Credits {
        self.wallet.available - self.wallet.owed
    }
}
