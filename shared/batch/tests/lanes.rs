//! Each rule of the lanes, with a worker that misbehaves on command.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chit_batch::{Drained, Failure, LaneConfig, LaneError, Lanes, Worker};
use tokio::sync::Semaphore;
use tokio::time::Instant;

const SHORT: Duration = Duration::from_millis(1);

/// One operation: whose, which number, how heavy, and how it behaves.
#[derive(Clone, Copy, Debug)]
struct Item {
    wallet: u8,
    number: u32,
    weight: usize,
    temper: Temper,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Temper {
    Good,
    Poison,
    Panics,
}

/// What the worker did and shall do, seen from the test.
#[derive(Default)]
struct Book {
    /// Items of each committed batch, as (wallet, number).
    commits: Vec<Vec<(u8, u32)>>,
    /// Failures to answer the next attempts with.
    script: Vec<Failure>,
    recoveries: Vec<Failure>,
    attempts: usize,
}

struct Clerk {
    book: Arc<Mutex<Book>>,
    gate: Arc<Semaphore>,
}

fn open(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().expect("nobody panics while holding it")
}

impl Worker for Clerk {
    type Item = Item;
    type Answer = u32;

    async fn attempt(&mut self, batch: &[Item]) -> Result<Vec<u32>, Failure> {
        self.gate.acquire().await.expect("never closed").forget();
        let mut book = open(&self.book);
        book.attempts += 1;
        if let Some(failure) = book.script.pop() {
            return Err(failure);
        }
        if batch.iter().any(|item| item.temper == Temper::Poison) {
            return Err(Failure::Permanent("poison".into()));
        }
        drop(book);
        assert!(batch.iter().all(|item| item.temper != Temper::Panics), "on command");
        let commit = batch.iter().map(|item| (item.wallet, item.number)).collect();
        open(&self.book).commits.push(commit);
        Ok(batch.iter().map(|item| item.number).collect())
    }

    async fn recover(&mut self, after: &Failure) {
        open(&self.book).recoveries.push(after.clone());
    }

    fn weight(item: &Item) -> usize {
        item.weight
    }

    fn group(item: &Item) -> [u8; 16] {
        [item.wallet; 16]
    }
}

struct Bench {
    lanes: Lanes<Clerk>,
    book: Arc<Mutex<Book>>,
    gate: Arc<Semaphore>,
}

fn small() -> LaneConfig {
    LaneConfig {
        lanes: 1,
        queue_items: 20,
        queue_bytes: 2_000,
        batch_items: 8,
        batch_bytes: 1_000,
        attempts: 3,
        backoff_first: SHORT,
        backoff_most: SHORT,
        attempt_timeout: Duration::from_secs(600),
    }
}

/// Lanes whose worker waits at a gate: one permit lets one attempt pass.
fn bench(config: LaneConfig, permits: usize) -> Bench {
    let (book, gate) = (Arc::new(Mutex::new(Book::default())), Arc::new(Semaphore::new(permits)));
    let lanes = Lanes::start(config, |_| Clerk { book: Arc::clone(&book), gate: Arc::clone(&gate) });
    Bench { lanes, book, gate }
}

impl Bench {
    /// Occupies the lane with one item at the gate, so that what follows queues.
    async fn occupy(&self) -> chit_batch::Pending<u32> {
        let first = self.lanes.submit(0, good(255, 0), None);
        while self.lanes.stats()[0].batches == 0 {
            tokio::task::yield_now().await;
        }
        first
    }

