//! The current replica of each tenant, kept from one quote to the next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chit_pricebook::Replica;

/// Tenants kept at once; beyond that all are forgotten and read again as they are needed.
const TENANTS_MAX: usize = 1_000;

/// A replica as of one revision of its tenant.
#[derive(Clone, Debug, Default)]
pub struct Current {
    /// The tenant's revision.
    pub revision: i64,
    /// Everything at that revision.
    pub replica: Arc<Replica>,
}

/// By tenant.
#[derive(Debug, Default)]
pub struct Replicas(Mutex<HashMap<String, Current>>);

impl Replicas {
    /// The newest that is kept; empty at revision 0 where none is.
    pub fn get(&self, tenant: &str) -> Current {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(tenant).cloned().unwrap_or_default()
    }

    /// Keeps a replica unless a newer one is kept.
    pub fn put(&self, tenant: &str, current: Current) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= TENANTS_MAX && !kept.contains_key(tenant) {
            kept.clear();
        }
        let entry = kept.entry(tenant.to_string()).or_default();
        if entry.revision < current.revision {
            *entry = current;
        }
    }
}
