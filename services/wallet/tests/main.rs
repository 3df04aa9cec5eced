//! The wallet's contract: every rpc, every refusal, on both engines.
#![allow(clippy::unwrap_used, reason = "what fails in a test fails the test")]

mod rpc_bad_input;
mod rpc_batch;
mod rpc_feed;
mod rpc_mutations;
mod rpc_reads;
mod rpc_refusals;
mod rpc_replay;
mod rpc_scopes;
mod rpc_support;
mod rpc_tenants;
mod store_contract;
mod store_faults;
mod store_feed;
mod store_support;
