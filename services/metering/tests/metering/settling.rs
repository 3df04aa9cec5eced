//! Cumulative parts: whatever the parts, they come to one settlement of the total.

use std::collections::BTreeMap;
use std::sync::Arc;

use chit_metering::domain::authorization::{Authorization, AuthorizationState, Settle, Totals};
use chit_metering::domain::fact::Fact;
use chit_metering::domain::pending::{Pending, WalletAnswer, WalletOp, WalletOutcome};
use chit_metering::domain::refusal::Refusal;
use chit_metering::domain::sums::Sums;
use chit_pricebook::{
    Assignment, Book, Charge, CostTable, EventType, ModelCost, Pool, PriceBookVersion, Replica, Rule,
    TokenPrices, VersionHeader,
};
use chit_types::{Credits, IdKind, PublicId, Rounding, Shard, Timestamp};
use proptest::prelude::*;

use crate::harness::{START, content, place};

fn id(kind: IdKind) -> PublicId {
    PublicId { kind, shard: Shard(0), uuid: [1; 16] }
}

/// chat.reply: 0.5 credits per 1k input and 1.7 per 1k output tokens, rounded up to 0.01.
pub fn replica() -> Replica {
    let mut replica = Replica::default();
    replica.put_event_type(EventType { name: "chat.reply".into(), ..EventType::default() });
    replica.put_book(Book {
        id: id(IdKind::PriceBook),
        name: "default".into(),
        unit: "credits".into(),
        description: String::new(),
    });
    let mut per_1k = [None; 7];
    per_1k[Pool::Input.index()] = Some("0.5".parse().unwrap());
    per_1k[Pool::Output.index()] = Some("1.7".parse().unwrap());
    let per_1k = TokenPrices::from_array(per_1k);
    let rule = Rule {
        id: "chat".into(),
        event_type: "chat.reply".into(),
        dimensions: BTreeMap::new(),
        charge: Charge::Tokens { per_1k },
        minimum: None,
        maximum: None,
        rounding: Rounding::Up,
        step: Credits::from_micros(10_000),
    };
    let header = VersionHeader {
        id: id(IdKind::PriceVersion),
        book: "default".into(),
        number: 1,
        unit: "credits".into(),
        effective_at: Timestamp::EPOCH,
    };
    replica.put_version(Arc::new(PriceBookVersion::new(header, vec![rule])));
    replica.put_assignment(Assignment {
        unit: "credits".into(),
        book: "default".into(),
        effective_at: Timestamp::EPOCH,
    });
    let mut model = ModelCost::default();
    model.per_million[Pool::Input.index()] = Some("2.5".parse().unwrap());
    model.per_million[Pool::Output.index()] = Some("10".parse().unwrap());
    replica.put_cost_table(Arc::new(CostTable {
        version: 1,
        currency: "USD".into(),
        effective_at: Timestamp::EPOCH,
        models: BTreeMap::from([("gpt".to_string(), model)]),
    }));
    replica
}

fn open() -> Authorization {
    let said = content("c", "e");
    Authorization {
        place: place(&said),
        uuid: [3; 16],
        content: said,
        state: AuthorizationState::Open,
        created_at: START,
        stamp: None,
        reserve: None,
        reserved: Credits::whole(1),
        hold: "hd_1".into(),
        expires_at: START,
        totals: Totals::default(),
    }
}

fn part(number: i32, keep_open: bool, input: u64, output: u64) -> Settle {
    Settle { part: number, keep_open, tokens: Some([input, 0, 0, output, 0, 0, 0]), ..Settle::default() }
}

/// Plays a wallet that commits what it is told: the charge is the total less what was committed.
fn played(stored: &mut Authorization, pending: &Pending, committed: &mut Credits) -> Fact {
    let [WalletOp::Commit { total, .. }] = &pending.operations[..] else { panic!("one commit") };
    let answer = WalletAnswer { seq: 1, amount: *total - *committed, ..WalletAnswer::default() };
    *committed = *total;
    let finished = pending.finish(&[WalletOutcome::Done(Box::new(answer))], START).unwrap();
    let settling = finished.settled.unwrap();
    (stored.state, stored.totals) = (settling.state, settling.totals);
    finished.fact.unwrap()
}

fn settle_all(parts: &[Settle]) -> (Sums, Authorization) {
    let (mut stored, mut committed, mut sums) = (open(), Credits::ZERO, Sums::default());
    for settle in parts {
        let pending = stored.settle(settle, &replica()).unwrap();
        sums += played(&mut stored, &pending, &mut committed).sums;
    }
    (sums, stored)
}

#[test]
fn a_settlement_below_its_parts_returns_the_difference() {
    let (sums, stored) = settle_all(&[part(1, true, 9_000, 900), part(2, false, 1_000, 100)]);
    assert_eq!(sums.credits(), "0.67".parse().unwrap());
    assert_eq!((sums.tokens[0], sums.tokens[3], sums.events), (1_000, 100, 1));
    assert_eq!(stored.state, AuthorizationState::Settled);
}

#[test]
fn parts_rise_one_by_one_and_end() {
    let check = |parts: &[Settle], next: Settle, expected: Option<i32>| {
        let (_, stored) = settle_all(parts);
        match (stored.settle(&next, &replica()), expected) {
            (Ok(_), None) => {}
            (Err(Refusal::PartOutOfOrder { expected: told, .. }), Some(expected)) => {
                assert_eq!(told, expected)
            }
            (other, _) => panic!("{next:?}: {other:?}"),
        }
    };
    check(&[], part(0, false, 1, 1), None);
    check(&[], part(1, true, 1, 1), None);
    check(&[], part(2, true, 1, 1), Some(1));
    check(&[part(1, true, 1, 1)], part(1, true, 2, 2), Some(2));
    check(&[part(1, true, 1, 1)], part(0, false, 2, 2), Some(2));
    check(&[part(1, true, 1, 1)], part(2, false, 2, 2), None);
    let (_, stored) = settle_all(&[part(0, false, 1, 1)]);
    let late = stored.settle(&part(1, true, 1, 1), &replica());
    assert!(matches!(late, Err(Refusal::AuthorizationClosed { .. })));
}

#[test]
fn without_totals_the_estimate_is_settled() {
    let (sums, _) = settle_all(&[Settle::default()]);
    assert_eq!(sums.credits(), "0.09".parse().unwrap(), "100 × 0.5/1k + 20 × 1.7/1k = 0.084, up to 0.09");
    assert_eq!(sums.tokens[0], 100);
}

proptest! {
    #[test]
    fn parts_sum_to_one_settlement_of_the_total(totals in proptest::collection::vec((0_u64..50_000, 0_u64..9_000), 1..8)) {
        let mut parts = Vec::new();
        let (mut input, mut output) = (0, 0);
        for (index, (more_input, more_output)) in totals.iter().enumerate() {
            input += more_input;
            output += more_output;
            let number = i32::try_from(index).unwrap() + 1;
            parts.push(part(number, index + 1 < totals.len(), input, output));
        }
        let (by_parts, _) = settle_all(&parts);
        let (at_once, _) = settle_all(&[part(0, false, input, output)]);
        prop_assert_eq!(by_parts.credits_micros, at_once.credits_micros);
        prop_assert_eq!(by_parts.cost(), at_once.cost());
        prop_assert_eq!((by_parts.tokens, by_parts.events), (at_once.tokens, at_once.events));
    }
}
