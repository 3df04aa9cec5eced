//! chit-pricing
