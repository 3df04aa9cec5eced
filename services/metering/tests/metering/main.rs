//! Metering on SQLite and PostgreSQL: the store's contract, then the whole way of an event against the real
//! wallet and pricing in one process.

mod harness;
mod settling;
mod store;
