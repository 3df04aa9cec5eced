//! The rules, tested without any database: tables, and a machine that throws everything at a wallet.

mod desk;
mod machine;
