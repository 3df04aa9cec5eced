//! A transaction as a message: every field that enters its hash, so that a stranger can recompute it.

use chit_api::types::v1 as types;
use chit_api::wallet::v1 as proto;
use chit_rpc::{credits_to_proto, origin_to_proto, timestamp_to_proto};
use chit_types::{Credits, Shard, TransactionKind};

use super::resources::{grant_id_to_proto, hold_id_to_proto, source_to_proto};
use crate::domain::{GrantTerms, HoldTerms, Posting, Text, Transaction};

/// A transaction of a wallet in `shard`. A field that the encoding leaves out is unset, or zero, here.
pub fn transaction_to_proto(shard: Shard, transaction: &Transaction) -> proto::Transaction {
    let t = transaction;
    proto::Transaction {
        wallet_id: t.wallet.0.to_vec().into(),
        seq: t.seq,
        kind: kind_to_proto(t.kind),
        origin: origin_to_proto(t.origin).into(),
        at: Some(timestamp_to_proto(t.at)),
        key_hash: t.key.0.to_vec().into(),
        fingerprint: t.fingerprint.0.to_vec().into(),
        amount: Some(credits_to_proto(t.amount)),
        available: Some(credits_to_proto(t.available)),
        held: Some(credits_to_proto(t.held)),
        owed: Some(credits_to_proto(t.owed)),
        postings: postings_to_proto(shard, &t.postings),
        event_type: t.event_type.clone(),
        hold_id: t.hold.map(|id| hold_id_to_proto(shard, id)).unwrap_or_default(),
        reverses: t.reverses.unwrap_or_default(),
        text_hash: t.text_hash.map(|hash| hash.0.to_vec().into()).unwrap_or_default(),
        grants: t.grants.iter().map(|terms| terms_to_proto(shard, terms)).collect(),
        hold: t.hold_terms.as_ref().map(hold_terms_to_proto),
        committed: t.committed.map(credits_to_proto),
        forgiven: unless_zero(t.forgiven),
        waived: unless_zero(t.waived),
        late: t.late,
        closed_hold: t.closed_hold,
        grant_id: t.grant.map(|id| grant_id_to_proto(shard, id)).unwrap_or_default(),
        counterpart: None,
        claimed: unless_zero(t.claimed),
        shortfall: t.shortfall.map_or(0, |shortfall| shortfall as i32),
        hash: t.hash.0.to_vec().into(),
        text: t.text.as_ref().map(text_to_proto),
    }
}

/// Both sides number kinds alike.
pub fn kind_to_proto(kind: TransactionKind) -> i32 {
    i32::from(kind.number())
}

fn unless_zero(credits: Credits) -> Option<types::Credits> {
    (!credits.is_zero()).then(|| credits_to_proto(credits))
}

fn postings_to_proto(shard: Shard, postings: &[Posting]) -> Vec<proto::Posting> {
    let numbered = (1..).zip(postings);
    numbered
        .map(|(ordinal, posting)| proto::Posting {
            ordinal,
            from: i32::from(posting.from.number()),
            to: i32::from(posting.to.number()),
            amount: Some(credits_to_proto(posting.amount)),
            grant_id: posting.grant.map(|id| grant_id_to_proto(shard, id)).unwrap_or_default(),
            to_grant_id: posting.to_grant.map(|id| grant_id_to_proto(shard, id)).unwrap_or_default(),
            hold_id: posting.hold.map(|id| hold_id_to_proto(shard, id)).unwrap_or_default(),
            owed_seq: posting.owed_seq.unwrap_or_default(),
        })
        .collect()
}

fn terms_to_proto(shard: Shard, terms: &GrantTerms) -> proto::GrantTerms {
    proto::GrantTerms {
        grant_id: grant_id_to_proto(shard, terms.id),
        source: source_to_proto(terms.source),
        amount: Some(credits_to_proto(terms.amount)),
        priority: i32::from(terms.priority),
        effective_at: Some(timestamp_to_proto(terms.effective_at)),
        expires_at: terms.expires_at.map(timestamp_to_proto),
        event_types: terms.event_types.clone(),
        cost_basis: terms.cost_basis,
        owed_policy: i32::from(terms.owed_policy.number()),
        period_end: terms.period_end.map(timestamp_to_proto),
        rollover: terms.rollover,
        paid_nanos: terms.paid.as_ref().map_or(0, |paid| paid.nanos),
        paid_currency: terms.paid.as_ref().map(|paid| paid.currency.clone()).unwrap_or_default(),
    }
}

fn hold_terms_to_proto(terms: &HoldTerms) -> proto::HoldTerms {
    proto::HoldTerms {
        expires_at: Some(timestamp_to_proto(terms.expires_at)),
        grace_seconds: i64::try_from(terms.grace.as_secs()).expect("a grace is at most ten minutes"),
        created_at: Some(timestamp_to_proto(terms.created_at)),
    }
}

fn text_to_proto(text: &Text) -> proto::TransactionText {
    proto::TransactionText {
        salt: text.salt.to_vec().into(),
        reference: text.reference.clone(),
        description: text.description.clone(),
        metadata: text.metadata.clone(),
        subjects: text.subjects.clone(),
    }
}
