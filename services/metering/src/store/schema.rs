//! The schema's history.

use chit_store::{Migration, Migrations};

/// Metering's schema.
pub const MIGRATIONS: Migrations = Migrations {
    service: "metering",
    steps: &[Migration {
        version: 1,
        name: "events, facts, roll-ups and the replica of prices",
        sqlite: include_str!("migrations/0001_sqlite.sql"),
        postgres: include_str!("migrations/0001_postgres.sql"),
    }],
};
