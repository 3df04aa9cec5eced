//! One write of one tenant: it holds the tenant's row from its first statement on.

use chit_pricebook::Assignment;
use chit_store::{Database, StoreError};
use chit_types::{Fingerprint, Timestamp};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, Set,
    Statement,
};

use super::Reads;
use super::entities::{assignment, cost_table, event_type, idempotency_key, price_book, price_book_version};
use super::rows::{DRAFT, PUBLISHED};
use crate::domain::command::Operation;
use crate::domain::{StoredBook, StoredEventType, StoredTable, StoredVersion, VersionState};

/// Takes the tenant's next revision and, with it, the row's lock: other writes of the tenant wait here.
const NEXT_REVISION: &str = "INSERT INTO pricing_tenant (tenant, revision) VALUES ($1, 1) \
     ON CONFLICT (tenant) DO UPDATE SET revision = pricing_tenant.revision + 1 RETURNING revision";

/// An open write. Dropped without [`commit`](Write::commit) it leaves nothing behind, its revision included.
#[derive(Debug)]
pub struct Write {
    transaction: DatabaseTransaction,
    tenant: String,
    revision: i64,
}

impl Write {
    pub(super) async fn begin(database: &Database, tenant: &str) -> Result<Self, StoreError> {
        let transaction = database.begin_write().await?;
        let next = Statement::from_sql_and_values(
            transaction.get_database_backend(),
            NEXT_REVISION,
            [tenant.into()],
        );
        let row = transaction.query_one_raw(next).await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound("the tenant's next revision".to_string()))?;
        Ok(Self { revision: row.try_get_by_index(0)?, transaction, tenant: tenant.to_string() })
    }

    /// Reads inside this write.
    #[must_use]
    pub fn reads(&self) -> Reads<'_, DatabaseTransaction> {
        Reads::new(&self.transaction, &self.tenant)
    }

    /// Inserts or replaces an event type.
    pub async fn put_event_type(&self, stored: &StoredEventType) -> Result<(), StoreError> {
        let known = self.reads().event_type(&stored.event_type.name).await?;
        let row = event_type::Model {
            tenant: self.tenant.clone(),
            name: stored.event_type.name.clone(),
            display_name: stored.event_type.display_name.clone(),
            description: stored.event_type.description.clone(),
            quantity_unit: stored.event_type.quantity_unit.clone(),
            created_at: stored.created_at.micros(),
            updated_at: stored.updated_at.micros(),
            revision: self.revision,
        };
        let row = row.into_active_model();
        match known {
            Some(_) => event_type::Entity::update(row.reset_all()).exec(&self.transaction).await.map(drop)?,
            None => {
                event_type::Entity::insert(row).exec_without_returning(&self.transaction).await.map(drop)?
            }
        }
        Ok(())
    }

    /// Inserts a book.
    pub async fn insert_book(&self, stored: &StoredBook) -> Result<(), StoreError> {
        let row = price_book::Model {
            tenant: self.tenant.clone(),
            name: stored.book.name.clone(),
            id: stored.book.id.to_string(),
            unit: stored.book.unit.clone(),
            description: stored.book.description.clone(),
            created_at: stored.created_at.micros(),
            revision: self.revision,
        };
        price_book::Entity::insert(row.into_active_model()).exec_without_returning(&self.transaction).await?;
        Ok(())
    }

    /// Inserts a draft.
    pub async fn insert_draft(&self, draft: &StoredVersion) -> Result<(), StoreError> {
        let row = self.version_row(draft)?;
        price_book_version::Entity::insert(row.into_active_model())
            .exec_without_returning(&self.transaction)
            .await?;
        Ok(())
    }

    /// Replaces a draft, or publishes it: the row must be a draft still.
    pub async fn update_draft(&self, version: &StoredVersion) -> Result<(), StoreError> {
        use sea_orm::{ColumnTrait, QueryFilter};
        let row = self.version_row(version)?.into_active_model();
        let changed = price_book_version::Entity::update_many()
            .set(row.reset_all())
            .filter(price_book_version::Column::Tenant.eq(self.tenant.as_str()))
            .filter(price_book_version::Column::PriceBook.eq(version.book.as_str()))
            .filter(price_book_version::Column::Number.eq(i64::from(version.number)))
            .filter(price_book_version::Column::State.eq(DRAFT))
            .exec(&self.transaction)
            .await?;
        if changed.rows_affected != 1 {
            return Err(DbErr::RecordNotUpdated.into());
        }
        Ok(())
    }

    /// Inserts an assignment.
    pub async fn insert_assignment(&self, made: &Assignment) -> Result<(), StoreError> {
        let row = assignment::Model {
            tenant: self.tenant.clone(),
            unit: made.unit.clone(),
            effective_at: made.effective_at.micros(),
            price_book: made.book.clone(),
            revision: self.revision,
        };
        assignment::Entity::insert(row.into_active_model()).exec_without_returning(&self.transaction).await?;
        Ok(())
    }

    /// Inserts a cost table.
    pub async fn insert_cost_table(&self, table: &StoredTable) -> Result<(), StoreError> {
        let header = &table.header;
        let row = cost_table::Model {
            tenant: self.tenant.clone(),
            version: i64::from(header.version),
            currency: header.currency.clone(),
            effective_at: header.effective_at.micros(),
            created_at: header.created_at.micros(),
            models: json(&table.models)?,
            model_count: count(header.model_count),
            revision: self.revision,
        };
        cost_table::Entity::insert(row.into_active_model()).exec_without_returning(&self.transaction).await?;
        Ok(())
    }

    /// Keeps what a key made.
    pub async fn remember(
        &self,
        operation: Operation,
        key: &str,
        fingerprint: &Fingerprint,
        resource: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let row = idempotency_key::ActiveModel {
            tenant: Set(self.tenant.clone()),
            operation: Set(operation.word().to_string()),
            key: Set(key.to_string()),
            fingerprint: Set(fingerprint.0.to_vec()),
            resource: Set(resource.to_string()),
            created_at: Set(now.micros()),
        };
        idempotency_key::Entity::insert(row).exec_without_returning(&self.transaction).await?;
        Ok(())
    }

    /// Makes it durable.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.transaction.commit().await?)
    }

    fn version_row(&self, version: &StoredVersion) -> Result<price_book_version::Model, StoreError> {
        let (state, times) = match version.state {
            VersionState::Draft => (DRAFT, None),
            VersionState::Published { effective_at, published_at } => {
                (PUBLISHED, Some((effective_at.micros(), published_at.micros())))
            }
        };
        Ok(price_book_version::Model {
            tenant: self.tenant.clone(),
            price_book: version.book.clone(),
            number: i64::from(version.number),
            id: version.id.to_string(),
            unit: version.unit.clone(),
            state: state.to_string(),
            description: version.description.clone(),
            rules: json(&version.rules)?,
            rule_count: count(version.rules.len()),
            draft_revision: version.draft_revision,
            created_at: version.created_at.micros(),
            effective_at: times.map(|(effective_at, _)| effective_at),
            published_at: times.map(|(_, published_at)| published_at),
            revision: times.map(|_| self.revision),
        })
    }
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| DbErr::Json(error.to_string()).into())
}
