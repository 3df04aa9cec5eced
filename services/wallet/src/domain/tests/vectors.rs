//! The vectors of `docs/canonical-encoding.md`, which is the contract with everybody who verifies a ledger: what is
//! written there is what is hashed, byte for byte.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use chit_types::{
    Account, Credits, Fingerprint, Hash, IdKind, KeyHash, Origin, PublicId, SeededIds, Shard, ShardCount,
    Timestamp, TransactionKind, WalletId, key_hash, shard_of,
};

use crate::domain::encoding::Booked;
use crate::domain::encoding::{
    booking_fingerprint, booking_key, encode, fingerprint, hash, kind_of, text_hash,
};
use crate::domain::operation::{NewGrant, OnInsufficient, RevokeShortfall};
use crate::domain::{
    Changes, Context, Details, Envelope, GrantId, GrantSource, GrantTerms, HoldId, HoldTerms, Operation,
    OwedPolicy, Paid, Posting, Settings, Text, Transaction, Wallet, WalletState, apply,
};

const DOC: &str = include_str!("../../../../../docs/canonical-encoding.md");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        write!(text, "{b:02x}").unwrap();
        text
    })
}

/// The hex digits of the block that begins with this name; what follows a `#` is for people.
fn block(name: &str) -> String {
    let (_, after) = DOC.split_once(&format!("```hex {name}\n")).unwrap_or_else(|| panic!("no block {name}"));
    let (inside, _) = after.split_once("```").unwrap();
    let lines = inside.lines().map(|line| line.split('#').next().unwrap());
    lines.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect()
}

fn check(name: &str, bytes: &[u8]) {
    assert_eq!(block(name), hex(bytes), "{name}");
}

