//! chit-wallet
