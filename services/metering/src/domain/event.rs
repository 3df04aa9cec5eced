//! What the caller says of an action.

use std::collections::BTreeMap;

use chit_pricebook::{Quantity, Tokens};
use chit_types::{Credits, Encoder, Fingerprint, Timestamp};
use serde::{Deserialize, Serialize};

use super::micros;

/// The dimension that names the provider's model.
pub const MODEL: &str = "model";
/// The dimension that names the product's feature.
pub const FEATURE: &str = "feature";
/// 1e-12 of a currency unit in one unit.
pub const PICOS_PER_UNIT: i64 = 1_000_000_000_000;
/// The largest provider cost of one event, in whole units: a sum of them fits where one does not exceed it.
pub const COST_UNITS_MAX: i64 = 1_000_000;

/// Whom an action was for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UsageClass {
    /// A customer, who pays.
    #[default]
    Customer,
    /// The tenant itself.
    Internal,
    /// A test.
    Test,
}

impl UsageClass {
    /// Every class.
    pub const ALL: [UsageClass; 3] = [UsageClass::Customer, UsageClass::Internal, UsageClass::Test];

    /// The word in SQL.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            UsageClass::Customer => "customer",
            UsageClass::Internal => "internal",
            UsageClass::Test => "test",
        }
    }

    /// The class of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.word() == word)
    }

    /// Rule 15: only customers' use changes wallets.
    #[must_use]
    pub const fn is_charged(self) -> bool {
        matches!(self, UsageClass::Customer)
    }
}

/// What a model provider charged, in 1e-12 of its currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderCost {
    /// ISO 4217.
    pub currency: String,
    /// 1e-12 of a unit.
    pub picos: i64,
}

/// What was said of an action: its content, whose fingerprint tells a repetition from another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Content {
    /// The tenant.
    pub tenant: String,
    /// The customer.
    pub customer_id: String,
    /// The unit to pay in.
    pub unit: String,
    /// The event's id.
    pub event_id: String,
    /// The event type; may be empty with explicit credits.
    pub event_type: String,
    /// When it is said to have happened.
    #[serde(with = "micros::option", skip_serializing_if = "Option::is_none")]
    pub said_at: Option<Timestamp>,
    /// The quantity in millionths, where said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity_micros: Option<u64>,
    /// The dimensions.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub dimensions: BTreeMap<String, String>,
    /// Tokens by pool.
    #[serde(skip_serializing_if = "no_tokens")]
    pub tokens: [u64; 7],
    /// The provider's cost, where said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_cost: Option<ProviderCost>,
    /// Explicit credits, where said.
    #[serde(with = "micros::option", skip_serializing_if = "Option::is_none")]
    pub credits: Option<Credits>,
    /// Whom it was for.
    pub usage_class: UsageClass,
    /// What it says about itself.
    #[serde(flatten)]
    pub details: Details,
}

/// What an event may say about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// Whom the spend is attributed to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// The caller's reference.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reference: String,
    /// For statements.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Free pairs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// What a content is of: the two share the name space of event ids, never a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentKind {
    /// An action that happened.
    Event,
    /// An action that asks whether it may start, with the life of its hold in seconds.
    Authorization {
        /// 0 where not said.
        ttl_seconds: i64,
    },
}

impl Content {
    /// The quantity: one where none was said.
    #[must_use]
    pub fn quantity(&self) -> Quantity {
        self.quantity_micros.and_then(Quantity::from_micros).unwrap_or(Quantity::ONE)
    }

    /// The tokens.
    #[must_use]
    pub const fn tokens(&self) -> Tokens {
        Tokens::from_array(self.tokens)
    }

    /// The model it names, or nothing.
    #[must_use]
    pub fn model(&self) -> &str {
        self.dimensions.get(MODEL).map_or("", String::as_str)
    }

    /// The feature it names, or nothing.
    #[must_use]
    pub fn feature(&self) -> &str {
        self.dimensions.get(FEATURE).map_or("", String::as_str)
    }

    /// The fact the caller sent. How to handle it is no part of it, nor is anything we derive.
    #[must_use]
    pub fn fingerprint(&self, kind: ContentKind) -> Fingerprint {
        let mut encoder = Encoder::new();
        match kind {
            ContentKind::Event => encoder.int(1, 1),
            ContentKind::Authorization { ttl_seconds } => encoder.int(1, 2).int(2, ttl_seconds),
        };
        encoder
            .text(3, &self.customer_id)
            .text(4, &self.unit)
            .text(5, &self.event_id)
            .text_if_set(6, &self.event_type)
            .int_if_set(7, self.said_at.map(Timestamp::micros))
            .int_if_set(8, self.quantity_micros.map(signed))
            .map(9, pairs(&self.dimensions));
        for (number, tokens) in (10..).zip(self.tokens) {
            encoder.int_if_set(number, (tokens > 0).then_some(signed(tokens)));
        }
        if let Some(cost) = &self.provider_cost {
            encoder.text(20, &cost.currency).int(21, cost.picos);
        }
        encoder
            .int_if_set(22, self.credits.map(Credits::micros))
            .text(23, self.usage_class.word())
            .list(24, &self.details.subjects)
            .text_if_set(25, &self.details.reference)
            .text_if_set(26, &self.details.description)
            .map(27, pairs(&self.details.metadata));
        encoder.fingerprint()
    }
}

/// A count as the encodings and databases take it. Counts are bounded far below at the edge.
#[must_use]
pub fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn pairs(map: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    map.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}

pub(crate) fn no_tokens(tokens: &[u64; 7]) -> bool {
    tokens.iter().all(|count| *count == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_content_changes_the_fingerprint_and_nothing_else_does() {
        let base = Content {
            customer_id: "c".into(),
            unit: "credits".into(),
            event_id: "e".into(),
            ..Content::default()
        };
        let print = |change: fn(&mut Content)| {
            let mut content = base.clone();
            change(&mut content);
            content.fingerprint(ContentKind::Event)
        };
        let changes: [fn(&mut Content); 13] = [
            |_| {},
            |c| c.customer_id = "d".into(),
            |c| c.unit = "tokens".into(),
            |c| c.event_id = "f".into(),
            |c| c.event_type = "t".into(),
            |c| c.said_at = Some(Timestamp::EPOCH),
            |c| c.quantity_micros = Some(0),
            |c| c.dimensions = BTreeMap::from([("model".into(), "m".into())]),
            |c| c.tokens[6] = 1,
            |c| c.provider_cost = Some(ProviderCost::default()),
            |c| c.credits = Some(Credits::ZERO),
            |c| c.usage_class = UsageClass::Test,
            |c| c.details.description = "why".into(),
        ];
        let mut prints: Vec<_> = changes.into_iter().map(print).collect();
        prints.push(base.fingerprint(ContentKind::Authorization { ttl_seconds: 0 }));
        prints.push(base.fingerprint(ContentKind::Authorization { ttl_seconds: 9 }));
        let count = prints.len();
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), count);
        // The tenant is the caller's and decides the place, not the content.
        assert_eq!(print(|c| c.tenant = "t".into()), print(|_| {}));
    }
}
