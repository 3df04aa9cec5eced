//! chit-batch
