//! chit-runtime
