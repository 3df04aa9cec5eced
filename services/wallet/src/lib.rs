//! Wallets: grants, holds and a ledger that can be trusted.

pub mod domain;
