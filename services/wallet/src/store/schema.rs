//! The schema's history.

use chit_store::{Migration, Migrations};

/// Every step, for both engines.
pub const MIGRATIONS: Migrations = Migrations {
    service: "wallet",
    steps: &[Migration {
        version: 1,
        name: "ledger",
        sqlite: include_str!("../../migrations/0001_ledger.sqlite.sql"),
        postgres: include_str!("../../migrations/0001_ledger.postgres.sql"),
    }],
};
