//! Pricing's own nouns and rules; the arithmetic of a price is `chit-pricebook`'s. Pure.

pub mod command;
pub mod cost_csv;
pub mod effective;
pub mod refusal;
pub mod resource;

pub use refusal::Refusal;
pub use resource::{
    Change, CostTableHeader, StoredBook, StoredEventType, StoredTable, StoredVersion, VersionState,
};
