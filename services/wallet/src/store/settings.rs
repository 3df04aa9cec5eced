//! Tenants' settings as rows.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chit_store::{Database, Failure, classify};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, TransactionTrait as _};
use serde::{Deserialize, Serialize};

use super::encoding::{self, Unreadable};
use super::entity::settings;
use super::{Store, StoreFailure};
use crate::domain::{ExpiredReversal, Settings, Unit};

/// Why settings were not saved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaveFault {
    /// They were made for another version.
    #[error("the settings are at version {version}")]
    Conflict {
        /// The present one.
        version: i64,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreFailure),
}

/// Settings as stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    units: Vec<(String, String)>,
    reporting_currency: String,
    hold_ttl_seconds: u64,
    hold_grace_seconds: u64,
    hold_life_limit_seconds: u64,
    expired_reversal: String,
}

const REGRANT: &str = "regrant";
const EXPIRE: &str = "expire";

/// Settings as text.
#[must_use]
pub fn write(settings: &Settings) -> String {
    let stored = Stored {
        units: settings.units.iter().map(|unit| (unit.name.clone(), unit.description.clone())).collect(),
        reporting_currency: settings.reporting_currency.clone(),
        hold_ttl_seconds: settings.hold_ttl.as_secs(),
        hold_grace_seconds: settings.hold_grace.as_secs(),
        hold_life_limit_seconds: settings.hold_life_limit.as_secs(),
        expired_reversal: match settings.expired_reversal {
            ExpiredReversal::Regrant => REGRANT,
            ExpiredReversal::Expire => EXPIRE,
        }
        .to_owned(),
    };
    serde_json::to_string(&stored).expect("numbers and texts")
}

/// Reads [`write`].
pub fn read(version: i64, json: &str) -> Result<Settings, Unreadable> {
    let stored: Stored = encoding::parse("settings", json)?;
    Ok(Settings {
        version,
        units: stored.units.into_iter().map(|(name, description)| Unit { name, description }).collect(),
        reporting_currency: stored.reporting_currency,
        hold_ttl: Duration::from_secs(stored.hold_ttl_seconds),
        hold_grace: Duration::from_secs(stored.hold_grace_seconds),
        hold_life_limit: Duration::from_secs(stored.hold_life_limit_seconds),
        expired_reversal: if stored.expired_reversal == EXPIRE {
            ExpiredReversal::Expire
        } else {
            ExpiredReversal::Regrant
        },
    })
}

pub(super) fn failed(error: &sea_orm::DbErr) -> StoreFailure {
    match classify(error) {
        Failure::Transient | Failure::ConnectionLost => StoreFailure::Transient(error.to_string()),
        Failure::Permanent | Failure::Constraint(_) => StoreFailure::Permanent(error.to_string()),
    }
}

impl Store {
    /// The settings of those tenants that have any.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read_settings(
        &self,
        tenants: &[Arc<str>],
    ) -> Result<HashMap<String, Settings>, StoreFailure> {
        let database = match self {
            Store::Database(database) => database,
            Store::Memory(memory) => return Ok(memory.settings(tenants)),
        };
        let names = tenants.iter().map(|tenant| tenant.to_string());
        let rows = settings::Entity::find()
            .filter(settings::Column::Tenant.is_in(names))
            .all(database.reader())
            .await
            .map_err(|error| failed(&error))?;
        rows.into_iter()
            .map(|row| {
                let settings = read(row.version, &row.json);
                settings.map(|settings| (row.tenant, settings))
            })
            .collect::<Result<_, _>>()
            .map_err(|error: Unreadable| StoreFailure::Permanent(error.to_string()))
    }

    /// Replaces a tenant's settings if `settings.version` is the present one.
    ///
    /// # Errors
    /// [`SaveFault::Conflict`], or when the database fails.
    pub async fn save_settings(&self, tenant: &str, settings: Settings) -> Result<Settings, SaveFault> {
        let next = Settings { version: settings.version + 1, ..settings };
        match self {
            Store::Memory(memory) => memory.save_settings(tenant, next.clone())?,
            Store::Database(database) => save(database, tenant, &next).await?,
        }
        Ok(next)
    }
}

async fn save(database: &Database, tenant: &str, next: &Settings) -> Result<(), SaveFault> {
    let seaorm = |error: sea_orm::DbErr| SaveFault::Store(failed(&error));
    let row = settings::ActiveModel {
        tenant: Set(tenant.to_owned()),
        version: Set(next.version),
        json: Set(write(next)),
    };
    let unreachable = |error: chit_store::StoreError| StoreFailure::Transient(error.to_string());
    let transaction = database.begin_write().await.map_err(unreachable)?;
    let inner = transaction.begin().await.map_err(seaorm)?;
    let changed = if next.version == 1 {
        let nothing = OnConflict::column(settings::Column::Tenant).do_nothing().to_owned();
        let insert = settings::Entity::insert(row).on_conflict(nothing);
        insert.exec_without_returning(&inner).await.map_err(seaorm)?
    } else {
        let update = settings::Entity::update_many()
            .set(row)
            .filter(settings::Column::Tenant.eq(tenant))
            .filter(settings::Column::Version.eq(next.version - 1));
        update.exec(&inner).await.map_err(seaorm)?.rows_affected
    };
    if changed == 0 {
        let present = settings::Entity::find_by_id(tenant).one(&inner).await.map_err(seaorm)?;
        return Err(SaveFault::Conflict { version: present.map_or(0, |row| row.version) });
    }
    inner.commit().await.map_err(seaorm)?;
    transaction.commit().await.map_err(seaorm)
}