    fn commits(&self) -> Vec<Vec<(u8, u32)>> {
        open(&self.book).commits.clone()
    }
}

fn good(wallet: u8, number: u32) -> Item {
    Item { wallet, number, weight: 10, temper: Temper::Good }
}

fn numbers(range: std::ops::Range<u32>, wallet: u8) -> Vec<(u16, Item)> {
    range.map(|number| (0, good(wallet, number))).collect()
}

const OPEN: usize = 1_000_000;

#[tokio::test]
async fn an_idle_lane_commits_one_item_at_once() {
    let bench = bench(small(), OPEN);
    assert_eq!(bench.lanes.submit(0, good(1, 7), None).await, Ok(7));
    assert_eq!(bench.lanes.submit(0, good(1, 8), None).await, Ok(8));
    assert_eq!(bench.commits(), [vec![(1, 7)], vec![(1, 8)]]);
}

#[tokio::test]
async fn a_batch_is_what_waited_while_the_last_one_committed() {
    let bench = bench(small(), 0);
    let first = bench.occupy().await;
    let rest = bench.lanes.submit_many((0..5).map(|n| (0, good(n as u8, n))).collect(), None);
    bench.gate.add_permits(OPEN);
    assert_eq!((first.await, rest.await), (Ok(0), (0..5).map(Ok).collect()));
    assert_eq!(bench.commits().iter().map(Vec::len).collect::<Vec<_>>(), [1, 5]);
}

#[tokio::test]
async fn a_batch_is_bounded_by_items_and_by_bytes_but_takes_any_single_item() {
    async fn check(weights: &[usize], batches: &[usize]) {
        let bench = bench(small(), 0);
        let first = bench.occupy().await;
        let items =
            weights.iter().zip(0..).map(|(weight, n)| (0, Item { weight: *weight, ..good(n as u8, n) }));
        let rest = bench.lanes.submit_many(items.collect(), None);
        bench.gate.add_permits(OPEN);
        assert!(first.await.is_ok() && rest.await.iter().all(Result::is_ok));
        assert_eq!(bench.commits().iter().skip(1).map(Vec::len).collect::<Vec<_>>(), batches, "{weights:?}");
    }
    check(&[1; 8], &[8]).await;
    check(&[1; 9], &[8, 1]).await;
    check(&[500, 500, 1], &[2, 1]).await;
    check(&[5_000], &[1]).await;
    check(&[600, 600], &[1, 1]).await;
}

#[tokio::test]
async fn one_wallet_gets_half_a_batch_while_others_wait_and_keeps_its_order() {
    let bench = bench(small(), 0);
    let first = bench.occupy().await;
    let hot = bench.lanes.submit_many(numbers(0..10, 1), None);
    let others = bench.lanes.submit_many((0..4).map(|n| (0, good(10 + n as u8, n))).collect(), None);
    bench.gate.add_permits(OPEN);
    assert!(first.await.is_ok() && hot.await.iter().chain(&others.await).all(Result::is_ok));
    let commits = bench.commits();
    assert_eq!(commits[1], [(1, 0), (1, 1), (1, 2), (1, 3), (10, 0), (11, 1), (12, 2), (13, 3)]);
    assert_eq!(commits[2], (4..10).map(|n| (1, n)).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_wallet_alone_gets_the_whole_batch() {
    let bench = bench(small(), 0);
    let first = bench.occupy().await;
    let hot = bench.lanes.submit_many(numbers(0..12, 1), None);
    bench.gate.add_permits(OPEN);
    assert!(first.await.is_ok() && hot.await.iter().all(Result::is_ok));
    assert_eq!(bench.commits().iter().map(Vec::len).collect::<Vec<_>>(), [1, 8, 4]);
}

#[tokio::test]
async fn a_heavy_item_that_must_wait_makes_its_wallets_later_items_wait() {
    let bench = bench(small(), 0);
    let first = bench.occupy().await;
    let weights = [(1, 0, 300), (1, 1, 300), (1, 2, 1), (2, 3, 450)];
    let items = weights.map(|(wallet, n, weight)| (0, Item { weight, ..good(wallet, n) }));
    let rest = bench.lanes.submit_many(items.to_vec(), None);
    bench.gate.add_permits(OPEN);
    assert!(first.await.is_ok() && rest.await.iter().all(Result::is_ok));
    assert_eq!(bench.commits()[1..], [vec![(1, 0), (2, 3)], vec![(1, 1), (1, 2)]]);
}

#[tokio::test]
async fn a_full_queue_answers_busy_at_once_and_takes_items_again_later() {
    let bench = bench(small(), 0);
    let first = bench.occupy().await;
    let queued = bench.lanes.submit_many(numbers(0..21, 1), None);
    let refused = bench.lanes.submit(0, good(2, 0), None).await;
    assert!(matches!(refused, Err(LaneError::Busy { retry_after }) if retry_after > Duration::ZERO));
    let streamed = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&streamed);
    let room =
        bench.lanes.submit_when_room(0, good(2, 9), None, move |answer| heard.lock().unwrap().push(answer));
    bench.gate.add_permits(OPEN);
    room.await;
    assert_eq!(first.await, Ok(0));
    let answers = queued.await;
    assert!(answers[..20].iter().all(Result::is_ok));
    assert!(matches!(answers[20], Err(LaneError::Busy { .. })));
    assert_eq!(bench.lanes.submit(0, good(2, 1), None).await, Ok(1));
    assert_eq!(*streamed.lock().unwrap(), [Ok(9)]);
    assert_eq!(bench.lanes.stats()[0].busy, 2);
}

#[tokio::test]
async fn an_item_whose_deadline_has_passed_is_never_begun() {
    let bench = bench(small(), 0);
    let first = bench.occupy().await;
    let soon = Instant::now();
    let late = bench.lanes.submit(0, good(1, 1), Some(soon));
    let fine = bench.lanes.submit(0, good(1, 2), Some(soon + Duration::from_secs(600)));
    bench.gate.add_permits(OPEN);
    assert_eq!((first.await, late.await, fine.await), (Ok(0), Err(LaneError::DeadlinePassed), Ok(2)));
    assert_eq!(bench.commits(), [vec![(255, 0)], vec![(1, 2)]]);
    assert_eq!(bench.lanes.stats()[0].expired, 1);
}

#[tokio::test]
async fn a_dropped_caller_withdraws_what_waits_but_not_what_has_begun() {
    let bench = bench(small(), 0);
    drop(bench.occupy().await);
    drop(bench.lanes.submit(0, good(1, 1), None));
    drop(bench.lanes.submit_many(numbers(2..4, 1), None));
    let last = bench.lanes.submit(0, good(1, 5), None);
    bench.gate.add_permits(OPEN);
    assert_eq!(last.await, Ok(5));
    assert_eq!(bench.commits(), [vec![(255, 0)], vec![(1, 5)]]);
}

#[tokio::test]
async fn transient_and_unknown_failures_repeat_the_same_batch_after_recovery() {
    for failure in [Failure::Transient("deadlock".into()), Failure::Unknown("connection lost".into())] {
        let bench = bench(small(), OPEN);
        bench.book.lock().unwrap().script = vec![failure.clone(); 2];
        assert_eq!(bench.lanes.submit_many(numbers(0..3, 1), None).await, [Ok(0), Ok(1), Ok(2)]);
        let book = bench.book.lock().unwrap();
        assert_eq!((book.attempts, book.commits.len(), &book.recoveries), (3, 1, &vec![failure; 2]));
    }
}

#[tokio::test]
async fn used_up_attempts_answer_unavailable_and_the_lane_goes_on() {
    let bench = bench(small(), OPEN);
    bench.book.lock().unwrap().script = vec![Failure::Transient("busy".into()); 3];
    let answers = bench.lanes.submit_many(numbers(0..2, 1), None).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(LaneError::Unavailable(_)))), "{answers:?}");
    assert_eq!(bench.lanes.submit(0, good(1, 2), None).await, Ok(2));
}

