//! Tenants' settings, small and kept near every lane.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chit_types::{Clock, Timestamp};

use crate::domain::Settings;
use crate::store::settings::SaveFault;
use crate::store::{Store, StoreFailure};

/// Another pod's change is seen after this long at the latest.
const FRESH_FOR: Duration = Duration::from_secs(2);

struct Known {
    settings: Arc<Settings>,
    read_at: Timestamp,
}

/// The settings of the tenants met so far. Clones share it.
#[derive(Clone)]
pub struct SettingsCache {
    store: Store,
    clock: Arc<dyn Clock>,
    known: Arc<Mutex<HashMap<Arc<str>, Known>>>,
}

impl Debug for SettingsCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SettingsCache").finish_non_exhaustive()
    }
}

impl SettingsCache {
    pub(super) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, known: Arc::default() }
    }

    /// A tenant's settings, at most two seconds old.
    ///
    /// # Errors
    /// When they must be read and cannot be.
    pub async fn of(&self, tenant: &str) -> Result<Arc<Settings>, StoreFailure> {
        let tenant: Arc<str> = tenant.into();
        let mut all = self.of_all([&tenant].into_iter()).await?;
        Ok(all.remove(&tenant).unwrap_or_default())
    }

    /// A tenant's settings as they are stored now: for a change that is made on top of them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn fresh(&self, tenant: &str) -> Result<Arc<Settings>, StoreFailure> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(tenant);
        self.of(tenant).await
    }

    /// Those of many tenants, in one read where any is too old.
    pub(super) async fn of_all(
        &self,
        tenants: impl Iterator<Item = &Arc<str>>,
    ) -> Result<HashMap<Arc<str>, Arc<Settings>>, StoreFailure> {
        let now = self.clock.now();
        let wanted: BTreeSet<&Arc<str>> = tenants.collect();
        let mut found = HashMap::with_capacity(wanted.len());
        let mut stale = Vec::new();
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            for tenant in wanted {
                match known.get(tenant) {
                    Some(entry) if now < entry.read_at + FRESH_FOR => {
                        found.insert(Arc::clone(tenant), Arc::clone(&entry.settings));
                    }
                    _ => stale.push(Arc::clone(tenant)),
                }
            }
        }
        if stale.is_empty() {
            return Ok(found);
        }
        let mut read = self.store.read_settings(&stale).await?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for tenant in stale {
            let settings = Arc::new(read.remove(&*tenant).unwrap_or_default());
            known.insert(Arc::clone(&tenant), Known { settings: Arc::clone(&settings), read_at: now });
            found.insert(tenant, settings);
        }
        Ok(found)
    }

    /// Replaces a tenant's settings; `settings.version` is the one they were made for. Answers them with their new
    /// version.
    ///
    /// # Errors
    /// [`SaveFault::Conflict`] when another version is present.
    pub async fn save(&self, tenant: &str, settings: Settings) -> Result<Settings, SaveFault> {
        let saved = self.store.save_settings(tenant, settings).await;
        // Whatever came of it, what we know is old.
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(tenant);
        saved
    }
}
