//! A transaction and its postings, as they are stored, hashed and listed.

use std::collections::BTreeMap;
use std::time::Duration;

use chit_types::{
    Account, Credits, Fingerprint, Hash, KeyHash, Origin, Timestamp, TransactionKind, WalletId,
};

use super::grant::{GrantId, GrantSource, OwedPolicy, Paid};
use super::hold::HoldId;
use super::operation::RevokeShortfall;

/// One leg: `amount` moves from one account to another. Its ordinal is its place in the transaction,
/// from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Where it leaves.
    pub from: Account,
    /// Where it goes.
    pub to: Account,
    /// Above zero.
    pub amount: Credits,
    /// The grant it leaves, or goes to where it leaves none.
    pub grant: Option<GrantId>,
    /// The grant it goes to, where it leaves another.
    pub to_grant: Option<GrantId>,
    /// The hold it touches.
    pub hold: Option<HoldId>,
    /// The transaction whose debt it raises or lowers. While a hold is open its borrowed part has none.
    pub owed_seq: Option<i64>,
}

/// What is fixed of a grant when it opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantTerms {
    /// Its id.
    pub id: GrantId,
    /// Where it came from.
    pub source: GrantSource,
    /// What was granted.
    pub amount: Credits,
    /// Lower is spent first.
    pub priority: u16,
    /// When it becomes available.
    pub effective_at: Timestamp,
    /// `None` means never.
    pub expires_at: Option<Timestamp>,
    /// Event types it may be spent on.
    pub event_types: Vec<String>,
    /// In 1e-9 of the reporting currency per credit.
    pub cost_basis: i64,
    /// How it meets what is owed.
    pub owed_policy: OwedPolicy,
    /// End of its period.
    pub period_end: Option<Timestamp>,
    /// It holds credits rolled over.
    pub rollover: bool,
    /// What was paid.
    pub paid: Option<Paid>,
}

/// What is fixed of a hold by a Reserve or ExtendHold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldTerms {
    /// When it runs out.
    pub expires_at: Timestamp,
    /// How long after that a Commit is still normal. Whole seconds.
    pub grace: Duration,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Free text: outside the chain, behind a salted hash, so that it can be erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// 16 random bytes.
    pub salt: [u8; 16],
    /// The caller's reference.
    pub reference: String,
    /// The description.
    pub description: String,
    /// The metadata.
    pub metadata: BTreeMap<String, String>,
    /// The subjects.
    pub subjects: Vec<String>,
}

/// One accepted, immutable change of a wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The wallet.
    pub wallet: WalletId,
    /// 1, 2, 3 … without gaps.
    pub seq: i64,
    /// What it did.
    pub kind: TransactionKind,
    /// Who asked.
    pub origin: Origin,
    /// When it was decided.
    pub at: Timestamp,
    /// The idempotency key.
    pub key: KeyHash,
    /// The content.
    pub fingerprint: Fingerprint,
    /// What the operation asked for, or moved where it names no amount. Negative for an Adjust down.
    pub amount: Credits,
    /// Available after it.
    pub available: Credits,
    /// Held after it.
    pub held: Credits,
    /// Owed after it.
    pub owed: Credits,
    /// Its legs.
    pub postings: Vec<Posting>,
    /// The operation's event type; empty for none.
    pub event_type: String,
    /// The hold it made, changed or ended.
    pub hold: Option<HoldId>,
    /// The transaction it reverses.
    pub reverses: Option<i64>,
    /// Hash over salt and text.
    pub text_hash: Option<Hash>,
    /// Grants it opened.
    pub grants: Vec<GrantTerms>,
    /// What it fixed of a hold.
    pub hold_terms: Option<HoldTerms>,
    /// The hold's committed total after it.
    pub committed: Option<Credits>,
    /// What CAP left uncharged for good.
    pub forgiven: Credits,
    /// What a revocation did not take.
    pub waived: Credits,
    /// A Commit after its hold ran out.
    pub late: bool,
    /// It closed its hold.
    pub closed_hold: bool,
    /// The grant it concerns, for kinds that open none.
    pub grant: Option<GrantId>,
    /// Credits of a revoked grant in open holds that it claims.
    pub claimed: Credits,
    /// What it does with credits of a revoked grant that were, or will be, spent.
    pub shortfall: Option<RevokeShortfall>,
    /// SHA-256 over the previous hash and its encoding.
    pub hash: Hash,
    /// The text behind `text_hash`; `None` where there is none or it was erased.
    pub text: Option<Text>,
}
