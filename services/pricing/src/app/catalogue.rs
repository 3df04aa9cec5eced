//! Event types and price books.

use chit_pricebook::{Book, EventType};
use chit_types::IdKind;

use super::{App, Done, Fault, Key, Page, one_more};
use crate::domain::command::{CreateBook, Operation, of_event_type};
use crate::domain::{Refusal, StoredBook, StoredEventType};

impl App {
    /// Declares an event type or replaces what is said about it.
    pub async fn put_event_type(
        &self,
        tenant: &str,
        event_type: EventType,
        key: &str,
    ) -> Result<Done<StoredEventType>, Fault> {
        let key = Key { operation: Operation::PutEventType, key, fingerprint: of_event_type(&event_type) };
        let write = self.store.begin(tenant).await?;
        let known = write.reads().event_type(&event_type.name).await?;
        if self.replayed(&write, key).await?.is_some() {
            return Ok(Done::before(known.ok_or_else(|| unknown(&event_type.name))?));
        }
        let now = self.clock.now();
        let stored = StoredEventType {
            created_at: known.map_or(now, |known| known.created_at),
            updated_at: now,
            event_type,
        };
        write.put_event_type(&stored).await?;
        self.commit(write, key, &stored.event_type.name, now).await?;
        Ok(Done::now(stored))
    }

    /// An event type.
    pub async fn event_type(&self, tenant: &str, name: &str) -> Result<StoredEventType, Fault> {
        let found = self.store.reads(tenant).event_type(name).await?;
        Ok(found.ok_or_else(|| unknown(name))?)
    }

    /// Event types in order of name.
    pub async fn event_types(
        &self,
        tenant: &str,
        after: &str,
        limit: usize,
    ) -> Result<Page<StoredEventType>, Fault> {
        let found = self.store.reads(tenant).event_types(after, one_more(limit)).await?;
        Ok(Page::of(found, limit))
    }

    /// Makes an empty book.
    pub async fn create_book(
        &self,
        tenant: &str,
        command: CreateBook,
        key: &str,
    ) -> Result<Done<StoredBook>, Fault> {
        let key = Key { operation: Operation::CreateBook, key, fingerprint: command.fingerprint() };
        let write = self.store.begin(tenant).await?;
        let known = write.reads().book(&command.name).await?;
        if self.replayed(&write, key).await?.is_some() {
            return Ok(Done::before(known.ok_or_else(|| no_book(&command.name))?));
        }
        if known.is_some() {
            return Err(Refusal::AlreadyExists { name: command.name }.into());
        }
        let now = self.clock.now();
        let stored = StoredBook {
            book: Book {
                id: self.new_id(IdKind::PriceBook, now),
                name: command.name,
                unit: command.unit,
                description: command.description,
            },
            created_at: now,
            published_number: 0,
            draft_number: 0,
        };
        write.insert_book(&stored).await?;
        self.commit(write, key, &stored.book.name, now).await?;
        Ok(Done::now(stored))
    }

    /// A book.
    pub async fn book(&self, tenant: &str, name: &str) -> Result<StoredBook, Fault> {
        let found = self.store.reads(tenant).book(name).await?;
        Ok(found.ok_or_else(|| no_book(name))?)
    }

    /// Books in order of name.
    pub async fn books(&self, tenant: &str, after: &str, limit: usize) -> Result<Page<StoredBook>, Fault> {
        let found = self.store.reads(tenant).books(after, one_more(limit)).await?;
        Ok(Page::of(found, limit))
    }
}

fn unknown(name: &str) -> Refusal {
    Refusal::EventTypeNotFound { name: name.to_string() }
}

pub(super) fn no_book(name: &str) -> Refusal {
    Refusal::BookNotFound { book: name.to_string(), number: String::new() }
}
