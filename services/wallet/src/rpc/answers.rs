//! Answers of mutations, built from what the transaction did and the wallet as it is now. What it did is read from its
//! postings, for a first answer and a repeated one alike: that is why they are equal.

use chit_api::types::v1 as types;
use chit_api::wallet::v1 as proto;
use chit_rpc::credits_to_proto;
use chit_types::{Account, Credits, Hash, Shard};

use super::convert::{
    Mutation, balance_to_proto, grant_id_to_proto, grant_to_proto, hold_to_proto, source_to_proto,
};
use crate::domain::explain::Effect;
use crate::domain::{Grant, GrantId, Hold, Transaction, Wallet};

/// Everything an answer is told from.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Where the wallet lives.
    pub shard: Shard,
    /// As it is now.
    pub wallet: &'a Wallet,
    /// What was done; `None` where nothing changed.
    pub transaction: Option<&'a Transaction>,
    /// What its postings sum to.
    pub effect: &'a Effect,
    /// The hold it concerns, as it is now.
    pub hold: Option<&'a Hold>,
    /// Grants that it names and that are not open any more.
    pub closed_grants: &'a [Grant],
    /// What reversals up to this one undid, for a reversal.
    pub reversed_total: Credits,
    /// The key was used before.
    pub replayed: bool,
    /// The wallet's hash after the transaction.
    pub hash: Hash,
}

/// A mutation and what answers it.
pub trait Answered: Mutation {
    /// The answer's message.
    type Answer: Send + 'static;

    /// Builds it.
    fn answer(told: &Told<'_>) -> Self::Answer;
    /// As the answer to one operation of a batch or stream.
    fn result(answer: Self::Answer) -> proto::operation_result::Result;
}

/// Grants that an answer names beside those that are open in the wallet.
pub fn grants_to_look_up(transaction: &Transaction, effect: &Effect, wallet: &Wallet) -> Vec<GrantId> {
    let drawn = effect.draws.iter().chain(&effect.returns).map(|(id, _)| *id);
    let opened = transaction.grants.iter().map(|terms| terms.id);
    let mut missing: Vec<GrantId> = Vec::new();
    for id in drawn.chain(opened).chain(transaction.grant) {
        if !missing.contains(&id) && !wallet.grants.iter().any(|grant| grant.id == id) {
            missing.push(id);
        }
    }
    missing
}

impl<'a> Told<'a> {
    fn outcome(&self) -> Option<proto::Outcome> {
        let event_type = match (self.transaction, self.hold) {
            (_, Some(hold)) => hold.event_type.as_str(),
            (Some(transaction), None) => transaction.event_type.as_str(),
            (None, None) => "",
        };
        Some(proto::Outcome {
            transaction: self.transaction.map_or(0, |transaction| transaction.seq),
            replayed: self.replayed,
            balance: Some(balance_to_proto(self.wallet, event_type)),
            hash: self.hash.0.to_vec().into(),
        })
    }

    fn grant(&self, id: GrantId) -> Option<&'a Grant> {
        let mut known = self.wallet.grants.iter().chain(self.closed_grants);
        known.find(|grant| grant.id == id)
    }

    fn grant_message(&self, id: GrantId) -> Option<proto::CreditGrant> {
        let opened_here =
            self.transaction.filter(|transaction| transaction.grants.iter().any(|terms| terms.id == id));
        let text = opened_here.and_then(|transaction| transaction.text.as_ref());
        let reference = text.map_or("", |text| text.reference.as_str());
        self.grant(id).map(|grant| grant_to_proto(self.shard, grant, reference))
    }

    /// The grant it opened: the rollover lot, or the other.
    fn opened(&self, rollover: Opened) -> Option<proto::CreditGrant> {
        let mut terms = self.transaction?.grants.iter();
        let wanted = rollover == Opened::Rollover;
        let opened = terms.find(|terms| terms.rollover == wanted)?;
        self.grant_message(opened.id)
    }

    fn hold_message(&self) -> Option<proto::Hold> {
        self.hold.map(|hold| hold_to_proto(self.shard, hold))
    }

    fn fact(&self, of: impl FnOnce(&Transaction) -> Credits) -> Option<types::Credits> {
        Some(credits_to_proto(self.transaction.map_or(Credits::ZERO, of)))
    }

    fn shares(&self, shares: &[(GrantId, Credits)]) -> Vec<proto::Draw> {
        let shares = shares.iter();
        shares.map(|(id, amount)| share_to_proto(self.shard, *id, *amount, self.grant(*id))).collect()
    }
}

fn amount(credits: Credits) -> Option<types::Credits> {
    Some(credits_to_proto(credits))
}

