//! Pricing through its contract, on both engines: every rpc and every reason.

mod books;
mod costs;
mod fields;
mod follow;
mod quotes;
mod starter;
mod world;
