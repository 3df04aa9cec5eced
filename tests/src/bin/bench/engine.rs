//! The wallet engine in this process, on a database filled by the engine itself.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chit_store::Database;
use chit_types::{Clock, Credits, Origin, ShardCount, SystemClock, SystemIds, Timestamp, key_hash};
use chit_wallet::domain::encoding::{fingerprint, kind_of};
use chit_wallet::domain::operation::{CommitClose, NewGrant, OnInsufficient, OnOverrun};
use chit_wallet::domain::{Details, Envelope, GrantSource, HoldId, Operation, OwedPolicy};
use chit_wallet::engine::{Answer, Command, Desk, Parts, WalletRef};
use chit_wallet::store::{MIGRATIONS, Store};

use crate::load::Numbers;

/// Live grants a wallet has: a plan's allowance, a pack and a promotion are usual.
const GRANTS: u64 = 3;
/// Operations handed over at once while filling.
const FILL_BATCH: u64 = 4_000;
/// What one action costs.
const PRICE: Credits = Credits::whole(1);
const EVENT_TYPE: &str = "chat.reply";

/// An engine on a filled database.
#[derive(Clone)]
pub struct Engine {
    desk: Desk,
    database: Database,
    wallets: u64,
    numbers: Numbers,
}

fn parts(database: &Database) -> Parts {
    Parts {
        store: Store::Database(database.clone()),
        shards: ShardCount::DEFAULT,
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
    }
}

fn envelope(operation: Operation, key: u64, event_type: &str) -> Command {
    Command::Apply(Box::new(Envelope {
        origin: Origin::Client,
        may_override: false,
        key: key_hash(Origin::Client, kind_of(&operation), &key.to_string(), 0),
        fingerprint: fingerprint(&operation, event_type),
        details: Details { event_type: event_type.to_owned(), ..Details::default() },
        operation,
    }))
}

fn grant(index: u64) -> Operation {
    let year = Duration::from_secs(365 * 86_400);
    Operation::Grant(NewGrant {
        amount: Credits::whole(100_000_000),
        source: [GrantSource::Allowance, GrantSource::Purchase, GrantSource::Promotion]
            [usize::try_from(index % 3).unwrap_or(0)],
        priority: 100,
        effective_at: None,
        expires_at: (index > 0).then(|| expiry() + year),
        event_types: Vec::new(),
        paid: None,
        cost_basis: i64::try_from(index).unwrap_or(0) * 10_000_000,
        owed_policy: OwedPolicy::RepayFirst,
        period_end: None,
    })
}

fn expiry() -> Timestamp {
    SystemClock.now()
}

fn wallet(number: u64) -> WalletRef {
    WalletRef::new("bench", format!("customer-{number:08}"), "credits")
}

impl Engine {
    /// Migrates and fills a database: every wallet with its grants, then earlier deductions at random.
    pub async fn fill(address: &str, wallets: u64, earlier: u64) -> Result<Self> {
        let database = Database::open(address, 8).await?;
        MIGRATIONS.run(&database, ShardCount::DEFAULT, SystemClock.now()).await?;
        let desk = Desk::start(&parts(&database));
        let engine = Self { desk, database, wallets, numbers: Numbers::from_seed(1) };
        let mut next = 0;
        let total = wallets * GRANTS;
        while next < total {
            let batch = (next..total.min(next + FILL_BATCH))
                .map(|n| (wallet(n % wallets), envelope(grant(n / wallets), n, "")))
                .collect();
            engine.all(batch).await?;
            next += FILL_BATCH;
        }
        let mut left = earlier;
        while left > 0 {
            let count = left.min(FILL_BATCH);
            let batch = (0..count).map(|_| engine.deduct_of(engine.numbers.next() % wallets)).collect();
            engine.all(batch).await?;
            left -= count;
        }
        Ok(engine)
    }

    /// A second one on the same database, as another pod is.
    pub async fn another(&self, address: &str) -> Result<Self> {
        let database = Database::open(address, 8).await?;
        let desk = Desk::start(&parts(&database));
        Ok(Self { desk, database, wallets: self.wallets, numbers: self.numbers.clone() })
    }

    async fn all(&self, batch: Vec<(WalletRef, Command)>) -> Result<()> {
        for answer in self.desk.submit_many(batch, None).await {
            answer?;
        }
        Ok(())
    }

    fn deduct_of(&self, number: u64) -> (WalletRef, Command) {
        let operation = Operation::Deduct { amount: PRICE, on_insufficient: OnInsufficient::Refuse };
        (wallet(number), envelope(operation, self.numbers.next(), EVENT_TYPE))
    }

    async fn one(&self, (wallet, command): (WalletRef, Command)) -> Result<Answer> {
        Ok(self.desk.submit(wallet, command, None).await?)
    }

    /// A deduction from a random wallet.
    pub async fn deduct(self) -> Result<u64> {
        let number = self.numbers.next() % self.wallets;
        self.one(self.deduct_of(number)).await.map(|_| 1)
    }

    /// A deduction from the one wallet everybody uses.
    pub async fn deduct_hot(self) -> Result<u64> {
        self.one(self.deduct_of(0)).await.map(|_| 1)
    }

    /// A reservation and its commit on a random wallet.
    pub async fn pair(self) -> Result<u64> {
        let wallet = wallet(self.numbers.next() % self.wallets);
        let reserve = Operation::Reserve { amount: PRICE, ttl: None };
        let key = self.numbers.next();
        let answer = self.one((wallet.clone(), envelope(reserve, key, EVENT_TYPE))).await?;
        let hold: HoldId = answer.applied.hold.context("a reserve answers its hold")?.id;
        let commit = Operation::Commit {
            hold,
            total: PRICE,
            close: CommitClose::Final,
            on_overrun: OnOverrun::Record,
        };
        self.one((wallet, envelope(commit, key, ""))).await.map(|_| 1)
    }

    /// Batches committed so far.
    pub fn batches(&self) -> f64 {
        self.desk.stats().iter().map(|lane| lane.batches as f64).sum()
    }

    /// The database behind it.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Empties the lanes.
    pub async fn stop(&self) {
        self.desk.drain(Duration::from_secs(30)).await;
        self.database.close().await;
    }
}
