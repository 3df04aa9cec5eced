//! chit-rpc
