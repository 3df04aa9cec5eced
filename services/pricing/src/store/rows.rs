//! Rows to values. A row that does not read was not written by us: that is a fault, never a guess.

use std::fmt::Display;

use chit_pricebook::{Assignment, Book, EventType};
use chit_store::StoreError;
use chit_types::{IdKind, PublicId, Timestamp};
use sea_orm::DbErr;
use serde::de::DeserializeOwned;

use super::entities::{assignment, cost_table, event_type, price_book, price_book_version};
use crate::domain::{CostTableHeader, StoredBook, StoredEventType, StoredTable, StoredVersion, VersionState};

pub const DRAFT: &str = "draft";
pub const PUBLISHED: &str = "published";

pub fn event_type(row: event_type::Model) -> StoredEventType {
    StoredEventType {
        event_type: EventType {
            name: row.name,
            display_name: row.display_name,
            description: row.description,
            quantity_unit: row.quantity_unit,
        },
        created_at: Timestamp::from_micros(row.created_at),
        updated_at: Timestamp::from_micros(row.updated_at),
    }
}

pub fn book(row: price_book::Model, published: u32, draft: u32) -> Result<StoredBook, StoreError> {
    Ok(StoredBook {
        book: Book {
            id: id(IdKind::PriceBook, &row.id)?,
            name: row.name,
            unit: row.unit,
            description: row.description,
        },
        created_at: Timestamp::from_micros(row.created_at),
        published_number: published,
        draft_number: draft,
    })
}

pub fn version(row: price_book_version::Model) -> Result<StoredVersion, StoreError> {
    let state = match (row.state.as_str(), row.effective_at, row.published_at) {
        (PUBLISHED, Some(effective_at), Some(published_at)) => VersionState::Published {
            effective_at: Timestamp::from_micros(effective_at),
            published_at: Timestamp::from_micros(published_at),
        },
        (DRAFT, None, None) => VersionState::Draft,
        (state, ..) => return Err(unreadable("state", state)),
    };
    Ok(StoredVersion {
        id: id(IdKind::PriceVersion, &row.id)?,
        number: number(row.number)?,
        rule_count: usize::try_from(row.rule_count).unwrap_or_default(),
        rules: if row.rules.is_empty() { Vec::new() } else { json(&row.rules)? },
        book: row.price_book,
        unit: row.unit,
        state,
        description: row.description,
        draft_revision: row.draft_revision,
        created_at: Timestamp::from_micros(row.created_at),
    })
}

pub fn assignment(row: assignment::Model) -> Assignment {
    Assignment {
        unit: row.unit,
        book: row.price_book,
        effective_at: Timestamp::from_micros(row.effective_at),
    }
}

pub fn cost_table(row: cost_table::Model) -> Result<StoredTable, StoreError> {
    Ok(StoredTable {
        header: CostTableHeader {
            version: number(row.version)?,
            currency: row.currency,
            effective_at: Timestamp::from_micros(row.effective_at),
            created_at: Timestamp::from_micros(row.created_at),
            model_count: usize::try_from(row.model_count).unwrap_or_default(),
        },
        models: json(&row.models)?,
    })
}

pub fn number(number: i64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|error| unreadable("number", error))
}

fn id(kind: IdKind, text: &str) -> Result<PublicId, StoreError> {
    PublicId::parse(kind, text).map_err(|error| unreadable("id", error))
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| unreadable("json", error))
}

fn unreadable(what: &str, why: impl Display) -> StoreError {
    DbErr::Type(format!("stored {what} cannot be read: {why}")).into()
}
