//! Pricing through its contract, on both engines: every rpc and every reason.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

mod books;
mod costs;
mod fields;
mod follow;
mod quotes;
mod starter;
mod strangers;
mod world;
