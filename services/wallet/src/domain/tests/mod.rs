//! The rules, tested without any database: tables of plain scripts, and a machine that throws everything at a wallet.

mod desk;
mod documented;
mod invariants;
mod machine;
mod parse;
mod planted;
mod script;
mod table_commits;
mod table_debts;
mod table_edges;
mod table_grants;
mod table_holds;
mod table_order;
mod table_reversals;
mod table_revocations;
mod table_time;
mod vectors;
