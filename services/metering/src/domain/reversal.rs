//! Which of an event's charges a reversal undoes: the newest first.

use chit_types::{Credits, Encoder, Fingerprint, Timestamp};

use super::fact::{EventState, Fact, FactKind, state_after};
use super::names::wallet_key;
use super::pending::{Pending, WalletOp};
use super::refusal::Refusal;
use super::sums::Sums;

/// A reversal as the caller sent it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reverse {
    /// How much; none for all that is left.
    pub amount: Option<Credits>,
    /// The caller's key.
    pub key: String,
    /// Why.
    pub description: String,
}

impl Reverse {
    /// What the caller sent.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut encoder = Encoder::new();
        encoder
            .int_if_set(1, self.amount.map(Credits::micros))
            .text(2, &self.key)
            .text_if_set(3, &self.description);
        encoder.fingerprint()
    }

    /// Decides a reversal of the event with these facts.
    pub fn decide(&self, facts: &[Fact]) -> Result<Pending, Refusal> {
        let last = facts.last().expect("an event without facts is not found");
        let state = state_after(facts).unwrap_or(EventState::Refused);
        let charges = open_charges(facts);
        let left: Credits = charges.iter().map(|(_, left)| *left).sum();
        let is_closed = matches!(state, EventState::Settled | EventState::Reversed);
        if !is_closed || left.is_zero() {
            return Err(Refusal::EventState {
                event: last.event_id.clone(),
                state: state.word().to_string(),
            });
        }
        let required = self.amount.unwrap_or(left);
        if required > left {
            let sum = |sign: i64| {
                let of_sign = |micros: &i64| micros.signum() == sign;
                let micros = facts.iter().map(|fact| fact.sums.credits_micros).filter(of_sign);
                Credits::from_micros(micros.sum::<i64>() * sign)
            };
            return Err(Refusal::ReversalTooLarge { amount: sum(1), reversed: sum(-1), left, required });
        }
        Ok(self.pending(last, &charges, required))
    }

    fn pending(&self, last: &Fact, charges: &[(i64, Credits)], required: Credits) -> Pending {
        let mut fact = last.clone();
        fact.kind = FactKind::Reversed;
        fact.ordinal = 0;
        fact.sums = Sums::default();
        fact.body.named.clear();
        fact.body.draws.clear();
        fact.body.owed_added = None;
        fact.body.late = false;
        fact.body.refused = None;
        fact.body.hash.clear();
        fact.body.details.description.clone_from(&self.description);
        fact.body.step_fingerprint = self.fingerprint().to_string();
        fact.body.step_key.clone_from(&self.key);
        let mut rest = required;
        let mut operations = Vec::new();
        for (transaction, left) in charges.iter().rev() {
            let amount = rest.min(*left);
            if amount.is_positive() {
                operations.push(WalletOp::Reverse {
                    key: wallet_key(&fact.event_id, &format!("{}#{transaction}", self.key)),
                    transaction: *transaction,
                    amount,
                });
                rest -= amount;
            }
        }
        Pending {
            step: format!("reverse:{}", self.key),
            fact,
            operations,
            settling: None,
            would_cost: Credits::ZERO,
            stored_at: Timestamp::EPOCH,
        }
    }
}

/// Transactions that charged, in order, each with what is left of it. A final settlement below its parts
/// has lowered the newest ones.
fn open_charges(facts: &[Fact]) -> Vec<(i64, Credits)> {
    let mut charges: Vec<(i64, Credits)> = Vec::new();
    for named in facts.iter().flat_map(|fact| &fact.body.named) {
        if named.reverses > 0 {
            let charge = charges.iter_mut().find(|(seq, _)| *seq == named.reverses);
            if let Some((_, left)) = charge {
                *left += named.amount;
            }
        } else if named.amount.is_negative() {
            let mut returned = -named.amount;
            for (_, left) in charges.iter_mut().rev() {
                let part = returned.min(*left);
                *left -= part;
                returned -= part;
            }
        } else {
            charges.push((named.seq, named.amount));
        }
    }
    charges.retain(|(_, left)| left.is_positive());
    charges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fact::Named;

    fn fact(kind: FactKind, named: &[(i64, i64, i64)]) -> Fact {
        let mut fact = Fact { kind, ..Fact::default() };
        for (seq, whole, reverses) in named {
            let amount = Credits::whole(*whole);
            fact.sums.credits_micros += amount.micros();
            fact.body.named.push(Named { seq: *seq, amount, reverses: *reverses });
        }
        fact
    }

    #[test]
    fn the_newest_charge_is_undone_first_and_never_more_than_is_left() {
        let facts = [
            fact(FactKind::Part, &[(1, 10, 0)]),
            fact(FactKind::Settled, &[(2, 5, 0)]),
            fact(FactKind::Reversed, &[(3, -2, 2)]),
        ];
        let check = |amount: Option<i64>, expect: Option<&[(i64, i64)]>| {
            let reverse =
                Reverse { amount: amount.map(Credits::whole), key: "k".into(), ..Reverse::default() };
            let undone = reverse.decide(&facts).ok().map(|pending| {
                let of = |operation: WalletOp| match operation {
                    WalletOp::Reverse { transaction, amount, .. } => {
                        (transaction, amount.micros() / 1_000_000)
                    }
                    other => panic!("{other:?}"),
                };
                pending.operations.into_iter().map(of).collect::<Vec<_>>()
            });
            assert_eq!(undone.as_deref(), expect, "{amount:?}");
        };
        check(None, Some(&[(2, 3), (1, 10)]));
        check(Some(3), Some(&[(2, 3)]));
        check(Some(4), Some(&[(2, 3), (1, 1)]));
        check(Some(13), Some(&[(2, 3), (1, 10)]));
        check(Some(14), None);
    }

    #[test]
    fn what_was_never_charged_is_not_reversed() {
        for facts in [
            vec![fact(FactKind::Refused, &[])],
            vec![fact(FactKind::Part, &[(1, 10, 0)])],
            vec![fact(FactKind::Settled, &[(1, 10, 0)]), fact(FactKind::Reversed, &[(2, -10, 1)])],
        ] {
            assert!(matches!(Reverse::default().decide(&facts), Err(Refusal::EventState { .. })));
        }
    }
}
