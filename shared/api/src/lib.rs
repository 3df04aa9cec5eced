//! chit-api
