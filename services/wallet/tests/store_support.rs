//! What the tests of the engine and its store share: a desk over each of the three stores, and short words for
//! operations.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chit_batch::LaneConfig;
use chit_store::Database;
use chit_testkit::{FreshDatabase, fresh_database, temp_data_dir};
use chit_types::{Credits, Hash, ManualClock, Origin, ShardCount, SystemIds, Timestamp, key_hash};
use chit_wallet::domain::encoding::{fingerprint, kind_of};
use chit_wallet::domain::operation::{CommitClose, NewGrant, OnInsufficient, OnOverrun};
use chit_wallet::domain::{Details, Envelope, GrantSource, HoldId, Operation, OwedPolicy};
use chit_wallet::engine::{Answer, Command, Desk, Fault, Parts, Reader, WalletRef};
use chit_wallet::store::memory::Memory;
use chit_wallet::store::{MIGRATIONS, Store};

/// Where every test's clock starts.
pub const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
/// Few shards, so that wallets share them.
pub const SHARDS: u16 = 4;

/// What must outlive a test's store.
#[derive(Debug)]
pub enum Kept {
    Nothing,
    Folder { _folder: tempfile::TempDir },
    Database(FreshDatabase),
}

/// A desk and a reader over one store.
#[derive(Debug)]
pub struct World {
    pub parts: Parts,
    pub clock: ManualClock,
    pub desk: Desk,
    pub reader: Reader,
    pub kept: Kept,
    next: AtomicU64,
}

impl World {
    pub async fn over(store: Store, kept: Kept) -> Self {
        let clock = ManualClock::at(START);
        if let Store::Database(database) = &store {
            let count = ShardCount::new(SHARDS).unwrap();
            MIGRATIONS.run(database, count, START).await.unwrap();
        }
        let parts = Parts {
            store,
            shards: ShardCount::new(SHARDS).unwrap(),
            clock: Arc::new(clock.clone()),
            ids: Arc::new(SystemIds),
        };
        let desk = Desk::start(&parts);
        let reader = Reader::new(&parts, &desk);
        Self { parts, clock, desk, reader, kept, next: AtomicU64::new(1) }
    }

    pub async fn memory() -> Self {
        Self::over(Store::Memory(Arc::new(Memory::default())), Kept::Nothing).await
    }

    pub async fn sqlite() -> Self {
        let folder = temp_data_dir();
        let database = Database::sqlite(folder.path().join("wallet.db")).await.unwrap();
        Self::over(Store::Database(database), Kept::Folder { _folder: folder }).await
    }

    pub async fn postgres(name: &str) -> Self {
        let fresh = fresh_database(name);
        let database = Database::postgres(&fresh.url(), 8).await.unwrap();
        Self::over(Store::Database(database), Kept::Database(fresh)).await
    }

    /// Another pod on the same database.
    pub fn another_desk(&self) -> Desk {
        let config = LaneConfig { lanes: self.parts.store.usual_lanes(), ..LaneConfig::default() };
        Desk::start_with(&self.parts, config)
    }

    /// A command with a key of its own.
    pub fn fresh(&self, operation: Operation) -> Command {
        let key = self.next.fetch_add(1, Ordering::SeqCst);
        keyed(&format!("fresh-{key}"), operation)
    }

    pub async fn submit(&self, wallet: &WalletRef, command: Command) -> Result<Answer, Fault> {
        self.desk.submit(wallet.clone(), command, None).await
    }

    /// Applies an operation under a fresh key.
    pub async fn try_apply(&self, wallet: &WalletRef, operation: Operation) -> Result<Answer, Fault> {
        self.submit(wallet, self.fresh(operation)).await
    }

    /// The same where it must be accepted; what was answered is what is stored.
    pub async fn apply(&self, wallet: &WalletRef, operation: Operation) -> Answer {
        let answer = self.try_apply(wallet, operation).await.unwrap();
        if let Some(transaction) = &answer.applied.transaction {
            let stored = self.reader.transaction(wallet, transaction.seq).await.unwrap();
            assert_eq!(stored.as_ref(), Some(transaction));
        }
        answer
    }

    /// The ledger of a wallet is whole.
    pub async fn verify(&self, wallet: &WalletRef) {
        let verification = self.reader.verify(wallet).await.unwrap();
        assert_eq!(verification.findings, Vec::new());
        assert_ne!(verification.wallet.hash, Hash([0; 32]));
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// Runs a test over memory, SQLite and PostgreSQL.
pub async fn on_each_store(name: &str, test: impl AsyncFn(World)) {
    println!("over memory");
    test(World::memory().await).await;
    println!("over SQLite");
    test(World::sqlite().await).await;
    println!("over PostgreSQL");
    test(World::postgres(name).await).await;
}

pub fn wallet(customer: &str) -> WalletRef {
    WalletRef::new("acme", customer, "credits")
}

pub fn credits(amount: i64) -> Credits {
    Credits::whole(amount)
}

pub fn keyed(key: &str, operation: Operation) -> Command {
    keyed_with(key, operation, Details { event_type: "chat.reply".to_owned(), ..Details::default() })
}

pub fn keyed_with(key: &str, operation: Operation, details: Details) -> Command {
    Command::Apply(Box::new(Envelope {
        origin: Origin::Client,
        may_override: false,
        key: key_hash(Origin::Client, kind_of(&operation), key, 0),
        fingerprint: fingerprint(&operation, &details.event_type),
        details,
        operation,
    }))
}

pub fn grant(amount: i64) -> Operation {
    Operation::Grant(NewGrant {
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
    })
}

pub fn grant_until(amount: i64, expires_at: Timestamp) -> Operation {
    match grant(amount) {
        Operation::Grant(new) => Operation::Grant(NewGrant { expires_at: Some(expires_at), ..new }),
        other => other,
    }
}

pub fn deduct(amount: i64) -> Operation {
    Operation::Deduct { amount: credits(amount), on_insufficient: OnInsufficient::Refuse }
}

pub fn record(amount: i64) -> Operation {
    Operation::Deduct { amount: credits(amount), on_insufficient: OnInsufficient::Record }
}

pub fn reserve(amount: i64) -> Operation {
    Operation::Reserve { amount: credits(amount), ttl: None }
}

pub fn commit(hold: HoldId, total: i64, close: CommitClose) -> Operation {
    Operation::Commit { hold, total: credits(total), close, on_overrun: OnOverrun::Record }
}
