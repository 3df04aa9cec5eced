//! One file a command: ask the services, show the answer.

pub mod explain;
pub mod meter;
pub mod usage;
pub mod verify;
pub mod wallet;

use chit_types::{Clock, IdSource, SystemClock, SystemIds};
use data_encoding::HEXLOWER;

/// An id for something that the caller gave none: made once, shown with the answer.
pub fn fresh_id(prefix: &str) -> String {
    format!("{prefix}-{}", HEXLOWER.encode(&SystemIds.next(SystemClock.now())))
}
