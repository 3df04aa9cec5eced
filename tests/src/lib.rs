//! chit-tests
