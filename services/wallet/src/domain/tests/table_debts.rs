//! DEDUCT, ADJUST and WRITE_OFF: every case of the table of postings, and who may spend while in debt.

use std::sync::Arc;

use chit_types::{Credits, Origin, SeededIds, Shard, Timestamp, key_hash};

use super::script::check;
use crate::domain::encoding::{fingerprint, kind_of};
use crate::domain::wallet::Lot;
use crate::domain::{Changes, Context, Details, Envelope, Operation, Settings, Wallet, WalletState, apply};

#[test]
fn a_deduct_takes_what_is_spendable() {
    check(
        "grant 10
         deduct 4                 | available(G1)→spent(G1) 4
         deduct 7                 | refused: 7 credits are needed and 6 are spendable
         deduct 6                 | available(G1)→spent(G1) 6",
    );
}

#[test]
fn a_deduct_that_refuses_stays_within_the_overdraft() {
    check(
        "grant 3
         overdraft 5
         deduct 9                 | refused: 9 credits are needed and 3 are spendable
         deduct 8                 | available(G1)→spent(G1) 3, owed(#2)→spent 5
         deduct 1                 | refused: 1 credits are needed and 0 are spendable",
    );
}

#[test]
fn a_deduct_records_or_caps_what_is_missing() {
    check(
        "grant 3
         deduct 5 record          | available(G1)→spent(G1) 3, owed(#2)→spent 2",
    );
    check(
        "grant 3
         overdraft 5
         deduct 5 cap             | available(G1)→spent(G1) 3; forgiven 2
         deduct 5 cap             | nothing; forgiven 5
         totals                   | granted 3, spent 3",
    );
}

#[test]
fn in_debt_restricted_credits_may_cover_the_whole() {
    check(
        "grant 11 for chat
         grant 5 never
         deduct 8 record for image | available(G2)→spent(G2) 5, owed(#3)→spent 3
         deduct 2 for image       | refused: the wallet owes 3 credits beyond its overdraft limit; they are repaid by the next grant
         reserve 12 for chat      | refused: the wallet owes 3 credits beyond its overdraft limit; they are repaid by the next grant
         reserve 10 for chat      | available(G1)→held(H1,G1) 10
         deduct 1 for chat        | available(G1)→spent(G1) 1
         deduct 0                 | nothing
         reserve 0                | nothing",
    );
}

#[test]
fn a_correction_up_is_a_grant_of_its_own() {
    check(
        "deduct 4 record
         adjust 10                | issued→available(G1) 10, available(G1)→owed(#1) 4
         balances                 | available 6",
    );
}

#[test]
fn a_correction_down_takes_in_the_order_of_spending() {
    check(
        "grant 10
         grant 10 priority 1
         grant 10 for chat
         adjust -12               | available(G2)→revoked(G2) 10, available(G1)→revoked(G1) 2
         adjust -9                | refused: 9 credits cannot be taken out: 8 are spendable
         adjust -18 for chat      | available(G3)→revoked(G3) 10, available(G1)→revoked(G1) 8
         totals                   | granted 30, revoked 30",
    );
}

#[test]
fn a_write_off_forgives_the_oldest_lots() {
    check(
        "deduct 4 record
         deduct 5 record
         write_off 6              | issued→owed(#1) 4, issued→owed(#2) 2
         write_off 4              | refused: 4 credits cannot be written off: 3 are owed outside open holds
         write_off 3              | issued→owed(#2) 3
         totals                   | granted 9, spent 9",
    );
}

#[test]
fn what_a_hold_borrowed_is_not_written_off() {
    check(
        "overdraft 10
         reserve 10
         write_off 1              | refused: 1 credits cannot be written off: 0 are owed outside open holds",
    );
}

/// A stream that records while its customer owes makes a lot an event.
#[test]
fn one_transaction_repays_however_many_lots_there_are() {
    const LOTS: i64 = 70_000;
    let mut wallet = Wallet::new("dev", "user_123", "credits", Shard(1), Timestamp::EPOCH);
    let rest = Credits::from_micros(1);
    wallet.lots = (1..=LOTS).map(|seq| Lot { seq, rest }).collect();
    (wallet.head, wallet.owed, wallet.spent) = (LOTS, Credits::from_micros(LOTS), Credits::from_micros(LOTS));
    let operation = Operation::Adjust { amount: Credits::whole(1) };
    let envelope = Envelope {
        origin: Origin::Client,
        may_override: false,
        key: key_hash(Origin::Client, kind_of(&operation), "k", 0),
        fingerprint: fingerprint(&operation, ""),
        details: Details::default(),
        operation,
    };
    let context = Context {
        now: Timestamp::from_seconds(1),
        settings: Arc::new(Settings::default()),
        ids: &SeededIds::default(),
        wallet_exists: true,
    };
    let (mut state, mut changes) = (WalletState::of(wallet), Changes::default());
    apply(&mut state, &envelope, &context, &mut changes).unwrap();
    assert!(state.wallet.lots.is_empty() && state.wallet.owed.is_zero());
    let last = changes.repayments.last().unwrap();
    assert_eq!((last.owed_seq, last.ordinal), (LOTS, 70_001));
}
