//! Metering on SQLite and PostgreSQL: the store's contract, then the whole way of an event against wallet and
//! pricing in one process.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

mod authorizations;
mod contract;
mod events;
mod faults;
mod fields;
mod harness;
mod settling;
mod store;
mod world;
