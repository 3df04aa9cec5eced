//! Random operations at random times: after each, conservation, stored = derived, and the invariant of repayment.

use std::time::Duration;

use chit_types::{Account, Credits, Origin, Timestamp, TransactionKind};
use proptest::prelude::*;

use super::desk::Desk;
use crate::domain::operation::{CommitClose, NewGrant, OnInsufficient, OnOverrun, Renewal, RevokeShortfall};
use crate::domain::reverse::spent_by;
use crate::domain::settings::ExpiredReversal;
use crate::domain::{GrantId, GrantSource, HoldId, Operation, OwedPolicy};

/// A step in terms of what is there when it is taken.
#[derive(Clone, Debug)]
enum Step {
    Wait {
        seconds: u32,
    },
    Grant {
        amount: i64,
        priority: u16,
        life: Option<u32>,
        delay: u32,
        restricted: bool,
        policy: u8,
        basis: i64,
    },
    Reserve {
        amount: i64,
        life: u32,
        typed: bool,
    },
    Extend {
        pick: usize,
        amount: i64,
        life: Option<u32>,
    },
    Commit {
        pick: usize,
        total: i64,
        open: bool,
        overrun: u8,
    },
    Release {
        pick: usize,
    },
    Deduct {
        amount: i64,
        mode: u8,
        typed: bool,
    },
    Adjust {
        amount: i64,
    },
    WriteOff {
        amount: i64,
    },
    Reverse {
        pick: usize,
        amount: Option<i64>,
    },
    Revoke {
        pick: usize,
        amount: Option<i64>,
        shortfall: u8,
    },
    Renew {
        pick: usize,
        amount: i64,
        cap: i64,
        again: bool,
    },
    Sweep,
}

const TYPE: &str = "image.generate";

fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), 1..50_i64, 1..2_000_i64]
}

fn some_amount() -> impl Strategy<Value = i64> {
    1..900_i64
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let grant = (
        some_amount(),
        98..102_u16,
        proptest::option::of(1..4_000_u32),
        0..600_u32,
        any::<bool>(),
        1..=3_u8,
        0..3_i64,
    )
        .prop_map(|(amount, priority, life, delay, restricted, policy, basis)| {
            let delay = if delay < 400 { 0 } else { delay };
            Step::Grant { amount, priority, life, delay, restricted, policy, basis }
        });
    let step = prop_oneof![
        2 => (0..1_500_u32).prop_map(|seconds| Step::Wait { seconds }),
        3 => grant,
        3 => (amount(), 1..1_200_u32, any::<bool>()).prop_map(|(amount, life, typed)| Step::Reserve { amount, life, typed }),
        1 => (any::<usize>(), amount(), proptest::option::of(1..900_u32)).prop_map(|(pick, amount, life)| Step::Extend { pick, amount, life }),
        4 => (any::<usize>(), amount(), any::<bool>(), 0..3_u8).prop_map(|(pick, total, open, overrun)| Step::Commit { pick, total, open, overrun }),
        1 => any::<usize>().prop_map(|pick| Step::Release { pick }),
        4 => (amount(), 0..3_u8, any::<bool>()).prop_map(|(amount, mode, typed)| Step::Deduct { amount, mode, typed }),
        1 => (-400..400_i64).prop_map(|amount| Step::Adjust { amount }),
        1 => some_amount().prop_map(|amount| Step::WriteOff { amount }),
        2 => (any::<usize>(), proptest::option::of(1..300_i64)).prop_map(|(pick, amount)| Step::Reverse { pick, amount }),
        1 => (any::<usize>(), proptest::option::of(1..300_i64), 1..=3_u8).prop_map(|(pick, amount, shortfall)| Step::Revoke { pick, amount, shortfall }),
        1 => (any::<usize>(), some_amount(), 0..400_i64, any::<bool>()).prop_map(|(pick, amount, cap, again)| Step::Renew { pick, amount, cap, again }),
        1 => Just(Step::Sweep),
    ];
    proptest::collection::vec(step, 1..40)
}

fn credits(micros: i64) -> Credits {
    Credits::from_micros(micros)
}

fn new_grant(amount: i64) -> NewGrant {
    NewGrant {
        amount: credits(amount),
        source: GrantSource::Purchase,
        priority: 100,
        effective_at: None,
        expires_at: None,
        event_types: Vec::new(),
        paid: None,
        cost_basis: 0,
        owed_policy: OwedPolicy::RepayFirst,
        period_end: None,
    }
}

fn hold(desk: &Desk, pick: usize) -> HoldId {
    let known: Vec<HoldId> = desk
        .transactions
        .iter()
        .filter(|t| t.kind == TransactionKind::Reserve)
        .filter_map(|t| t.hold)
        .collect();
    if known.is_empty() { HoldId([0; 16]) } else { known[pick % known.len()] }
}

fn grant(desk: &Desk, pick: usize) -> GrantId {
    let known: Vec<GrantId> = desk.grants.keys().copied().collect();
    if known.is_empty() { GrantId([0; 16]) } else { known[pick % known.len()] }
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds))
}