#[tokio::test]
async fn an_attempt_without_end_counts_as_unknown_and_is_repeated() {
    let bench = bench(LaneConfig { attempts: 1_000_000, attempt_timeout: SHORT, ..small() }, 0);
    let answer = bench.lanes.submit(0, good(1, 1), None);
    while bench.book.lock().unwrap().recoveries.is_empty() {
        tokio::task::yield_now().await;
    }
    bench.gate.add_permits(OPEN);
    assert_eq!(answer.await, Ok(1));
    assert!(matches!(bench.book.lock().unwrap().recoveries[0], Failure::Unknown(_)));
}

#[tokio::test]
async fn a_poisonous_item_is_answered_alone_and_every_wallet_keeps_its_order() {
    for temper in [Temper::Poison, Temper::Panics] {
        for place in 0..7_u32 {
            let bench = bench(small(), OPEN);
            let items = (0..7).map(|n| {
                let temper = if n == place { temper } else { Temper::Good };
                (0, Item { temper, ..good((n % 2) as u8, n) })
            });
            let answers = bench.lanes.submit_many(items.collect(), None).await;
            for (number, answer) in (0..).zip(answers) {
                match answer {
                    Ok(done) => assert!(done == number && number != place),
                    Err(error) => {
                        assert!(matches!(error, LaneError::Internal(_)) && number == place, "{error}")
                    }
                }
            }
            let done: Vec<u32> = bench.commits().concat().into_iter().map(|(_, number)| number).collect();
            assert_eq!(done, (0..7).filter(|n| *n != place).collect::<Vec<_>>());
            assert_eq!(bench.lanes.stats()[0].internal, 1);
        }
    }
}

