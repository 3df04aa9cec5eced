//! What changed after a revision, in order: how replicas follow.

use chit_store::StoreError;
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::entities::{assignment, cost_table, event_type, price_book, price_book_version};
use super::{Store, rows};
use crate::domain::Change;

/// Rows read from one table at a time: a version or table may be megabytes.
const ROWS_AT_ONCE: u64 = 16;

/// Changes in order, each with its revision.
#[derive(Debug, Default)]
pub struct Changes {
    /// The changes.
    pub items: Vec<(i64, Change)>,
    /// Up to which revision they are complete.
    pub up_to: i64,
}

impl Store {
    /// Some changes after revision `after` and up to `head`, a revision that was read before: what is
    /// committed later has a higher one, so nothing at or below `head` can still appear.
    pub async fn changes(&self, tenant: &str, after: i64, head: i64) -> Result<Changes, StoreError> {
        let mut gathered = Gathered { items: Vec::new(), up_to: head };
        let window = Window { connection: self.database.reader(), tenant, after, head };
        gathered.add(window.event_types().await?);
        gathered.add(window.books().await?);
        gathered.add(window.versions().await?);
        gathered.add(window.assignments().await?);
        gathered.add(window.cost_tables().await?);
        let Gathered { mut items, up_to } = gathered;
        items.retain(|(revision, _)| *revision <= up_to);
        items.sort_by_key(|(revision, _)| *revision);
        Ok(Changes { items, up_to })
    }
}

struct Gathered {
    items: Vec<(i64, Change)>,
    up_to: i64,
}

impl Gathered {
    /// A table that filled its share may have more: nothing is complete beyond its last row.
    fn add(&mut self, rows: Vec<(i64, Change)>) {
        if rows.len() as u64 == ROWS_AT_ONCE
            && let Some((last, _)) = rows.last()
        {
            self.up_to = self.up_to.min(*last);
        }
        self.items.extend(rows);
    }
}

struct Window<'a> {
    connection: &'a DatabaseConnection,
    tenant: &'a str,
    after: i64,
    head: i64,
}

impl Window<'_> {
    /// The rows of one table within the window, in order of revision.
    async fn rows<E: EntityTrait>(
        &self,
        table: Select<E>,
        tenant: E::Column,
        revision: E::Column,
    ) -> Result<Vec<E::Model>, StoreError> {
        let rows = table
            .filter(tenant.eq(self.tenant))
            .filter(revision.gt(self.after))
            .filter(revision.lte(self.head))
            .order_by_asc(revision)
            .limit(ROWS_AT_ONCE)
            .all(self.connection)
            .await?;
        Ok(rows)
    }

    async fn event_types(&self) -> Result<Vec<(i64, Change)>, StoreError> {
        let rows = self
            .rows(event_type::Entity::find(), event_type::Column::Tenant, event_type::Column::Revision)
            .await?;
        let changes = rows.into_iter().map(|row| (row.revision, Change::EventType(rows::event_type(row))));
        Ok(changes.collect())
    }

    async fn books(&self) -> Result<Vec<(i64, Change)>, StoreError> {
        let mut changes = Vec::new();
        for row in self
            .rows(price_book::Entity::find(), price_book::Column::Tenant, price_book::Column::Revision)
            .await?
        {
            // Followers learn of versions by the versions themselves.
            changes.push((row.revision, Change::Book(rows::book(row, 0, 0)?)));
        }
        Ok(changes)
    }

    async fn versions(&self) -> Result<Vec<(i64, Change)>, StoreError> {
        let mut changes = Vec::new();
        for row in self
            .rows(
                price_book_version::Entity::find(),
                price_book_version::Column::Tenant,
                price_book_version::Column::Revision,
            )
            .await?
        {
            changes.push((row.revision.unwrap_or_default(), Change::Version(rows::version(row)?)));
        }
        Ok(changes)
    }

    async fn assignments(&self) -> Result<Vec<(i64, Change)>, StoreError> {
        let rows = self
            .rows(assignment::Entity::find(), assignment::Column::Tenant, assignment::Column::Revision)
            .await?;
        let changes = rows.into_iter().map(|row| (row.revision, Change::Assignment(rows::assignment(row))));
        Ok(changes.collect())
    }

    async fn cost_tables(&self) -> Result<Vec<(i64, Change)>, StoreError> {
        let mut changes = Vec::new();
        for row in self
            .rows(cost_table::Entity::find(), cost_table::Column::Tenant, cost_table::Column::Revision)
            .await?
        {
            changes.push((row.revision, Change::CostTable(rows::cost_table(row)?)));
        }
        Ok(changes)
    }
}