fn grant_of(now: Timestamp, step: &Step) -> Option<NewGrant> {
    let Step::Grant { amount, priority, life, delay, restricted, policy, basis } = step else {
        return None;
    };
    let effective_at = (*delay > 0).then(|| now + seconds(*delay));
    Some(NewGrant {
        priority: *priority,
        effective_at,
        expires_at: life.map(|life| effective_at.unwrap_or(now) + seconds(life)),
        event_types: if *restricted { vec![TYPE.to_owned()] } else { Vec::new() },
        cost_basis: *basis,
        owed_policy: OwedPolicy::from_number(*policy)?,
        ..new_grant(*amount)
    })
}

fn renewal(desk: &Desk, now: Timestamp, pick: usize, amount: i64, cap: i64, roll_again: bool) -> Renewal {
    Renewal {
        grant: grant(desk, pick),
        amount: credits(amount),
        period_end: now + seconds(3_000),
        expires_at: None,
        rollover_cap: credits(cap),
        roll_again,
        paid: None,
        cost_basis: 1,
        owed_policy: OwedPolicy::RepayFirst,
    }
}

/// Bookings are not counted: whether they are made yet depends on who books.
fn own_transaction(desk: &Desk, pick: usize) -> i64 {
    let own = desk.transactions.iter().filter(|t| t.origin != Origin::System);
    let own: Vec<i64> = own.map(|t| t.seq).collect();
    if own.is_empty() { 1 } else { own[pick % own.len()] }
}

fn operation(desk: &Desk, now: Timestamp, step: &Step) -> Option<(Operation, &'static str)> {
    let event_type = |typed: bool| if typed { TYPE } else { "" };
    Some(match step {
        Step::Wait { .. } | Step::Sweep => return None,
        Step::Grant { .. } => (Operation::Grant(grant_of(now, step)?), ""),
        Step::Reserve { amount, life, typed } => {
            (Operation::Reserve { amount: credits(*amount), ttl: Some(seconds(*life)) }, event_type(*typed))
        }
        Step::Extend { pick, amount, life } => {
            let ttl = life.map(seconds);
            (Operation::Extend { hold: hold(desk, *pick), amount: credits(*amount), ttl }, "")
        }
        Step::Commit { pick, total, open, overrun } => {
            let close = if *open { CommitClose::KeepOpen } else { CommitClose::Final };
            let on_overrun = [OnOverrun::Record, OnOverrun::Cap, OnOverrun::Reject][usize::from(*overrun)];
            (Operation::Commit { hold: hold(desk, *pick), total: credits(*total), close, on_overrun }, "")
        }
        Step::Release { pick } => (Operation::Release { hold: hold(desk, *pick) }, ""),
        Step::Deduct { amount, mode, typed } => {
            let on_insufficient =
                [OnInsufficient::Refuse, OnInsufficient::Record, OnInsufficient::Cap][usize::from(*mode)];
            (Operation::Deduct { amount: credits(*amount), on_insufficient }, event_type(*typed))
        }
        Step::Adjust { amount } if *amount == 0 => return None,
        Step::Adjust { amount } => (Operation::Adjust { amount: credits(*amount) }, ""),
        Step::WriteOff { amount } => (Operation::WriteOff { amount: credits(*amount) }, ""),
        Step::Reverse { pick, amount } => {
            let transaction = own_transaction(desk, *pick);
            (Operation::Reverse { transaction, amount: amount.map(credits) }, "")
        }
        Step::Revoke { pick, amount, shortfall } => {
            let shortfall = [RevokeShortfall::Waive, RevokeShortfall::Owe, RevokeShortfall::OtherGrants]
                [usize::from(*shortfall - 1)];
            (Operation::Revoke { grant: grant(desk, *pick), amount: amount.map(credits), shortfall }, "")
        }
        Step::Renew { pick, amount, cap, again } => {
            (Operation::Renew(renewal(desk, now, *pick, *amount, *cap, *again)), "")
        }
    })
}

