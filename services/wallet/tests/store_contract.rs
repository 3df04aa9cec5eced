//! What the engine promises over any store.

use chit_types::TransactionKind;
use chit_wallet::domain::operation::{CommitClose, RevokeShortfall};
use chit_wallet::domain::{Details, HoldState, Operation, Refusal, Signal};
use chit_wallet::engine::{ClosedGrants, Command, Fault, FeedContent, Freeze, Purpose, ReadFault};
use chit_wallet::jobs;

use crate::store_support::*;

#[tokio::test]
async fn the_same_key_repeats_and_other_content_is_refused() {
    on_each_store("replay", async |world| {
        let name = wallet("a");
        world.apply(&name, grant(100)).await;
        let first = world.submit(&name, keyed("k", deduct(30))).await.unwrap();
        let again = world.submit(&name, keyed("k", deduct(30))).await.unwrap();
        assert!(!first.replayed && again.replayed);
        assert_eq!(first.applied.transaction, again.applied.transaction);
        assert_eq!((again.wallet.available, again.hash), (credits(70), first.hash));
        let other = world.submit(&name, keyed("k", deduct(31))).await;
        assert_eq!(other, Err(Fault::Refused(Refusal::IdempotencyKeyReused { seq: 2 })));
        world.verify(&name).await;
    })
    .await;
}

#[tokio::test]
async fn a_key_twice_in_one_batch_is_done_once() {
    on_each_store("twice", async |world| {
        let name = wallet("a");
        world.apply(&name, grant(100)).await;
        let many = (0..50).map(|n| (name.clone(), keyed(&format!("k{}", n % 10), deduct(1)))).collect();
        let answers = world.desk.submit_many(many, None).await;
        let replayed = answers.iter().filter(|answer| answer.as_ref().unwrap().replayed).count();
        assert_eq!(replayed, 40);
        let now = world.reader.wallet(&name).await.unwrap().wallet;
        assert_eq!((now.available, now.head), (credits(90), 11));
        world.verify(&name).await;
    })
    .await;
}

#[tokio::test]
async fn bookings_of_what_was_due_stay_when_the_operation_is_refused() {
    on_each_store("dues", async |world| {
        let name = wallet("a");
        world.apply(&name, grant_until(10, START + std::time::Duration::from_secs(60))).await;
        world.advance(61);
        let folded = world.reader.wallet(&name).await.unwrap().wallet;
        assert_eq!((folded.available, folded.expired, folded.head), (credits(0), credits(10), 1));
        let refused = world.try_apply(&name, deduct(5)).await;
        assert!(matches!(refused, Err(Fault::Refused(Refusal::InsufficientCredits { .. }))), "{refused:?}");
        let stored = world.reader.transactions(&name, 0, 10).await.unwrap();
        let kinds: Vec<TransactionKind> = stored.iter().map(|one| one.kind).collect();
        assert_eq!(kinds, [TransactionKind::Grant, TransactionKind::ExpireGrant]);
        assert_eq!(stored[1].at, START + std::time::Duration::from_secs(60));
        let grants = world.reader.grants(&name, ClosedGrants::Include, None, 10).await.unwrap();
        assert_eq!(grants.grants.len(), 1);
        world.verify(&name).await;
    })
    .await;
}

#[tokio::test]
async fn a_refusal_makes_no_wallet_but_is_told_in_the_feed() {
    on_each_store("no_wallet", async |world| {
        let name = wallet("nobody");
        let refused = world.try_apply(&name, reserve(5)).await;
        let missing =
            matches!(refused, Err(Fault::Refused(Refusal::InsufficientCredits { wallet_exists: false, .. })));
        assert!(missing, "{refused:?}");
        assert_eq!(world.reader.wallet(&name).await, Err(ReadFault::WalletNotFound));
        jobs::sequence(&world.parts.store).await.unwrap();
        let page = world.reader.feed("acme", &[], FeedContent::Numbers).await.unwrap();
        assert_eq!(page.events.len(), 1);
        let event = &page.events[0];
        assert_eq!((event.customer.as_str(), event.first, event.last), ("nobody", 0, 0));
        assert!(matches!(event.signals[..], [Signal::CreditsRefused { .. }]), "{:?}", event.signals);
        let other = world.reader.feed("other", &[], FeedContent::Numbers).await.unwrap();
        assert_eq!(other.events, []);
    })
    .await;
}

