//! Tenants' reporting currencies, as the wallet's settings say: without one there is no margin.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use super::WalletClient;

/// Settings change rarely, and a currency once used never.
const FRESH: Duration = Duration::from_secs(300);
/// After a failure the wallet is asked again this much later.
const RETRY: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
struct Known {
    currency: Option<Arc<str>>,
    until: Instant,
}

/// A cache. Clones share it.
#[derive(Clone, Debug)]
pub struct Currencies {
    wallet: WalletClient,
    known: Arc<RwLock<HashMap<String, Known>>>,
}

impl Currencies {
    /// An empty cache.
    #[must_use]
    pub fn new(wallet: WalletClient) -> Self {
        Self { wallet, known: Arc::default() }
    }

    /// The tenant's reporting currency; none while it is not known.
    pub async fn of(&self, tenant: &str) -> Option<Arc<str>> {
        let now = Instant::now();
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(tenant)
            && known.until > now
        {
            return known.currency.clone();
        }
        let currency: Option<Arc<str>> = self.wallet.reporting_currency(tenant).await.ok().map(Into::into);
        let known =
            Known { until: now + if currency.is_some() { FRESH } else { RETRY }, currency: currency.clone() };
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(tenant.to_string(), known);
        currency
    }
}