#[tokio::test]
async fn a_drain_refuses_new_items_and_answers_the_queued_ones() {
    let bench = bench(small(), 0);
    let first = bench.occupy().await;
    let queued = bench.lanes.submit_many(numbers(0..10, 1), None);
    let lanes = bench.lanes.clone();
    let drain = tokio::spawn(async move { lanes.drain(Duration::from_secs(600)).await });
    // One thread runs the test: the drain has closed the lanes before this goes on.
    tokio::task::yield_now().await;
    assert_eq!(bench.lanes.submit(0, good(2, 0), None).await, Err(LaneError::Draining));
    bench.gate.add_permits(OPEN);
    assert_eq!(drain.await.unwrap(), Drained { abandoned: 0, interrupted: 0 });
    assert!(first.await.is_ok() && queued.await.iter().all(Result::is_ok));
    assert_eq!(bench.lanes.drain(SHORT).await, Drained { abandoned: 0, interrupted: 0 });
}

#[tokio::test]
async fn a_drain_ends_in_time_and_tells_every_caller() {
    let bench = bench(small(), 0);
    let first = bench.occupy().await;
    let queued = bench.lanes.submit(0, good(1, 1), None);
    assert_eq!(bench.lanes.drain(SHORT).await, Drained { abandoned: 1, interrupted: 1 });
    assert!(matches!(first.await, Err(LaneError::Unavailable(_))));
    assert_eq!(queued.await, Err(LaneError::Draining));
}

#[tokio::test]
async fn lanes_whose_handles_are_gone_finish_and_end() {
    let bench = bench(small(), 0);
    let answer = bench.occupy().await;
    let Bench { lanes, gate, .. } = bench;
    drop(lanes);
    gate.add_permits(OPEN);
    assert_eq!(answer.await, Ok(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_of_one_shard_keep_their_order_and_every_item_is_answered_once() {
    let bench = bench(LaneConfig { lanes: 3, queue_items: 50, ..small() }, OPEN);
    let mut heard = HashMap::<u8, u32>::new();
    for round in 0..200_u32 {
        let items = (0..40).map(|n| (u16::from(n % 7), good(n % 7, round * 40 + u32::from(n)))).collect();
        let answers = bench.lanes.submit_many(items, None).await;
        assert!(answers.iter().all(Result::is_ok));
    }
    for (wallet, number) in bench.commits().concat() {
        let last = heard.insert(wallet, number);
        assert!(last.is_none_or(|last| last < number), "wallet {wallet}: {number} after {last:?}");
    }
    assert_eq!(bench.lanes.stats().iter().map(|lane| lane.answered).sum::<u64>(), 8_000);
}