#[tokio::test]
async fn more_grants_than_a_row_takes_are_spent_in_order() {
    on_each_store("overflow", async |world| {
        let name = wallet("rich");
        let grants = (0..100).map(|_| (name.clone(), world.fresh(grant(2)))).collect();
        world.desk.submit_many(grants, None).await.into_iter().for_each(|answer| drop(answer.unwrap()));
        let held = world.apply(&name, reserve(150)).await.applied.hold.unwrap();
        world.verify(&name).await;
        world.apply(&name, commit(held.id, 141, CommitClose::Final)).await;
        world.verify(&name).await;
        let now = world.reader.wallet(&name).await.unwrap().wallet;
        assert_eq!((now.available, now.grants.len()), (credits(59), 30));
        world.apply(&name, deduct(59)).await;
        world.verify(&name).await;
        let mut after = None;
        let mut listed = 0;
        loop {
            let page = world.reader.grants(&name, ClosedGrants::Include, after, 7).await.unwrap();
            listed += page.grants.len();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(listed, 100);
    })
    .await;
}

#[tokio::test]
async fn more_debts_than_a_row_takes_are_repaid_oldest_first() {
    on_each_store("lots", async |world| {
        let name = wallet("debtor");
        let spends = (0..100).map(|_| (name.clone(), world.fresh(record(1)))).collect();
        world.desk.submit_many(spends, None).await.into_iter().for_each(|answer| drop(answer.unwrap()));
        let now = world.reader.wallet(&name).await.unwrap().wallet;
        assert_eq!((now.owed, now.lots.len()), (credits(100), 100));
        world.verify(&name).await;
        for (granted, left) in [(20, 80), (30, 50), (45, 5), (6, 0)] {
            world.apply(&name, grant(granted)).await;
            let now = world.reader.wallet(&name).await.unwrap().wallet;
            assert_eq!((now.owed, now.lots.len()), (credits(left), usize::try_from(left).unwrap()));
            world.verify(&name).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_hold_lives_in_its_row_until_it_ends() {
    on_each_store("holds", async |world| {
        let name = wallet("a");
        world.apply(&name, grant(100)).await;
        let hold = world.apply(&name, reserve(40)).await.applied.hold.unwrap();
        world.apply(&name, commit(hold.id, 15, CommitClose::KeepOpen)).await;
        let open = world.reader.holds(&name, None, 10).await.unwrap();
        assert_eq!((open.len(), open[0].committed), (1, credits(15)));
        world.verify(&name).await;
        let last = keyed("last", commit(hold.id, 10, CommitClose::Final));
        let done = world.submit(&name, last.clone()).await.unwrap();
        assert_eq!((done.wallet.available, done.wallet.held), (credits(90), credits(0)));
        assert_eq!(world.reader.holds(&name, None, 10).await.unwrap(), []);
        let again = world.submit(&name, last).await.unwrap();
        assert!(again.replayed);
        assert_eq!(again.applied.hold.map(|hold| hold.state), Some(HoldState::Closed));
        let late = world.try_apply(&name, Operation::Release { hold: hold.id }).await;
        assert_eq!(late, Err(Fault::Refused(Refusal::HoldClosed { hold: hold.id })));
        world.verify(&name).await;
    })
    .await;
}

#[tokio::test]
async fn an_expired_hold_waits_for_one_late_commit_and_is_purged_after_34_days() {
    on_each_store("late", async |world| {
        let name = wallet("a");
        world.apply(&name, grant(100)).await;
        let settled = world.apply(&name, reserve(10)).await.applied.hold.unwrap();
        let forgotten = world.apply(&name, reserve(10)).await.applied.hold.unwrap();
        world.advance(3_600);
        assert_eq!(world.reader.holds(&name, None, 10).await.unwrap(), []);
        assert_eq!(jobs::sweep(&world.parts, &world.desk, world.parts.clock.now()).await.unwrap(), 1);
        assert_eq!(world.reader.wallet(&name).await.unwrap().wallet.available, credits(100));
        let late = world.apply(&name, commit(settled.id, 10, CommitClose::Final)).await;
        assert!(late.applied.transaction.unwrap().late);
        world.verify(&name).await;
        // To the last second of the late window, which begins after the grace, the hold is there.
        world.advance(34 * 86_400 - 3_600 + 900 + 59);
        assert_eq!(jobs::purge(&world.parts, world.parts.clock.now()).await.unwrap(), 0);
        world.advance(1);
        assert_eq!(jobs::purge(&world.parts, world.parts.clock.now()).await.unwrap(), 1);
        let gone = world.try_apply(&name, commit(forgotten.id, 1, CommitClose::Final)).await;
        assert_eq!(gone, Err(Fault::Refused(Refusal::HoldClosed { hold: forgotten.id })));
        world.verify(&name).await;
    })
    .await;
}

#[tokio::test]
async fn a_reversal_returns_to_grants_that_had_closed_and_never_exceeds() {
    on_each_store("reverse", async |world| {
        let name = wallet("a");
        world.apply(&name, grant(10)).await;
        let spent = world.apply(&name, record(25)).await.applied.transaction.unwrap();
        world.apply(&name, grant(8)).await;
        let reverse = |amount| Operation::Reverse { transaction: spent.seq, amount };
        world.apply(&name, reverse(Some(credits(9)))).await;
        world.verify(&name).await;
        world.apply(&name, reverse(None)).await;
        world.verify(&name).await;
        let now = world.reader.wallet(&name).await.unwrap().wallet;
        assert_eq!((now.available, now.owed, now.spent), (credits(18), credits(0), credits(0)));
        let again = world.try_apply(&name, reverse(Some(credits(1)))).await;
        assert!(matches!(again, Err(Fault::Refused(Refusal::ReversalTooLarge { .. }))), "{again:?}");
        assert_eq!(world.reader.reversals(&name, spent.seq).await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_revoked_grant_closes_and_what_holds_have_of_it_is_claimed() {
    on_each_store("revoke", async |world| {
        let name = wallet("a");
        let opened = world.apply(&name, grant(10)).await.applied.transaction.unwrap();
        let hold = world.apply(&name, reserve(4)).await.applied.hold.unwrap();
        let revoke =
            Operation::Revoke { grant: opened.grants[0].id, amount: None, shortfall: RevokeShortfall::Waive };
        world.apply(&name, revoke.clone()).await;
        world.verify(&name).await;
        world.apply(&name, Operation::Release { hold: hold.id }).await;
        world.verify(&name).await;
        let now = world.reader.wallet(&name).await.unwrap().wallet;
        assert_eq!((now.available, now.held, now.revoked), (credits(0), credits(0), credits(10)));
        assert!(world.try_apply(&name, revoke).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn free_text_is_stored_beside_the_chain() {
    on_each_store("text", async |world| {
        let name = wallet("a");
        let details = Details {
            event_type: "chat.reply".to_owned(),
            subjects: vec!["agent:researcher".to_owned()],
            reference: "order 7".to_owned(),
            description: "a \"quoted\" 🙂 text".to_owned(),
            metadata: [("model".to_owned(), "m-1".to_owned())].into(),
        };
        let answer = world.submit(&name, keyed_with("k", grant(5), details)).await.unwrap();
        let stored = world.reader.transaction(&name, 1).await.unwrap();
        assert_eq!(stored, answer.applied.transaction);
        assert_eq!(stored.unwrap().text.unwrap().description, "a \"quoted\" 🙂 text");
        world.verify(&name).await;
    })
    .await;
}

#[tokio::test]
async fn a_wallets_settings_change_by_version() {
    on_each_store("settings", async |world| {
        let name = wallet("a");
        let create = Command::Create { overdraft_limit: credits(5), purpose: Purpose::Test };
        let made = world.submit(&name, create.clone()).await.unwrap();
        let again = world.submit(&name, create).await.unwrap();
        assert!(made.created && made.wallet.test && !again.created);
        let update = |version, freeze| Command::Update {
            version,
            overdraft_limit: None,
            freeze,
            thresholds: Some(vec![credits(3), credits(1)]),
        };
        let changed = world.submit(&name, update(0, Some(Freeze::Freeze))).await.unwrap().wallet;
        assert_eq!((changed.version, changed.thresholds.as_slice()), (1, &[credits(1), credits(3)][..]));
        let frozen = world.try_apply(&name, deduct(1)).await;
        assert!(matches!(frozen, Err(Fault::Refused(Refusal::WalletFrozen { .. }))), "{frozen:?}");
        let conflict = world.submit(&name, update(7, None)).await;
        assert_eq!(conflict, Err(Fault::VersionConflict { version: 1 }));
        let freed = world.submit(&name, update(1, Some(Freeze::Unfreeze))).await.unwrap().wallet;
        assert_eq!(world.reader.wallet(&name).await.unwrap().wallet, freed);
        world.apply(&name, deduct(5)).await;
        let nobody = world.submit(&wallet("nobody"), update(0, None)).await;
        assert_eq!(nobody, Err(Fault::Refused(Refusal::WalletNotFound)));
    })
    .await;
}

#[tokio::test]
async fn wallets_are_listed_shard_by_shard_for_their_tenant_alone() {
    on_each_store("lists", async |world| {
        for number in 0..20 {
            world.apply(&wallet(&format!("user_{number}")), grant(1)).await;
        }
        let mut after = None;
        let mut found = Vec::new();
        loop {
            let page = world.reader.wallets("acme", after, 7).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some((last.shard, last.id));
            found.extend(page.into_iter().map(|wallet| wallet.customer));
        }
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), 20);
        assert_eq!(world.reader.wallets("other", None, 7).await.unwrap(), []);
        let verified = world.reader.verify_page("acme", None, 100).await.unwrap();
        assert!(verified.len() == 20 && verified.iter().all(|one| one.findings.is_empty()));
    })
    .await;
}
