//! What hashes and fingerprints are made of. `docs/canonical-encoding.md` is the specification; field numbers are
//! those of the contract's messages.

use chit_types::{Encoder, Fingerprint, Hash, KeyHash, Origin, TransactionKind, key_hash};

use super::grant::{GrantId, Paid};
use super::hold::HoldId;
use super::operation::{CommitClose, NewGrant, Operation, Renewal};
use super::transaction::{GrantTerms, HoldTerms, Posting, Text, Transaction};

/// The canonical encoding of a transaction: everything in it but its own hash and its text.
#[must_use]
pub fn encode(t: &Transaction) -> Vec<u8> {
    let mut e = Encoder::new();
    e.bytes(1, &t.wallet.0)
        .int(2, t.seq)
        .int(3, i64::from(t.kind.number()))
        .int(4, i64::from(t.origin.number()))
        .int(5, t.at.micros())
        .bytes(6, &t.key.0)
        .bytes(7, &t.fingerprint.0)
        .int(8, t.amount.micros())
        .int(9, t.available.micros())
        .int(10, t.held.micros())
        .int(11, t.owed.micros())
        .list(12, t.postings.iter().enumerate().map(|(index, posting)| encode_posting(index, posting)))
        .text_if_set(13, &t.event_type)
        .bytes_if_set(14, t.hold.as_ref().map(|h| &h.0[..]))
        .int_if_set(15, t.reverses)
        .bytes_if_set(16, t.text_hash.as_ref().map(|h| &h.0[..]))
        .list(17, t.grants.iter().map(encode_grant))
        .bytes_if_set(18, t.hold_terms.as_ref().map(encode_hold).as_deref())
        .int_if_set(19, t.committed.map(|c| c.micros()))
        .int_if_set(20, above_zero(t.forgiven.micros()))
        .int_if_set(21, above_zero(t.waived.micros()))
        .int_if_set(22, t.late.then_some(1))
        .int_if_set(23, t.closed_hold.then_some(1))
        .bytes_if_set(24, t.grant.as_ref().map(|g| &g.0[..]))
        .int_if_set(26, above_zero(t.claimed.micros()))
        .int_if_set(27, t.shortfall.map(|s| s as i64));
    e.finish()
}

fn above_zero(value: i64) -> Option<i64> {
    (value != 0).then_some(value)
}

fn encode_posting(index: usize, p: &Posting) -> Vec<u8> {
    let mut e = Encoder::nested();
    e.int(1, i64::try_from(index + 1).expect("postings are few"))
        .int(2, i64::from(p.from.number()))
        .int(3, i64::from(p.to.number()))
        .int(4, p.amount.micros())
        .bytes_if_set(5, p.grant.as_ref().map(|g| &g.0[..]))
        .bytes_if_set(6, p.to_grant.as_ref().map(|g| &g.0[..]))
        .bytes_if_set(7, p.hold.as_ref().map(|h| &h.0[..]))
        .int_if_set(8, p.owed_seq);
    e.finish()
}

fn encode_grant(g: &GrantTerms) -> Vec<u8> {
    let mut e = Encoder::nested();
    e.bytes(1, &g.id.0)
        .int(2, i64::from(g.source.number()))
        .int(3, g.amount.micros())
        .int(4, i64::from(g.priority))
        .int(5, g.effective_at.micros())
        .int_if_set(6, g.expires_at.map(|t| t.micros()))
        .list(7, &g.event_types)
        .int(8, g.cost_basis)
        .int(9, i64::from(g.owed_policy.number()))
        .int_if_set(10, g.period_end.map(|t| t.micros()))
        .int_if_set(11, g.rollover.then_some(1));
    encode_paid(&mut e, 12, g.paid.as_ref());
    e.finish()
}

fn encode_paid(e: &mut Encoder, number: u16, paid: Option<&Paid>) {
    if let Some(paid) = paid {
        e.int(number, paid.nanos).text(number + 1, &paid.currency);
    }
}

fn encode_hold(h: &HoldTerms) -> Vec<u8> {
    let mut e = Encoder::nested();
    let grace = i64::try_from(h.grace.as_secs()).expect("a grace is minutes");
    e.int(1, h.expires_at.micros()).int(2, grace).int(3, h.created_at.micros());
    e.finish()
}

/// The hash of a transaction, given that of the one before it.
#[must_use]
pub fn hash(previous: &Hash, transaction: &Transaction) -> Hash {
    Hash::of(&[&previous.0, &encode(transaction)])
}

/// The hash that stands for free text in the chain.
#[must_use]
pub fn text_hash(text: &Text) -> Hash {
    let mut e = Encoder::new();
    e.text_if_set(2, &text.reference)
        .text_if_set(3, &text.description)
        .map(4, text.metadata.iter().map(|(k, v)| (k.as_str(), v.as_str())))
        .list(5, &text.subjects);
    Hash::of(&[&text.salt, &e.finish()])
}

