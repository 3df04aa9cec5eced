//! The words every service shares: credits, time, ids, shards, kinds, and the one canonical encoding
//! that hashes and fingerprints are made of. Pure: no I/O, no clock, no randomness of its own.

pub mod canonical;
pub mod clock;
pub mod credits;
pub mod decimal;
pub mod ids;
pub mod kinds;
pub mod limits;
pub mod shard;
pub mod time;

pub use canonical::{Encoder, Fingerprint, Hash, KeyHash, key_hash};
pub use clock::{Clock, IdSource, ManualClock, SeededIds, SystemClock, SystemIds};
pub use credits::{AmountError, Credits};
pub use decimal::{Cost, Decimal, DecimalError, Rounding};
pub use ids::{IdError, IdKind, PublicId};
pub use kinds::{Account, Origin, TransactionKind};
pub use shard::{Shard, ShardCount, WalletId, shard_of};
pub use time::Timestamp;
