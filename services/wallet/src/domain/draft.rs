//! A transaction in the making: each posting moves balances and rests at once, and sealing it numbers and hashes it.
//! Rules check first and draft afterwards, so a refusal has nothing to undo.

use chit_types::{Account, Credits, Fingerprint, Hash, KeyHash, Origin, Timestamp, TransactionKind};

use super::encoding;
use super::grant::{Grant, GrantId, GrantState};
use super::hold::HoldId;
use super::order::Reach;
use super::outcome::{Changes, Direction, Signal};
use super::transaction::{GrantTerms, Posting, Text, Transaction};
use super::wallet::{Lot, Repayment, WalletState};

/// What is known of a transaction before it is decided.
#[derive(Clone, Debug)]
pub struct Header {
    /// What it does.
    pub kind: TransactionKind,
    /// Who asks.
    pub origin: Origin,
    /// When.
    pub at: Timestamp,
    /// The key.
    pub key: KeyHash,
    /// The content.
    pub fingerprint: Fingerprint,
    /// The event type.
    pub event_type: String,
    /// The text, salted.
    pub text: Option<Text>,
}

/// A transaction in the making.
pub struct Draft<'a> {
    /// The wallet.
    pub state: &'a mut WalletState,
    /// Where what changed is noted.
    pub changes: &'a mut Changes,
    /// The transaction so far.
    pub transaction: Transaction,
    balance_before: Credits,
}

/// What a posting touches beside its accounts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Touch {
    /// The grant it leaves, or goes to.
    pub grant: Option<GrantId>,
    /// The grant it goes to, where it leaves another.
    pub to_grant: Option<GrantId>,
    /// The hold.
    pub hold: Option<HoldId>,
    /// The transaction whose debt or spend it concerns.
    pub owed_seq: Option<i64>,
}

impl<'a> Draft<'a> {
    /// Begins a transaction.
    pub fn begin(
        state: &'a mut WalletState,
        changes: &'a mut Changes,
        header: Header,
        amount: Credits,
    ) -> Self {
        let wallet = &state.wallet;
        let transaction = Transaction {
            wallet: wallet.id,
            seq: wallet.head + 1,
            kind: header.kind,
            origin: header.origin,
            at: header.at,
            key: header.key,
            fingerprint: header.fingerprint,
            amount,
            available: Credits::ZERO,
            held: Credits::ZERO,
            owed: Credits::ZERO,
            postings: Vec::with_capacity(2),
            event_type: header.event_type,
            hold: None,
            reverses: None,
            text_hash: header.text.as_ref().map(encoding::text_hash),
            grants: Vec::new(),
            hold_terms: None,
            committed: None,
            forgiven: Credits::ZERO,
            waived: Credits::ZERO,
            late: false,
            closed_hold: false,
            grant: None,
            claimed: Credits::ZERO,
            shortfall: None,
            hash: Hash([0; 32]),
            text: header.text,
        };
        let balance_before = wallet.available - wallet.owed;
        Self { state, changes, transaction, balance_before }
    }

    /// Its number.
    #[must_use]
    pub fn seq(&self) -> i64 {
        self.transaction.seq
    }