/// The fingerprint of what a caller asked: what moves credits, not how to handle it and no free text.
#[must_use]
pub fn fingerprint(operation: &Operation, event_type: &str) -> Fingerprint {
    let mut e = Encoder::new();
    e.int(1, i64::from(kind_of(operation).number())).text_if_set(2, event_type);
    match operation {
        Operation::Grant(new) => fingerprint_grant(&mut e, new),
        Operation::Renew(renewal) => fingerprint_renewal(&mut e, renewal),
        Operation::Revoke { grant, amount, shortfall } => {
            e.bytes(3, &grant.0).int_if_set(4, amount.map(|a| a.micros())).int(5, *shortfall as i64);
        }
        Operation::Reserve { amount, ttl: _ } => {
            e.int(4, amount.micros());
        }
        Operation::Extend { hold, amount, ttl } => {
            let ttl = ttl.map(|t| i64::try_from(t.as_micros()).unwrap_or(i64::MAX));
            e.bytes(3, &hold.0).int(4, amount.micros()).int_if_set(5, ttl);
        }
        Operation::Commit { hold, total, close, on_overrun: _ } => {
            e.bytes(3, &hold.0).int(4, total.micros()).int(5, i64::from(*close == CommitClose::Final));
        }
        Operation::Release { hold } => {
            e.bytes(3, &hold.0);
        }
        Operation::Deduct { amount, on_insufficient: _ }
        | Operation::Adjust { amount }
        | Operation::WriteOff { amount } => {
            e.int(4, amount.micros());
        }
        Operation::Reverse { transaction, amount } => {
            e.int(3, *transaction).int_if_set(4, amount.map(|a| a.micros()));
        }
    }
    e.fingerprint()
}

fn fingerprint_grant(e: &mut Encoder, new: &NewGrant) {
    e.int(3, i64::from(new.source.number()))
        .int(4, new.amount.micros())
        .int(5, i64::from(new.priority))
        .int_if_set(6, new.effective_at.map(|t| t.micros()))
        .int_if_set(7, new.expires_at.map(|t| t.micros()))
        .list(8, &new.event_types)
        .int(9, new.cost_basis)
        .int(10, i64::from(new.owed_policy.number()))
        .int_if_set(11, new.period_end.map(|t| t.micros()));
    encode_paid(e, 12, new.paid.as_ref());
}

fn fingerprint_renewal(e: &mut Encoder, renewal: &Renewal) {
    e.bytes(3, &renewal.grant.0)
        .int(4, renewal.amount.micros())
        .int(5, renewal.period_end.micros())
        .int_if_set(6, renewal.expires_at.map(|t| t.micros()))
        .int(7, renewal.rollover_cap.micros())
        .int_if_set(8, renewal.roll_again.then_some(1))
        .int(9, renewal.cost_basis)
        .int(10, i64::from(renewal.owed_policy.number()));
    encode_paid(e, 12, renewal.paid.as_ref());
}

/// The kind of transaction an operation makes.
#[must_use]
pub fn kind_of(operation: &Operation) -> TransactionKind {
    match operation {
        Operation::Grant(_) => TransactionKind::Grant,
        Operation::Renew(_) => TransactionKind::Renew,
        Operation::Revoke { .. } => TransactionKind::Revoke,
        Operation::Reserve { .. } => TransactionKind::Reserve,
        Operation::Extend { .. } => TransactionKind::Extend,
        Operation::Commit { .. } => TransactionKind::Commit,
        Operation::Release { .. } => TransactionKind::Release,
        Operation::Deduct { .. } => TransactionKind::Deduct,
        Operation::Adjust { .. } => TransactionKind::Adjust,
        Operation::WriteOff { .. } => TransactionKind::WriteOff,
        Operation::Reverse { .. } => TransactionKind::Reverse,
    }
}

/// What a booking of the wallet's own concerns.
#[derive(Clone, Copy, Debug)]
pub enum Booked {
    /// A grant.
    Grant(GrantId),
    /// A hold.
    Hold(HoldId),
}

impl Booked {
    fn bytes(&self) -> &[u8; 16] {
        match self {
            Booked::Grant(id) => &id.0,
            Booked::Hold(id) => &id.0,
        }
    }
}

/// The key of a booking: made of what it concerns, so that whoever books it meets the same row.
#[must_use]
pub fn booking_key(kind: TransactionKind, booked: Booked) -> KeyHash {
    let hex: String = booked.bytes().iter().map(|b| format!("{b:02x}")).collect();
    key_hash(Origin::System, kind, &hex, 0)
}

/// The fingerprint of a booking.
#[must_use]
pub fn booking_fingerprint(kind: TransactionKind, booked: Booked) -> Fingerprint {
    let mut e = Encoder::new();
    e.int(1, i64::from(kind.number())).bytes(3, booked.bytes());
    e.fingerprint()
}
