//! Bounded lanes: many callers, few writers. A batch is whatever queued in a lane while its previous batch
//! committed, so an idle lane answers one item in one commit and a busy one shares each commit between thousands.
//!
//! A lane is one task that owns one [`Worker`] (a connection of its own). Shard `s` belongs to lane `s mod lanes`,
//! so items of one shard are worked in the order in which they were submitted. What the lanes promise:
//! - a full queue answers [`LaneError::Busy`] at once; nothing waits outside a bounded queue;
//! - an item whose deadline has passed, or whose caller has gone, is not begun; one that has begun is finished;
//! - one group (a wallet) fills at most half a batch while others wait, and its items keep their order;
//! - a transient or unknown failure repeats the same batch, a permanent one halves it until the poisonous item
//!   stands alone and is answered [`LaneError::Internal`], while the others go on;
//! - [`Lanes::drain`] stops the intake and empties what is there.

mod config;
mod error;
mod lane;
mod lanes;
mod queue;
mod reply;
mod stats;
mod worker;

pub use config::LaneConfig;
pub use error::LaneError;
pub use lanes::{Drained, Lanes};
pub use reply::{Pending, PendingMany};
pub use stats::LaneStats;
pub use worker::{Failure, Worker};
