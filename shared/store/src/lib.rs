//! chit-store
