//! What an action would cost.

use std::collections::BTreeMap;
use std::sync::Arc;

use chit_pricebook::{CostAnswer, Explanation, PriceRequest, Quantity, Replica, Tokens, Usage};
use chit_types::Timestamp;

use super::replicas::Current;
use super::{App, Fault};
use crate::domain::Refusal;

/// The dimension that names the model whose provider cost counts.
const MODEL: &str = "model";

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The action's name.
    pub event_type: String,
    /// What rules may ask for.
    pub dimensions: BTreeMap<String, String>,
    /// How much.
    pub quantity: Quantity,
    /// Tokens by pool.
    pub tokens: Tokens,
    /// Who would pay; empty for the tenant's default.
    pub customer_id: String,
    /// The unit to pay in.
    pub unit: String,
    /// When; `None` for now.
    pub occurred_at: Option<Timestamp>,
}

/// What it would cost, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// The price with its arithmetic.
    pub explanation: Explanation,
    /// What the provider would charge; `None` where no model or no tokens were named.
    pub cost: Option<CostAnswer>,
}

impl App {
    /// The price of an action, from the replica as of the last committed write of any pod.
    pub async fn quote(&self, tenant: &str, question: &Question) -> Result<Quoted, Fault> {
        let replica = self.replica(tenant).await?;
        let occurred_at = question.occurred_at.unwrap_or_else(|| self.clock.now());
        let request = PriceRequest {
            usage: Usage {
                event_type: &question.event_type,
                dimensions: &question.dimensions,
                quantity: question.quantity,
                tokens: question.tokens,
            },
            customer_id: &question.customer_id,
            unit: &question.unit,
            occurred_at,
            pinned: None,
        };
        let version = replica.deciding_version(&request).map_err(Refusal::Price)?;
        let explanation = version.explain(&request.usage).map_err(Refusal::Price)?;
        let model = question.dimensions.get(MODEL).filter(|_| !question.tokens.is_zero());
        let cost = model.map(|model| replica.cost(model, question.tokens, occurred_at));
        Ok(Quoted { explanation, cost })
    }

    /// The tenant's replica as of its last committed write: what is kept, and what changed since.
    async fn replica(&self, tenant: &str) -> Result<Arc<Replica>, Fault> {
        let head = self.store.head(tenant).await?;
        let kept = self.replicas.get(tenant);
        if kept.revision >= head {
            return Ok(kept.replica);
        }
        let mut replica = Replica::clone(&kept.replica);
        let mut revision = kept.revision;
        while revision < head {
            let changes = self.store.changes(tenant, revision, head).await?;
            for (_, change) in changes.items {
                change.apply(&mut replica);
            }
            revision = changes.up_to;
        }
        let replica = Arc::new(replica);
        self.replicas.put(tenant, Current { revision, replica: replica.clone() });
        Ok(replica)
    }
}