fn grant_of_four() -> (Operation, Details) {
    let new = NewGrant {
        amount: Credits::whole(4),
        source: GrantSource::Purchase,
        priority: 100,
        effective_at: None,
        expires_at: None,
        event_types: Vec::new(),
        paid: Some(Paid { nanos: 2_000_000_000, currency: "EUR".to_owned() }),
        cost_basis: 500_000_000,
        owed_policy: OwedPolicy::RepayFirst,
        period_end: None,
    };
    let details = Details {
        reference: "order-77".to_owned(),
        metadata: BTreeMap::from([("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())]),
        ..Details::default()
    };
    (Operation::Grant(new), details)
}

fn deduct_of_six() -> (Operation, Details) {
    let operation = Operation::Deduct { amount: Credits::whole(6), on_insufficient: OnInsufficient::Record };
    let details = Details { event_type: "chat.reply".to_owned(), ..Details::default() };
    (operation, details)
}

/// A wallet of two transactions: a grant of 4, and a deduct of 6 that owes 2.
fn ledger() -> Vec<Transaction> {
    let wallet = Wallet::new("dev", "user_123", "credits", Shard(0), Timestamp::EPOCH);
    let (mut state, mut changes, ids) = (WalletState::of(wallet), Changes::default(), SeededIds::default());
    let asked = [("order-77", grant_of_four()), ("msg-5", deduct_of_six())];
    for (second, (key, (operation, details))) in (1_800_000_000..).zip(asked) {
        let envelope = Envelope {
            origin: Origin::Client,
            may_override: false,
            key: key_hash(Origin::Client, kind_of(&operation), key, 0),
            fingerprint: fingerprint(&operation, &details.event_type),
            details,
            operation,
        };
        let context = Context {
            now: Timestamp::from_seconds(second),
            settings: Arc::new(Settings::default()),
            ids: &ids,
            wallet_exists: second > 1_800_000_000,
        };
        apply(&mut state, &envelope, &context, &mut changes).unwrap();
    }
    changes.transactions
}

/// Not a transaction that could be: every field is set, so that each is pinned.
fn everything() -> Transaction {
    let at = Timestamp::from_seconds;
    Transaction {
        wallet: WalletId::of("dev", "user_123", "credits"),
        seq: 3,
        kind: TransactionKind::Commit,
        origin: Origin::Metering,
        at: at(1_800_000_002),
        key: KeyHash([0x11; 16]),
        fingerprint: Fingerprint([0x22; 17]),
        amount: Credits::from_micros(-1),
        available: Credits::from_micros(2),
        held: Credits::from_micros(3),
        owed: Credits::from_micros(4),
        postings: vec![Posting {
            from: Account::Spent,
            to: Account::Available,
            amount: Credits::from_micros(5),
            grant: Some(GrantId([0x33; 16])),
            to_grant: Some(GrantId([0x44; 16])),
            hold: Some(HoldId([0x55; 16])),
            owed_seq: Some(2),
        }],
        event_type: "é".to_owned(),
        hold: Some(HoldId([0x55; 16])),
        reverses: Some(2),
        text_hash: Some(Hash([0x66; 32])),
        grants: vec![GrantTerms {
            id: GrantId([0x44; 16]),
            source: GrantSource::Rollover,
            amount: Credits::from_micros(6),
            priority: 99,
            effective_at: at(1),
            expires_at: Some(at(2)),
            event_types: vec!["a".to_owned(), "bc".to_owned()],
            cost_basis: 7,
            owed_policy: OwedPolicy::Only,
            period_end: Some(at(3)),
            rollover: true,
            paid: Some(Paid { nanos: 8, currency: "USD".to_owned() }),
        }],
        hold_terms: Some(HoldTerms { expires_at: at(4), grace: Duration::from_secs(60), created_at: at(5) }),
        committed: Some(Credits::ZERO),
        forgiven: Credits::from_micros(9),
        waived: Credits::from_micros(10),
        late: true,
        closed_hold: true,
        grant: Some(GrantId([0x33; 16])),
        claimed: Credits::from_micros(11),
        shortfall: Some(RevokeShortfall::Owe),
        hash: Hash([0; 32]),
        text: None,
    }
}

#[test]
fn names_hash_as_documented() {
    let id = WalletId::of("dev", "user_123", "credits");
    check("wallet-id", &id.0);
    check("genesis", &Hash::of(&[&id.0]).0);
    let shard = shard_of("dev", "user_123", ShardCount::DEFAULT);
    assert!(DOC.contains(&format!("is {} of 256", shard.0)), "{shard:?}");
    check("key-hash", &key_hash(Origin::Client, TransactionKind::Deduct, "msg-5", 0).0);
    let hold = Booked::Hold(HoldId([0x55; 16]));
    check("booking-key", &booking_key(TransactionKind::ExpireHold, hold).0);
    check("booking-fingerprint", &booking_fingerprint(TransactionKind::ExpireHold, hold).0);
}

#[test]
fn ids_are_written_as_documented() {
    let ledger = ledger();
    let public = PublicId {
        kind: IdKind::Grant,
        shard: shard_of("dev", "user_123", ShardCount::DEFAULT),
        uuid: ledger[0].grants[0].id.0,
    };
    assert!(DOC.contains(&format!("`{public}`")), "{public}");
    check("grant-id", &public.uuid);
}

#[test]
fn fingerprints_are_made_as_documented() {
    let (grant, _) = grant_of_four();
    check("grant-fingerprint", &fingerprint(&grant, "").0);
    let (deduct, details) = deduct_of_six();
    check("deduct-fingerprint", &fingerprint(&deduct, &details.event_type).0);
}

#[test]
fn a_ledger_hashes_as_documented() {
    let ledger = ledger();
    let text = ledger[0].text.as_ref().unwrap();
    check("text-salt", &text.salt);
    check("text-hash", &text_hash(text).0);
    check("transaction-1", &encode(&ledger[0]));
    check("transaction-1-hash", &ledger[0].hash.0);
    check("transaction-2", &encode(&ledger[1]));
    check("transaction-2-hash", &ledger[1].hash.0);
    assert_eq!(ledger[1].hash, hash(&ledger[0].hash, &ledger[1]));
}

#[test]
fn every_field_is_encoded_as_documented() {
    check("everything", &encode(&everything()));
}

#[test]
fn what_is_not_set_is_left_out_of_the_text_hash() {
    let text = Text { salt: [0x77; 16], subjects: vec!["seat-1".to_owned()], ..Text::default() };
    check("subjects-hash", &text_hash(&text).0);
}
