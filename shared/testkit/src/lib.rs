//! chit-testkit
