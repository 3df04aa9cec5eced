//! Wallets: grants, holds and a ledger that can be trusted.

pub mod domain;
pub mod engine;
pub mod jobs;
pub mod store;
