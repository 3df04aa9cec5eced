//! Deciding one operation: what is due is booked first, then the operation's own rule applies.

use std::sync::Arc;

use chit_types::{Credits, IdSource, Timestamp, TransactionKind};

use super::draft::{Draft, Header};
use super::encoding::kind_of;
use super::hold::Hold;
use super::operation::{Envelope, Operation};
use super::outcome::{Applied, Changes};
use super::refusal::Refusal;
use super::settings::Settings;
use super::transaction::Text;
use super::wallet::WalletState;
use super::{commit, deduct, due, grants, holds, order, renew, reverse, revoke};

/// The most that may ever be issued to one wallet: far below what a sum of balances could overflow at.
const ISSUED_LIMIT: Credits = Credits::from_micros(i64::MAX / 8);

/// What an operation is decided with, beside the wallet's state.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The server's clock.
    pub now: Timestamp,
    /// The tenant's settings.
    pub settings: Arc<Settings>,
    /// New ids.
    pub ids: &'a dyn IdSource,
    /// The wallet has a row.
    pub wallet_exists: bool,
}

/// An operation being decided.
pub struct Case<'a> {
    /// The wallet.
    pub state: &'a mut WalletState,
    /// What is asked.
    pub envelope: &'a Envelope,
    /// What it is decided with; `now` is never before the wallet's last transaction.
    pub context: Context<'a>,
    /// Where what changes is noted.
    pub changes: &'a mut Changes,
}

/// Decides an operation. A refusal leaves the state as the bookings of what was due left it. That the key is new was
/// settled before.
pub fn apply(
    state: &mut WalletState,
    envelope: &Envelope,
    context: &Context<'_>,
    changes: &mut Changes,
) -> Result<Applied, Refusal> {
    let now = context.now.max(state.wallet.last_at);
    due::book_due(state, context, changes);
    let mut case = Case { state, envelope, context: Context { now, ..context.clone() }, changes };
    case.decide()
}

impl<'a> Case<'a> {
    fn decide(&mut self) -> Result<Applied, Refusal> {
        if self.state.wallet.closed {
            return Err(Refusal::WalletClosed);
        }
        let unit = &self.state.wallet.unit;
        if !self.context.settings.has_unit(unit) {
            return Err(Refusal::UnitUnknown { unit: unit.clone() });
        }
        match &self.envelope.operation {
            Operation::Grant(new) => grants::grant(self, new),
            Operation::Renew(renewal) => renew::renew(self, renewal),
            Operation::Revoke { grant, amount, shortfall } => {
                revoke::revoke(self, *grant, *amount, *shortfall)
            }
            Operation::Reserve { amount, ttl } => holds::reserve(self, *amount, *ttl),
            Operation::Extend { hold, amount, ttl } => holds::extend(self, *hold, *amount, *ttl),
            Operation::Commit { hold, total, close, on_overrun } => commit::commit(
                self,
                &commit::Settlement { hold: *hold, total: *total, close: *close, on_overrun: *on_overrun },
            ),
            Operation::Release { hold } => holds::release(self, *hold),
            Operation::Deduct { amount, on_insufficient } => deduct::deduct(self, *amount, *on_insufficient),
            Operation::Adjust { amount } => deduct::adjust(self, *amount),
            Operation::WriteOff { amount } => deduct::write_off(self, *amount),
            Operation::Reverse { transaction, amount } => reverse::reverse(self, *transaction, *amount),
        }
    }

    /// The operation's event type.
    #[must_use]
    pub fn event_type(&self) -> &'a str {
        &self.envelope.details.event_type
    }

    /// A fresh UUIDv7.
    #[must_use]
    pub fn fresh_id(&self) -> [u8; 16] {
        self.context.ids.next(self.context.now)
    }

    /// Begins the operation's transaction.
    pub fn draft(&mut self, amount: Credits, event_type: String) -> Draft<'_> {
        let details = &self.envelope.details;
        let silent = details.reference.is_empty()
            && details.description.is_empty()
            && details.metadata.is_empty()
            && details.subjects.is_empty();
        let text = (!silent).then(|| Text {
            salt: self.context.ids.next(self.context.now),
            reference: details.reference.clone(),
            description: details.description.clone(),
            metadata: details.metadata.clone(),
            subjects: details.subjects.clone(),
        });
        let header = Header {
            kind: kind_of(&self.envelope.operation),
            origin: self.envelope.origin,
            at: self.context.now,
            key: self.envelope.key,
            fingerprint: self.envelope.fingerprint,
            event_type,
            text,
        };
        Draft::begin(self.state, self.changes, header, amount)
    }

    /// Refuses what would let sums leave their range.
    pub fn check_room(&self, amount: Credits) -> Result<(), Refusal> {
        let wallet = &self.state.wallet;
        let most = wallet.granted.max(wallet.owed).max(wallet.spent);
        match most.checked_add(amount) {
            Some(sum) if sum <= ISSUED_LIMIT => Ok(()),
            Some(_) | None => Err(Refusal::BalanceOverflow),
        }
    }

    /// Refuses an operation on what belongs to another origin.
    pub fn check_origin(&self, owner: chit_types::Origin) -> Result<(), Refusal> {
        if owner == self.envelope.origin || self.envelope.may_override {
            return Ok(());
        }
        Err(Refusal::WrongOrigin { origin: owner })
    }

    /// Refuses while an operator has the wallet frozen.
    pub fn check_not_frozen(&self) -> Result<(), Refusal> {
        match self.state.wallet.frozen_since {
            Some(since) => Err(Refusal::WalletFrozen { since }),
            None => Ok(()),
        }
    }

    /// Rule 4: covered by spendable credits and the overdraft without debt, or wholly by restricted grants. Tells
    /// which grants to draw on.
    pub fn check_covered(&self, amount: Credits) -> Result<order::Reach<'a>, Refusal> {
        let event_type = self.event_type();
        self.check_covered_for(amount, event_type)
    }

    /// The same for another event type than the operation's own.
    pub fn check_covered_for<'t>(
        &self,
        amount: Credits,
        event_type: &'t str,
    ) -> Result<order::Reach<'t>, Refusal> {
        let (wallet, now) = (&self.state.wallet, self.context.now);
        let all = order::Reach::Applying(event_type);
        let spendable = all.total(wallet, now);
        let room = spendable + wallet.overdraft_limit - wallet.owed;
        if amount.is_zero() || (wallet.debt().is_zero() && amount <= room) {
            return Ok(all);
        }
        let restricted = order::Reach::Restricted(event_type);
        if !event_type.is_empty() && restricted.total(wallet, now) >= amount {
            return Ok(restricted);
        }
        let (owed, overdraft_limit) = (wallet.owed, wallet.overdraft_limit);
        if wallet.debt().is_positive() {
            let debt = wallet.debt();
            return Err(Refusal::WalletInDebt { debt, owed, overdraft_limit, required: amount, spendable });
        }
        let (available, wallet_exists) = (wallet.available, self.context.wallet_exists);
        Err(Refusal::InsufficientCredits {
            required: amount,
            available,
            spendable,
            owed,
            overdraft_limit,
            wallet_exists,
        })
    }
}

impl Applied {
    /// An operation whose transaction was sealed.
    #[must_use]
    pub fn with(transaction: super::transaction::Transaction, hold: Option<Hold>) -> Self {
        Self { transaction: Some(transaction), hold }
    }
}

/// Kinds that a Reverse may name.
#[must_use]
pub fn is_reversible(kind: TransactionKind) -> bool {
    matches!(kind, TransactionKind::Deduct | TransactionKind::Commit)
}