fn run(steps: &[Step], expired: ExpiredReversal, overdraft: i64, sweeps: bool) -> Desk {
    let mut desk = Desk::new();
    desk.settings.expired_reversal = expired;
    desk.wallet.overdraft_limit = credits(overdraft);
    let mut now = Timestamp::from_seconds(1_800_000_000);
    for step in steps {
        if let Step::Wait { seconds } = step {
            now = now + Duration::from_secs(u64::from(*seconds));
            if sweeps {
                desk.sweep(now);
            }
        }
        if matches!(step, Step::Sweep) && sweeps {
            desk.sweep(now);
        }
        if let Some((operation, event_type)) = operation(&desk, now, step) {
            let _ = desk.act(now, operation, event_type);
        }
    }
    desk
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn every_rule_holds_after_every_step(steps in steps(), expire in any::<bool>(), overdraft in prop_oneof![Just(0), 1..500_i64]) {
        let expired = if expire { ExpiredReversal::Expire } else { ExpiredReversal::Regrant };
        run(&steps, expired, overdraft, false);
    }

    #[test]
    fn the_ledger_is_the_same_whoever_books_what_is_due(steps in steps(), overdraft in 0..300_i64) {
        let mut lazy = run(&steps, ExpiredReversal::Regrant, overdraft, false);
        let mut swept = run(&steps, ExpiredReversal::Regrant, overdraft, true);
        let end = Timestamp::from_seconds(1_900_000_000);
        lazy.sweep(end);
        swept.sweep(end);
        let story = |desk: &Desk| -> Vec<_> {
            desk.transactions.iter().map(|t| (t.seq, t.kind, t.at, t.amount, t.available, t.held, t.owed, t.hash)).collect()
        };
        prop_assert_eq!(story(&lazy), story(&swept));
    }

    #[test]
    fn a_batch_decides_as_its_operations_would_one_by_one(batches in proptest::collection::vec((steps(), 0..1_500_u32), 1..7)) {
        let (mut one_by_one, mut together) = (Desk::new(), Desk::new());
        let mut now = Timestamp::from_seconds(1_800_000_000);
        for (steps, wait) in batches {
            now = now + Duration::from_secs(u64::from(wait));
            let asked: Vec<_> = steps.iter().take(9).filter_map(|step| operation(&together, now, step)).collect();
            for (operation, event_type) in asked.clone() {
                let _ = one_by_one.act(now, operation, event_type);
            }
            together.act_together(now, asked);
            prop_assert_eq!(&one_by_one.transactions, &together.transactions);
            prop_assert_eq!(&one_by_one.wallet, &together.wallet);
        }
    }

    #[test]
    fn parts_of_a_hold_sum_to_its_final_total(totals in proptest::collection::vec(0..700_i64, 1..7), held in 0..500_i64, funds in 1..900_i64, last in 0..700_i64) {
        let mut desk = Desk::new();
        let now = Timestamp::from_seconds(1_800_000_000);
        desk.act(now, Operation::Grant(new_grant(funds)), "").unwrap();
        let Ok(reserved) = desk.act(now, Operation::Reserve { amount: credits(held), ttl: None }, TYPE) else { return Ok(()) };
        let hold = reserved.hold.unwrap().id;
        let on_overrun = OnOverrun::Record;
        for total in totals {
            let _ = desk.act(now, Operation::Commit { hold, total: credits(total), close: CommitClose::KeepOpen, on_overrun }, "");
        }
        desk.act(now, Operation::Commit { hold, total: credits(last), close: CommitClose::Final, on_overrun }, "").unwrap();
        prop_assert_eq!(desk.wallet.spent, credits(last));
        prop_assert_eq!(desk.wallet.held, Credits::ZERO);
        prop_assert_eq!(desk.balance(), credits(funds - last));
    }

    #[test]
    fn reversing_everything_returns_to_the_start(deducts in proptest::collection::vec(1..400_i64, 1..12), later in 1..2_000_i64) {
        let mut desk = Desk::new();
        let now = Timestamp::from_seconds(1_800_000_000);
        desk.act(now, Operation::Grant(new_grant(500)), "").unwrap();
        for amount in deducts {
            let on_insufficient = OnInsufficient::Record;
            desk.act(now, Operation::Deduct { amount: credits(amount), on_insufficient }, TYPE).unwrap();
        }
        desk.act(now, Operation::Grant(new_grant(later)), "").unwrap();
        let spends: Vec<i64> = desk.transactions.iter().filter(|t| t.kind == TransactionKind::Deduct).map(|t| t.seq).collect();
        for (index, transaction) in spends.into_iter().enumerate() {
            let spent = spent_by(&desk.transactions[usize::try_from(transaction - 1).unwrap()]);
            if index % 2 == 0 {
                let half = credits(spent.micros() / 2);
                if half.is_positive() {
                    desk.act(now, Operation::Reverse { transaction, amount: Some(half) }, "").unwrap();
                }
            }
            desk.act(now, Operation::Reverse { transaction, amount: None }, "").unwrap();
            let again = desk.act(now, Operation::Reverse { transaction, amount: None }, "");
            prop_assert!(again.is_err());
        }
        prop_assert_eq!(desk.wallet.spent, Credits::ZERO);
        prop_assert_eq!(desk.wallet.owed, Credits::ZERO);
        prop_assert_eq!(desk.wallet.available, credits(500 + later));
    }

    #[test]
    fn a_refused_deduct_never_borrows_beyond_the_overdraft(steps in steps(), overdraft in 0..400_i64, ask in 1..2_000_i64) {
        let mut desk = run(&steps, ExpiredReversal::Regrant, overdraft, true);
        let now = desk.wallet.last_at;
        let before = desk.wallet.owed;
        let on_insufficient = OnInsufficient::Refuse;
        if desk.act(now, Operation::Deduct { amount: credits(ask), on_insufficient }, TYPE).is_ok() {
            let last = desk.transactions.last().unwrap();
            let borrowed: Credits = last.postings.iter().filter(|p| p.from == Account::Owed).map(|p| p.amount).sum();
            prop_assert!(borrowed.is_zero() || desk.wallet.owed <= desk.wallet.overdraft_limit, "{} {}", before, desk.wallet.owed);
        }
    }
}
