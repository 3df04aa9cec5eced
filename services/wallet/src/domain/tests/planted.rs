//! Faults planted in what is stored of a sound wallet: verification finds each, and says what it concerns.

use chit_types::{Credits, Timestamp};

use super::desk::Desk;
use super::script;
use crate::domain::{GrantState, HoldState};

/// Spent, owed, repaid, reversed, held, part-committed, run out, expired and revoked: something of everything.
const STORY: &str = "grant 10 until 60
     deduct 14 record for chat
     grant 2
     grant 30
     reverse #2 3
     reserve 9 ttl 30
     commit H1 4 part
     reserve 5 ttl 5000 for chat
     reserve 0 ttl 6000
     grant 8 for chat
     revoke G4 1
     at 200
     deduct 1 record";

fn desk() -> Desk {
    script::check(STORY).desk
}

fn finds(check: &str, what: &str, plant: impl FnOnce(&mut Desk)) {
    let mut desk = desk();
    assert_eq!(desk.verify(), Vec::new(), "the story is sound");
    plant(&mut desk);
    let found = desk.verify();
    assert!(found.iter().any(|f| f.check == check), "{what}: {found:#?}");
}

fn one() -> Credits {
    Credits::from_micros(1)
}

#[test]
fn a_changed_history_is_found() {
    finds("hash", "an amount", |d| d.transactions[1].postings[0].amount += one());
    finds("balance", "an amount that moves balances", |d| {
        d.transactions[1].postings[0].amount += one();
    });
    finds("hash", "another event type", |d| {
        d.transactions[1].event_type = "image".to_owned();
    });
    finds("hash", "other terms", |d| d.transactions[0].grants[0].priority = 1);
    finds("hash", "an earlier time", |d| d.transactions[3].at = Timestamp::EPOCH);
    finds("sequence", "a missing row", |d| drop(d.transactions.remove(2)));
    finds("sequence", "a missing last row", |d| drop(d.transactions.pop()));
    finds("wallet", "a missing last row", |d| drop(d.transactions.pop()));
    finds("sequence", "a swapped pair", |d| d.transactions.swap(2, 3));
    finds("sequence", "a row that was added", |d| {
        let mut again = d.transactions[1].clone();
        again.seq = d.transactions.last().unwrap().seq + 1;
        d.transactions.push(again);
    });
    finds("reversal", "more reversed than spent", |d| {
        let reversal = d.transactions.iter_mut().find(|t| t.reverses.is_some()).unwrap();
        reversal.postings[0].amount = Credits::whole(15);
    });
}

#[test]
fn a_changed_row_of_the_wallet_is_found() {
    finds("wallet", "available", |d| d.wallet.available += one());
    finds("wallet", "spent", |d| d.wallet.spent += one());
    finds("wallet", "hash", |d| d.wallet.hash.0[0] ^= 1);
    finds("wallet", "time", |d| d.wallet.last_at = Timestamp::EPOCH);
    finds("sequence", "head", |d| d.wallet.head += 1);
}

#[test]
fn a_changed_grant_is_found() {
    finds("grant", "rest", |d| d.wallet.grants[0].rest += one());
    finds("grant", "held", |d| d.wallet.grants[0].held += one());
    finds("grant", "removed", |d| d.wallet.grants[0].removed += one());
    finds("grant", "amount", |d| d.wallet.grants[0].amount += one());
    finds("grant", "a life without end", |d| {
        d.grants.values_mut().for_each(|g| g.expires_at = None);
    });
    finds("grant", "another priority", |d| d.wallet.grants[0].priority = 1);
    finds("grant", "a wider use", |d| {
        d.wallet.grants.iter_mut().for_each(|g| g.event_types.clear());
    });
    finds("grant", "state", |d| d.wallet.grants[0].state = GrantState::Frozen);
    finds("grant", "renewed", |d| d.wallet.grants[0].renewed = true);
    finds("grant", "a row less", |d| {
        let grant = d.wallet.grants.pop().unwrap();
        d.grants.remove(&grant.id);
    });
}

#[test]
fn a_changed_hold_is_found() {
    let plant = |change: fn(&mut crate::domain::Hold)| {
        move |d: &mut Desk| {
            d.holds.values_mut().filter(|h| h.amount == Credits::whole(5)).for_each(change);
        }
    };
    finds("hold", "amount", plant(|h| h.amount += one()));
    finds("hold", "draws", plant(|h| h.draws[0].held += one()));
    finds("hold", "another grant's", plant(|h| h.draws[0].grant.0[0] ^= 1));
    finds("hold", "borrowed", plant(|h| h.borrowed += one()));
    finds("hold", "committed", plant(|h| h.committed += one()));
    finds("hold", "uncharged", plant(|h| h.uncharged += one()));
    finds("hold", "expiry", plant(|h| h.expires_at = Timestamp::MAX));
    finds("hold", "state", plant(|h| h.state = HoldState::Expired));
    finds("hold", "parts", plant(|h| h.parts.push(1)));
    finds("hold", "rows less, one of them empty", |d| {
        d.holds.retain(|_, h| h.state == HoldState::Expired);
    });
    finds("hold", "a hold that was never made", |d| {
        let mut hold = d.holds.values().next().unwrap().clone();
        hold.id.0[0] ^= 1;
        d.holds.insert(hold.id, hold);
    });
}

#[test]
fn a_changed_lot_or_link_is_found() {
    finds("lot", "rest", |d| {
        d.wallet.lots.push(crate::domain::Lot { seq: 2, rest: one() });
    });
    finds("lot", "a repayment less", |d| {
        d.repayments.remove(0);
    });
    finds("lot", "a repayment by another grant", |d| d.repayments[0].grant = None);
    finds("reversal", "a reversal forgotten", |d| d.reversals.clear());
    finds("reversal", "a reversal of another", |d| {
        d.reversals.insert(1, vec![2]);
    });
}
