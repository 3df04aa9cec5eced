//! What is owed to the wallet: operations that are stored before they are sent, and what becomes of them.

use chit_types::{Credits, Timestamp};
use serde::{Deserialize, Serialize};

use super::authorization::Settling;
use super::fact::{Draw, Fact, FactKind, Named, Why, revenue_nanos};
use super::micros;
use super::refusal::{Refusal, WalletRefusal};

/// What a deduction does when the wallet cannot cover it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnInsufficient {
    /// Nothing is taken.
    #[default]
    Refuse,
    /// The rest becomes owed.
    Record,
    /// The rest is forgiven.
    Cap,
}

/// What a settlement does with a total above the hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnOverrun {
    /// The rest becomes owed.
    #[default]
    Record,
    /// The rest is forgiven at the end.
    Cap,
    /// Nothing changes.
    Reject,
}

/// One operation on the event's wallet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "op")]
pub enum WalletOp {
    /// Takes credits.
    Deduct {
        /// Its key in the wallet.
        key: String,
        /// How much.
        #[serde(with = "micros")]
        amount: Credits,
        /// What if it cannot.
        mode: OnInsufficient,
    },
    /// Holds credits.
    Reserve {
        /// Its key in the wallet.
        key: String,
        /// How much.
        #[serde(with = "micros")]
        amount: Credits,
        /// The hold's life; 0 for the tenant's setting.
        ttl_seconds: i64,
    },
    /// Settles a hold.
    Commit {
        /// Its key in the wallet.
        key: String,
        /// The hold.
        hold: String,
        /// The total so far.
        #[serde(with = "micros")]
        total: Credits,
        /// More parts follow.
        keep_open: bool,
        /// What if it is above the hold.
        mode: OnOverrun,
    },
    /// Gives a hold back.
    Release {
        /// Its key in the wallet.
        key: String,
        /// The hold.
        hold: String,
    },
    /// Undoes a transaction.
    Reverse {
        /// Its key in the wallet.
        key: String,
        /// The transaction.
        transaction: i64,
        /// How much.
        #[serde(with = "micros")]
        amount: Credits,
    },
}

impl WalletOp {
    /// Its key in the wallet.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            WalletOp::Deduct { key, .. }
            | WalletOp::Reserve { key, .. }
            | WalletOp::Commit { key, .. }
            | WalletOp::Release { key, .. }
            | WalletOp::Reverse { key, .. } => key,
        }
    }
}

/// A wallet's balances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// See the contract; in its order.
    pub available: Credits,
    /// …
    pub spendable: Credits,
    /// …
    pub held: Credits,
    /// …
    pub owed: Credits,
    /// …
    pub debt: Credits,
    /// …
    pub scheduled: Credits,
    /// …
    pub frozen: Credits,
    /// When the next grant expires.
    pub next_expiry: Option<Timestamp>,
}

/// What the wallet did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WalletAnswer {
    /// The transaction; 0 where nothing changed.
    pub seq: i64,
    /// Its hash, in hex.
    pub hash: String,
    /// The balances after it.
    pub balance: Balance,
    /// Charged, or returned by a reversal.
    pub amount: Credits,
    /// What became owed.
    pub owed_added: Credits,
    /// What CAP left.
    pub forgiven: Credits,
    /// The hold had run out.
    pub late: bool,
    /// Grants drained or returned to.
    pub draws: Vec<Draw>,
    /// The hold's id and expiry.
    pub hold: Option<(String, Timestamp)>,
}

/// How one operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalletOutcome {
    /// Done.
    Done(Box<WalletAnswer>),
    /// Said no; nothing changed.
    Refused(WalletRefusal),
    /// Not known: the wallet is away. It will be sent again.
    Away,
}

/// One stored step of an event: the fact it will become and the wallet operations it takes first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Its name in the event: `event`, `settle:2`, `void`, `reverse:key`.
    pub step: String,
    /// The fact, but for what the wallet will say.
    pub fact: Fact,
    /// In order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<WalletOp>,
    /// What it does to its authorization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settling: Option<Settling>,
    /// What use that is not charged would have cost, as a difference.
    #[serde(default, with = "micros")]
    pub would_cost: Credits,
    /// When it was stored: tells it from a later step of the same name. A column of its own.
    #[serde(skip)]
    pub stored_at: Timestamp,
}

/// How a stored step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// What to record; none where nothing is.
    pub fact: Option<Fact>,
    /// What becomes of the authorization; none where it stays.
    pub settled: Option<Settling>,
    /// What the caller is told instead of a receipt.
    pub refusal: Option<Refusal>,
    /// The wallet after it.
    pub balance: Option<Balance>,
}

impl Pending {
    /// Turns the wallet's outcomes, one an operation, into what is recorded. None while the wallet is away.
    #[must_use]
    pub fn finish(&self, outcomes: &[WalletOutcome], now: Timestamp) -> Option<Finished> {
        let mut answers = Vec::with_capacity(outcomes.len());
        let mut refusal = None;
        for (operation, outcome) in self.operations.iter().zip(outcomes) {
            match outcome {
                WalletOutcome::Done(answer) => answers.push((operation, answer.as_ref())),
                WalletOutcome::Refused(why) => refusal = Some(why.clone()),
                WalletOutcome::Away => return None,
            }
        }
        if let Some(why) = refusal.filter(|_| answers.is_empty()) {
            return Some(self.refused(why, now));
        }
        Some(self.done(&answers, now))
    }

