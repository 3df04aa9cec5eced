//! Reads, the same inside a transaction and outside.

use chit_pricebook::Assignment;
use chit_store::StoreError;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};

use super::entities::{assignment, cost_table, event_type, idempotency_key, price_book, price_book_version};
use super::rows;
use crate::domain::command::Operation;
use crate::domain::{StoredBook, StoredEventType, StoredTable, StoredVersion};

/// One tenant's tables through one connection.
#[derive(Debug)]
pub struct Reads<'a, C> {
    connection: &'a C,
    tenant: &'a str,
}

impl<'a, C: ConnectionTrait> Reads<'a, C> {
    pub(super) fn new(connection: &'a C, tenant: &'a str) -> Self {
        Self { connection, tenant }
    }

    /// An event type.
    pub async fn event_type(&self, name: &str) -> Result<Option<StoredEventType>, StoreError> {
        let key = (self.tenant.to_string(), name.to_string());
        let row = event_type::Entity::find_by_id(key).one(self.connection).await?;
        Ok(row.map(rows::event_type))
    }

    /// Event types in order of name, from the one after `after` on.
    pub async fn event_types(&self, after: &str, limit: u64) -> Result<Vec<StoredEventType>, StoreError> {
        let rows = event_type::Entity::find()
            .filter(event_type::Column::Tenant.eq(self.tenant))
            .filter(event_type::Column::Name.gt(after))
            .order_by_asc(event_type::Column::Name)
            .limit(limit)
            .all(self.connection)
            .await?;
        Ok(rows.into_iter().map(rows::event_type).collect())
    }

    /// The names of all event types.
    pub async fn event_type_names(&self) -> Result<Vec<String>, StoreError> {
        let names = event_type::Entity::find()
            .filter(event_type::Column::Tenant.eq(self.tenant))
            .select_only()
            .column(event_type::Column::Name)
            .order_by_asc(event_type::Column::Name)
            .into_tuple()
            .all(self.connection)
            .await?;
        Ok(names)
    }

    /// A book.
    pub async fn book(&self, name: &str) -> Result<Option<StoredBook>, StoreError> {
        let key = (self.tenant.to_string(), name.to_string());
        match price_book::Entity::find_by_id(key).one(self.connection).await? {
            Some(row) => Ok(Some(self.with_numbers(row).await?)),
            None => Ok(None),
        }
    }

    /// Books in order of name, from the one after `after` on.
    pub async fn books(&self, after: &str, limit: u64) -> Result<Vec<StoredBook>, StoreError> {
        let rows = price_book::Entity::find()
            .filter(price_book::Column::Tenant.eq(self.tenant))
            .filter(price_book::Column::Name.gt(after))
            .order_by_asc(price_book::Column::Name)
            .limit(limit)
            .all(self.connection)
            .await?;
        let mut books = Vec::with_capacity(rows.len());
        for row in rows {
            books.push(self.with_numbers(row).await?);
        }
        Ok(books)
    }

    /// A version with its rules; number 0 is the newest.
    pub async fn version(&self, book: &str, number: u32) -> Result<Option<StoredVersion>, StoreError> {
        let row = self
            .of_book(book)
            .apply_if((number > 0).then_some(number), |query, number| {
                query.filter(price_book_version::Column::Number.eq(i64::from(number)))
            })
            .one(self.connection)
            .await?;
        row.map(rows::version).transpose()
    }

    /// Versions without their rules, newest first, below number `below`.
    pub async fn versions(
        &self,
        book: &str,
        below: i64,
        limit: u64,
    ) -> Result<Vec<StoredVersion>, StoreError> {
        let rows: Vec<price_book_version::Model> = self
            .of_book(book)
            .filter(price_book_version::Column::Number.lt(below))
            .limit(limit)
            .all(self.connection)
            .await?;
        let headers = rows.into_iter().map(|mut row| {
            row.rules.clear();
            rows::version(row)
        });
        headers.collect()
    }

    /// A unit's newest assignment.
    pub async fn last_assignment(&self, unit: &str) -> Result<Option<Assignment>, StoreError> {
        let row = assignment::Entity::find()
            .filter(assignment::Column::Tenant.eq(self.tenant))
            .filter(assignment::Column::Unit.eq(unit))
            .order_by_desc(assignment::Column::EffectiveAt)
            .one(self.connection)
            .await?;
        Ok(row.map(rows::assignment))
    }

    /// The assignment of a unit that began exactly then.
    pub async fn assignment(&self, unit: &str, effective_at: i64) -> Result<Option<Assignment>, StoreError> {
        let key = (self.tenant.to_string(), unit.to_string(), effective_at);
        let row = assignment::Entity::find_by_id(key).one(self.connection).await?;
        Ok(row.map(rows::assignment))
    }

    /// A cost table; version 0 is the newest.
    pub async fn cost_table(&self, version: u32) -> Result<Option<StoredTable>, StoreError> {
        let row = cost_table::Entity::find()
            .filter(cost_table::Column::Tenant.eq(self.tenant))
            .apply_if((version > 0).then_some(version), |query, version| {
                query.filter(cost_table::Column::Version.eq(i64::from(version)))
            })
            .order_by_desc(cost_table::Column::Version)
            .one(self.connection)
            .await?;
        row.map(rows::cost_table).transpose()
    }

    /// What a key was used for: the fingerprint of its content and the resource it made.
    pub async fn key(
        &self,
        operation: Operation,
        key: &str,
    ) -> Result<Option<(Vec<u8>, String)>, StoreError> {
        let id = (self.tenant.to_string(), operation.word().to_string(), key.to_string());
        let row = idempotency_key::Entity::find_by_id(id).one(self.connection).await?;
        Ok(row.map(|row| (row.fingerprint, row.resource)))
    }

    fn of_book(&self, book: &str) -> Select<price_book_version::Entity> {
        price_book_version::Entity::find()
            .filter(price_book_version::Column::Tenant.eq(self.tenant))
            .filter(price_book_version::Column::PriceBook.eq(book))
            .order_by_desc(price_book_version::Column::Number)
    }

    async fn with_numbers(&self, row: price_book::Model) -> Result<StoredBook, StoreError> {
        let published = self.newest(&row.name, rows::PUBLISHED).await?;
        let draft = self.newest(&row.name, rows::DRAFT).await?;
        rows::book(row, published, draft)
    }

    async fn newest(&self, book: &str, state: &str) -> Result<u32, StoreError> {
        let number: Option<i64> = self
            .of_book(book)
            .filter(price_book_version::Column::State.eq(state))
            .select_only()
            .column(price_book_version::Column::Number)
            .into_tuple()
            .one(self.connection)
            .await?;
        rows::number(number.unwrap_or(0))
    }
}
