//! Pods beside each other, connections that break, operations that poison their batch.

use std::time::Duration;

use chit_wallet::domain::{Details, Operation};
use chit_wallet::engine::{Desk, Fault, WalletRef};

use crate::store_support::*;

const WALLETS: usize = 8;

fn customers() -> Vec<WalletRef> {
    (0..WALLETS).map(|n| wallet(&format!("user_{n}"))).collect()
}

async fn spend(desk: &Desk, pod: usize, rounds: usize) {
    for round in 0..rounds {
        let one = |(n, name): (usize, WalletRef)| (name, keyed(&format!("{pod}-{round}-{n}"), deduct(1)));
        let many = customers().into_iter().cycle().take(WALLETS * 5).enumerate().map(one).collect();
        for answer in desk.submit_many(many, None).await {
            answer.unwrap();
        }
    }
}

async fn everything_is_there(world: &World, spent: i64) {
    for name in customers() {
        world.verify(&name).await;
        let now = world.reader.wallet(&name).await.unwrap().wallet;
        assert_eq!((now.spent, now.head), (credits(spent), spent + 1));
    }
}

#[tokio::test]
async fn two_pods_share_wallets_without_a_deadlock_or_a_gap() {
    let world = World::postgres("two_pods").await;
    for name in customers() {
        world.apply(&name, grant(100_000)).await;
    }
    let other = world.another_desk();
    tokio::join!(spend(&world.desk, 1, 40), spend(&other, 2, 40));
    everything_is_there(&world, 400).await;
    let failed: u64 = world.desk.stats().iter().chain(&other.stats()).map(|lane| lane.failed_attempts).sum();
    assert_eq!(failed, 0);
}

#[tokio::test]
async fn two_pods_that_make_the_same_wallets_agree() {
    let world = World::postgres("two_makers").await;
    let other = world.another_desk();
    for round in 0..30 {
        let make = |desk: &Desk, pod: usize| {
            let one =
                |n: usize| (wallet(&format!("new_{round}_{n}")), keyed(&format!("pod-{pod}"), grant(1)));
            desk.submit_many((0..20).map(one).collect(), None)
        };
        let (a, b) = tokio::join!(make(&world.desk, 1), make(&other, 2));
        assert!(a.into_iter().chain(b).all(|answer| answer.is_ok()));
        for n in 0..20 {
            let name = wallet(&format!("new_{round}_{n}"));
            assert_eq!(world.reader.wallet(&name).await.unwrap().wallet.head, 2);
        }
    }
}

#[tokio::test]
async fn connections_killed_at_any_moment_lose_and_double_nothing() {
    let world = World::postgres("killed").await;
    for name in customers() {
        world.apply(&name, grant(100_000)).await;
    }
    let Kept::Database(database) = &world.kept else { panic!("not PostgreSQL") };
    let url = database.url();
    let killer = async {
        let admin = chit_store::Database::postgres(&url, 1).await.unwrap();
        for _ in 0..25 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid()";
            sea_orm::sqlx::query(sql).execute(admin.pg().unwrap()).await.unwrap();
        }
    };
    tokio::join!(killer, spend(&world.desk, 1, 80));
    // Readers' pooled connections were killed too; each is found dead once.
    while world.reader.wallet(&customers()[0]).await.is_err() {}
    everything_is_there(&world, 400).await;
}

#[tokio::test]
async fn an_operation_that_poisons_its_batch_stands_alone() {
    let world = World::postgres("poison").await;
    for name in customers() {
        world.apply(&name, grant(100)).await;
    }
    // PostgreSQL takes no NUL in a text; the edge refuses one long before.
    let poison = Details { event_type: "a\0b".to_owned(), ..Details::default() };
    let mut many: Vec<_> =
        (0..60).map(|n| (customers()[n % WALLETS].clone(), keyed(&format!("k{n}"), deduct(1)))).collect();
    many[33].1 = keyed_with("k33", deduct(1), poison);
    let answers = world.desk.submit_many(many, None).await;
    for (n, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(_) => assert_ne!(n, 33),
            Err(Fault::Internal(_)) => assert_eq!(n, 33),
            Err(other) => panic!("{n}: {other:?}"),
        }
    }
    for name in customers() {
        world.verify(&name).await;
    }
}

#[tokio::test]
async fn operations_in_a_row_on_one_wallet_keep_their_order() {
    let world = World::sqlite().await;
    let name = wallet("a");
    let mut many = vec![(name.clone(), world.fresh(grant(10)))];
    many.extend((0..12).map(|_| (name.clone(), world.fresh(deduct(1)))));
    let answers = world.desk.submit_many(many, None).await;
    let accepted: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(accepted, [[true; 11].as_slice(), &[false; 2]].concat());
    let numbers = answers.into_iter().flatten().filter_map(|answer| Some(answer.applied.transaction?.seq));
    assert!(numbers.eq(1..=11));
    let undo = Operation::Reverse { transaction: 5, amount: None };
    world.apply(&name, undo).await;
    world.verify(&name).await;
}
