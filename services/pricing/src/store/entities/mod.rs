//! The tables as SeaORM sees them; `migrations/` says what constrains them.

pub mod assignment;
pub mod cost_table;
pub mod event_type;
pub mod idempotency_key;
pub mod price_book;
pub mod price_book_version;
pub mod pricing_tenant;