    fn done(&self, answers: &[(&WalletOp, &WalletAnswer)], now: Timestamp) -> Finished {
        let mut fact = self.fact.clone();
        fact.recorded_at = now;
        fact.sums.would_cost_micros += self.would_cost.micros();
        for (operation, answer) in answers {
            take_answer(&mut fact, answer, operation);
        }
        if fact.sums.forgiven_micros > 0 && fact.kind == FactKind::Settled {
            fact.kind = FactKind::Forgiven;
        }
        let charged = Credits::from_micros(fact.sums.credits_micros);
        let settled = self.settling.clone().map(|settling| settling.charged(charged));
        let records = settled.as_ref().is_none_or(|settling| settling.is_recorded);
        Finished {
            fact: records.then_some(fact),
            settled,
            refusal: None,
            balance: answers.last().map(|(_, answer)| answer.balance.clone()),
        }
    }

    fn refused(&self, why: WalletRefusal, now: Timestamp) -> Finished {
        let mut fact = self.fact.clone();
        let again = fact.sums.refused < 0;
        let refusal = Some(Refusal::Wallet(why.clone()));
        let nothing = |refusal| Finished { fact: None, settled: None, refusal, balance: None };
        let settled = match &self.settling {
            Some(settling) if settling.ends_with(why.reason) => Some(settling.clone().closed()),
            Some(_) => return nothing(refusal),
            None => None,
        };
        // What earlier parts charged has not leaked.
        let charged = self.settling.as_ref().map_or(Credits::ZERO, |settling| settling.totals.charged);
        let price = fact.body.price_credits.unwrap_or(Credits::ZERO);
        let leaked = price.minus_or_zero(charged).micros();
        let more_leaked = fact.sums.leaked_micros + leaked;
        if fact.kind == FactKind::Reversed || (again && more_leaked == 0) {
            return nothing(refusal);
        }
        fact.kind = FactKind::Refused;
        fact.recorded_at = now;
        fact.sums.refused += 1;
        fact.sums.leaked_micros = more_leaked;
        fact.body.refused = Some(Why { reason: why.reason, message: why.message, facts: why.facts });
        Finished { fact: Some(fact), settled, refusal, balance: None }
    }
}

fn take_answer(fact: &mut Fact, answer: &WalletAnswer, operation: &WalletOp) {
    let (sign, reverses) = match operation {
        WalletOp::Reverse { transaction, .. } => (-1, *transaction),
        WalletOp::Deduct { .. }
        | WalletOp::Reserve { .. }
        | WalletOp::Commit { .. }
        | WalletOp::Release { .. } => (1, 0),
    };
    let amount = Credits::from_micros(sign * answer.amount.micros());
    fact.sums.credits_micros += amount.micros();
    fact.sums.forgiven_micros += answer.forgiven.micros();
    fact.sums.revenue_nanos += sign * revenue_nanos(&answer.draws);
    fact.body.late |= answer.late;
    fact.body.draws.extend(answer.draws.iter().cloned());
    if answer.owed_added.is_positive() {
        let owed = fact.body.owed_added.unwrap_or(Credits::ZERO);
        fact.body.owed_added = Some(owed + answer.owed_added);
    }
    if answer.seq > 0 && !matches!(operation, WalletOp::Release { .. }) {
        fact.body.named.push(Named { seq: answer.seq, amount, reverses });
        fact.body.hash.clone_from(&answer.hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::authorization::{AuthorizationState, Totals};

    fn refused(reason: i32) -> WalletOutcome {
        WalletOutcome::Refused(WalletRefusal {
            code: 9,
            reason,
            message: String::new(),
            facts: Default::default(),
        })
    }

    fn pending(operations: Vec<WalletOp>) -> Pending {
        Pending {
            step: "s".into(),
            fact: Fact::default(),
            operations,
            settling: None,
            would_cost: Credits::ZERO,
            stored_at: Timestamp::EPOCH,
        }
    }

    #[test]
    fn a_reversal_that_another_overtook_names_what_it_did_undo() {
        let reverse = |transaction| WalletOp::Reverse {
            key: format!("k#{transaction}"),
            transaction,
            amount: Credits::whole(3),
        };
        let done = WalletAnswer { seq: 9, amount: Credits::whole(3), ..WalletAnswer::default() };
        let outcomes = [refused(1), WalletOutcome::Done(Box::new(done))];
        let finished = pending(vec![reverse(2), reverse(1)]).finish(&outcomes, Timestamp::EPOCH).unwrap();
        let named = &finished.fact.unwrap().body.named;
        assert_eq!((named[0].seq, named[0].reverses), (9, 1));
    }

    #[test]
    fn what_parts_charged_has_not_leaked_when_the_hold_is_gone() {
        const HOLD_CLOSED: i32 = 9;
        let release = WalletOp::Release { key: "e".into(), hold: "hd_1".into() };
        let mut pending = pending(vec![release]);
        pending.fact.body.price_credits = Some(Credits::whole(10));
        pending.settling = Some(Settling {
            state: AuthorizationState::Settled,
            totals: Totals { charged: Credits::whole(8), ..Totals::default() },
            is_recorded: true,
        });
        let finished = pending.finish(&[refused(HOLD_CLOSED)], Timestamp::EPOCH).unwrap();
        let leaked = finished.fact.unwrap().sums.leaked_micros;
        assert_eq!(leaked, Credits::whole(2).micros());
    }
}