/// What a renewal moved to the rollover lot.
fn rolled(transaction: &Transaction) -> Credits {
    let moves = transaction.postings.iter();
    let to_rollover = moves.filter(|p| p.from == Account::Available && p.to == Account::Available);
    to_rollover.map(|p| p.amount).sum()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Opened {
    Main,
    Rollover,
}

/// A share of one grant, with where that grant came from.
pub fn share_to_proto(shard: Shard, id: GrantId, amount: Credits, grant: Option<&Grant>) -> proto::Draw {
    proto::Draw {
        grant_id: grant_id_to_proto(shard, id),
        amount: Some(credits_to_proto(amount)),
        cost_basis: grant.map_or(0, |grant| grant.cost_basis),
        source: grant.map_or(0, |grant| source_to_proto(grant.source)),
    }
}

impl Answered for proto::GrantRequest {
    type Answer = proto::GrantResponse;

    fn answer(told: &Told<'_>) -> proto::GrantResponse {
        proto::GrantResponse {
            outcome: told.outcome(),
            grant: told.opened(Opened::Main),
            repaid: amount(told.effect.repaid),
        }
    }

    fn result(answer: proto::GrantResponse) -> proto::operation_result::Result {
        proto::operation_result::Result::Grant(answer)
    }
}

impl Answered for proto::RenewGrantRequest {
    type Answer = proto::RenewGrantResponse;

    fn answer(told: &Told<'_>) -> proto::RenewGrantResponse {
        proto::RenewGrantResponse {
            outcome: told.outcome(),
            grant: told.opened(Opened::Main),
            rollover: told.opened(Opened::Rollover),
            rolled: told.fact(rolled),
            expired: amount(told.effect.expired),
        }
    }

    fn result(answer: proto::RenewGrantResponse) -> proto::operation_result::Result {
        proto::operation_result::Result::RenewGrant(answer)
    }
}

impl Answered for proto::RevokeGrantRequest {
    type Answer = proto::RevokeGrantResponse;

    fn answer(told: &Told<'_>) -> proto::RevokeGrantResponse {
        proto::RevokeGrantResponse {
            outcome: told.outcome(),
            grant: told
                .transaction
                .and_then(|transaction| transaction.grant)
                .and_then(|id| told.grant_message(id)),
            revoked: amount(told.effect.revoked),
            claimed: told.fact(|transaction| transaction.claimed),
            waived: told.fact(|transaction| transaction.waived),
        }
    }

    fn result(answer: proto::RevokeGrantResponse) -> proto::operation_result::Result {
        proto::operation_result::Result::RevokeGrant(answer)
    }
}

impl Answered for proto::ReserveRequest {
    type Answer = proto::ReserveResponse;

    fn answer(told: &Told<'_>) -> proto::ReserveResponse {
        proto::ReserveResponse { outcome: told.outcome(), hold: told.hold_message() }
    }

    fn result(answer: proto::ReserveResponse) -> proto::operation_result::Result {
        proto::operation_result::Result::Reserve(answer)
    }
}

impl Answered for proto::ExtendHoldRequest {
    type Answer = proto::ExtendHoldResponse;

    fn answer(told: &Told<'_>) -> proto::ExtendHoldResponse {
        proto::ExtendHoldResponse { outcome: told.outcome(), hold: told.hold_message() }
    }

    fn result(answer: proto::ExtendHoldResponse) -> proto::operation_result::Result {
        proto::operation_result::Result::ExtendHold(answer)
    }
}

impl Answered for proto::CommitRequest {
    type Answer = proto::CommitResponse;

    fn answer(told: &Told<'_>) -> proto::CommitResponse {
        proto::CommitResponse {
            outcome: told.outcome(),
            hold: told.hold_message(),
            charged: amount(told.effect.spent - told.effect.unspent),
            committed: told.fact(|transaction| transaction.committed.unwrap_or_default()),
            owed_added: amount(told.effect.owed_added),
            forgiven: told.fact(|transaction| transaction.forgiven),
            late: told.transaction.is_some_and(|transaction| transaction.late),
            draws: told.shares(&told.effect.draws),
        }
    }

    fn result(answer: proto::CommitResponse) -> proto::operation_result::Result {
        proto::operation_result::Result::Commit(answer)
    }
}

impl Answered for proto::ReleaseRequest {
    type Answer = proto::ReleaseResponse;

    fn answer(told: &Told<'_>) -> proto::ReleaseResponse {
        proto::ReleaseResponse {
            outcome: told.outcome(),
            hold: told.hold_message(),
            released: amount(told.effect.released),
        }
    }

    fn result(answer: proto::ReleaseResponse) -> proto::operation_result::Result {
        proto::operation_result::Result::Release(answer)
    }
}

impl Answered for proto::DeductRequest {
    type Answer = proto::DeductResponse;

    fn answer(told: &Told<'_>) -> proto::DeductResponse {
        proto::DeductResponse {
            outcome: told.outcome(),
            deducted: amount(told.effect.spent - told.effect.unspent),
            owed_added: amount(told.effect.owed_added),
            forgiven: told.fact(|transaction| transaction.forgiven),
            draws: told.shares(&told.effect.draws),
        }
    }

    fn result(answer: proto::DeductResponse) -> proto::operation_result::Result {
        proto::operation_result::Result::Deduct(answer)
    }
}

impl Answered for proto::AdjustRequest {
    type Answer = proto::AdjustResponse;

    fn answer(told: &Told<'_>) -> proto::AdjustResponse {
        proto::AdjustResponse { outcome: told.outcome(), grant: told.opened(Opened::Main) }
    }

    fn result(answer: proto::AdjustResponse) -> proto::operation_result::Result {
        proto::operation_result::Result::Adjust(answer)
    }
}

impl Answered for proto::WriteOffRequest {
    type Answer = proto::WriteOffResponse;

    fn answer(told: &Told<'_>) -> proto::WriteOffResponse {
        proto::WriteOffResponse { outcome: told.outcome() }
    }

    fn result(answer: proto::WriteOffResponse) -> proto::operation_result::Result {
        proto::operation_result::Result::WriteOff(answer)
    }
}

impl Answered for proto::ReverseRequest {
    type Answer = proto::ReverseResponse;

    fn answer(told: &Told<'_>) -> proto::ReverseResponse {
        proto::ReverseResponse {
            outcome: told.outcome(),
            reversed: amount(told.effect.unspent),
            reversed_total: amount(told.reversed_total),
            returns: told.shares(&told.effect.returns),
        }
    }

    fn result(answer: proto::ReverseResponse) -> proto::operation_result::Result {
        proto::operation_result::Result::Reverse(answer)
    }
}