    /// Its time.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.transaction.at
    }

    /// Adds a leg and moves the wallet's balances. A leg of nothing is left out.
    pub fn post(&mut self, from: Account, to: Account, amount: Credits, touch: Touch) {
        assert!(!amount.is_negative(), "a posting is never below zero");
        if amount.is_zero() {
            return;
        }
        self.shift(from, -amount);
        self.shift(to, amount);
        let Touch { grant, to_grant, hold, owed_seq } = touch;
        self.transaction.postings.push(Posting { from, to, amount, grant, to_grant, hold, owed_seq });
    }

    fn shift(&mut self, account: Account, by: Credits) {
        let wallet = &mut self.state.wallet;
        match account {
            Account::Issued => wallet.granted -= by,
            Account::Available => wallet.available += by,
            Account::Scheduled => wallet.scheduled += by,
            Account::Frozen => wallet.frozen += by,
            Account::Held => wallet.held += by,
            Account::Owed => wallet.owed -= by,
            Account::Spent => wallet.spent += by,
            Account::Expired => wallet.expired += by,
            Account::Revoked => wallet.revoked += by,
        }
    }

    /// An open grant by its place in the row.
    pub fn grant_at(&mut self, index: usize) -> &mut Grant {
        &mut self.state.wallet.grants[index]
    }

    /// An open grant, or a closed one that was loaded, brought back into the row.
    pub fn grant(&mut self, id: GrantId) -> &mut Grant {
        let open = self.state.wallet.grants.iter().position(|g| g.id == id);
        let index = open.unwrap_or_else(|| {
            let closed =
                self.state.closed_grants.remove(&id).expect("grants an operation touches are loaded with it");
            self.changes.grants.insert(id);
            self.state.wallet.grants.push(closed);
            self.state.wallet.grants.len() - 1
        });
        self.grant_at(index)
    }

    /// Opens a grant; its credits are posted by the caller.
    pub fn open_grant(&mut self, terms: GrantTerms, state: GrantState) -> GrantId {
        let (id, opened_by) = (terms.id, self.seq());
        self.changes.grants.insert(id);
        self.state.wallet.grants.push(Grant {
            id,
            source: terms.source,
            amount: terms.amount,
            rest: Credits::ZERO,
            held: Credits::ZERO,
            priority: terms.priority,
            effective_at: terms.effective_at,
            expires_at: terms.expires_at,
            event_types: terms.event_types.clone(),
            cost_basis: terms.cost_basis,
            owed_policy: terms.owed_policy,
            period_end: terms.period_end,
            rollover: terms.rollover,
            paid: terms.paid.clone(),
            state,
            renewed: false,
            revoke_shortfall: None,
            removed: Credits::ZERO,
            opened_by,
        });
        self.transaction.grants.push(terms);
        id
    }

    /// Credits into a grant's rest, in the account its state names.
    pub fn put(&mut self, from: Account, id: GrantId, amount: Credits, touch: Touch) {
        let grant = self.grant(id);
        grant.rest += amount;
        let (state, effective_at, expires_at) = (grant.state, grant.effective_at, grant.expires_at);
        self.state.wallet.due_for_grant(state, effective_at, expires_at);
        self.post(from, rest_account(state), amount, touch);
    }

    /// Credits out of a grant's rest.
    pub fn take(&mut self, id: GrantId, to: Account, amount: Credits, touch: Touch) {
        let grant = self.grant(id);
        grant.rest -= amount;
        if matches!(to, Account::Revoked | Account::Expired) || touch.to_grant.is_some() {
            grant.removed += amount;
        }
        let from = rest_account(grant.state);
        if matches!(to, Account::Revoked | Account::Expired) || touch.to_grant.is_some() {
            self.changes.grants.insert(id);
        }
        self.post(from, to, amount, Touch { grant: Some(id), ..touch });
    }

    /// Draws up to `amount` within reach, in the order of rule 6; tells what each grant gave, and what is missing.
    pub fn draw(
        &mut self,
        reach: Reach<'_>,
        to: Account,
        amount: Credits,
        touch: Touch,
    ) -> (Vec<(GrantId, Credits)>, Credits) {
        let (mut missing, mut drawn) = (amount, Vec::new());
        while missing.is_positive() {
            let Some(index) = reach.next(&self.state.wallet, self.at()) else {
                break;
            };
            let (id, rest) = (self.state.wallet.grants[index].id, self.state.wallet.grants[index].rest);
            let part = rest.min(missing);
            self.take(id, to, part, touch);
            drawn.push((id, part));
            missing -= part;
        }
        (drawn, missing)
    }

    /// `return*`: credits back to a grant, wherever it stands by now. Never into an open hold.
    pub fn give_back(&mut self, from: Account, id: GrantId, amount: Credits, touch: Touch) {
        if amount.is_zero() {
            return;
        }
        let at = self.at();
        let touch = Touch { grant: Some(id), ..touch };
        let grant = self.grant(id);
        match grant.state {
            GrantState::Revoked => self.remove(from, Account::Revoked, amount, touch),
            GrantState::Frozen | GrantState::Scheduled => self.put(from, id, amount, touch),
            GrantState::Expired => self.remove(from, Account::Expired, amount, touch),
            GrantState::Live | GrantState::Spent if grant.has_expired(at) => {
                self.remove(from, Account::Expired, amount, touch);
            }
            GrantState::Live | GrantState::Spent => {
                grant.state = GrantState::Live;
                self.put(from, id, amount, touch);
            }
        }
    }

    /// Credits that would have returned to a grant and leave it for good instead.
    fn remove(&mut self, from: Account, to: Account, amount: Credits, touch: Touch) {
        if let Some(id) = touch.grant {
            self.grant(id).removed += amount;
            self.changes.grants.insert(id);
        }
        self.post(from, to, amount, touch);
    }

    /// What becomes owed by this transaction: `owed(lot) → to`.
    pub fn owe(&mut self, to: Account, amount: Credits, touch: Touch) {
        let seq = self.seq();
        self.post(Account::Owed, to, amount, Touch { owed_seq: Some(seq), ..touch });
        self.raise_lot(amount);
    }

    /// Adds to this transaction's own lot.
    pub fn raise_lot(&mut self, amount: Credits) {
        let seq = self.seq();
        if amount.is_zero() {
            return;
        }
        match self.state.wallet.lots.last_mut() {
            Some(lot) if lot.seq == seq => lot.rest += amount,
            _ => self.state.wallet.lots.push(Lot { seq, rest: amount }),
        }
    }

    /// Takes from a lot; an empty one is gone.
    pub fn lower_lot(&mut self, seq: i64, amount: Credits) {
        let lots = &mut self.state.wallet.lots;
        let index = lots.iter().position(|l| l.seq == seq).expect("a lot with a rest is in the row");
        lots[index].rest -= amount;
        if lots[index].rest.is_zero() {
            lots.remove(index);
        }
    }

    /// Notes a repayment made by the last posting.
    pub fn note_repayment(&mut self, owed_seq: i64, grant: Option<GrantId>, amount: Credits) {
        let ordinal = u32::try_from(self.transaction.postings.len()).expect("postings fit into memory");
        let seq = self.seq();
        self.changes.repayments.push(Repayment { owed_seq, seq, ordinal, grant, amount });
    }

    /// Numbers and hashes it, closes grants that are empty, and tells thresholds that were crossed.
    pub fn seal(mut self) -> Transaction {
        self.repay();
        self.close_grants();
        let wallet = &mut self.state.wallet;
        let mut transaction = self.transaction;
        transaction.available = wallet.available;
        transaction.held = wallet.held;
        transaction.owed = wallet.owed;
        transaction.hash = encoding::hash(&wallet.hash, &transaction);
        wallet.head = transaction.seq;
        wallet.hash = transaction.hash;
        wallet.last_at = transaction.at;
        wallet.assert_conserved();
        let (before, balance) = (self.balance_before, wallet.available - wallet.owed);
        for level in wallet.thresholds.iter().copied() {
            let direction = match (before > level, balance > level) {
                (true, false) => Direction::Down,
                (false, true) => Direction::Up,
                (true, true) | (false, false) => continue,
            };
            let seq = transaction.seq;
            self.changes.signals.push(Signal::ThresholdCrossed { level, direction, balance, seq });
        }
        self.changes.transactions.push(transaction.clone());
        transaction
    }

    /// `repay*`: general, live REPAY_FIRST grants repay what is owed, oldest lot first.
    fn repay(&mut self) {
        if self.state.wallet.lots.is_empty() {
            return;
        }
        let at = self.at();
        while let Some(lot) = self.state.wallet.lots.first().copied() {
            let candidates = self.state.wallet.grants.iter().filter(|g| g.repays(at));
            let Some(grant) = candidates.min_by(|a, b| super::order::spending_order(a, b)) else {
                return;
            };
            let (id, amount) = (grant.id, grant.rest.min(lot.rest));
            self.take(id, Account::Owed, amount, Touch { owed_seq: Some(lot.seq), ..Touch::default() });
            self.note_repayment(lot.seq, Some(id), amount);
            self.lower_lot(lot.seq, amount);
        }
    }

    fn close_grants(&mut self) {
        if self.state.wallet.grants.iter().all(Grant::is_open) {
            return;
        }
        let at = self.at();
        for mut grant in std::mem::take(&mut self.state.wallet.grants) {
            if grant.is_open() {
                self.state.wallet.grants.push(grant);
                continue;
            }
            if grant.state == GrantState::Live || grant.state == GrantState::Scheduled {
                grant.state = if grant.has_expired(at) { GrantState::Expired } else { GrantState::Spent };
            }
            self.changes.grants.insert(grant.id);
            self.state.closed_grants.insert(grant.id, grant);
        }
    }
}

fn rest_account(state: GrantState) -> Account {
    match state {
        GrantState::Scheduled => Account::Scheduled,
        GrantState::Frozen => Account::Frozen,
        GrantState::Live | GrantState::Spent | GrantState::Expired | GrantState::Revoked => {
            Account::Available
        }
    }
}
