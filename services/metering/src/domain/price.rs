//! What an action costs: rule 14's precedence over the price books, and the provider's cost.

use chit_pricebook::{PriceError, PriceRequest, Replica, Usage};
use chit_types::{Credits, IdKind, PublicId, Timestamp};
use serde::{Deserialize, Serialize};

use super::event::{COST_UNITS_MAX, Content, PICOS_PER_UNIT, ProviderCost};
use super::micros;

/// What decided a price, kept with the event: versions are immutable, so this and the inputs repeat the
/// arithmetic for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceStamp {
    /// The book's name.
    pub book: String,
    /// The version's id.
    pub version_id: String,
    /// Its number.
    pub version_number: u32,
    /// The rule.
    pub rule_id: String,
    /// The formula's result before minimum, maximum and rounding.
    pub exact: String,
    /// The price.
    #[serde(with = "micros")]
    pub credits: Credits,
}

/// A price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// What is charged.
    pub credits: Credits,
    /// What decided; none for explicit credits.
    pub stamp: Option<PriceStamp>,
}

/// The provider's cost of an action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Costing {
    /// Where known.
    pub cost: Option<ProviderCost>,
    /// The table it is from; 0 where said or unknown.
    pub table_version: u32,
    /// A model was named and its cost is not known.
    pub is_missing: bool,
}

/// The price of an action by rule 14: explicit credits, then the pinned version, then the assigned book's
/// version in force at `occurred_at`. (Locked quotes and customers' locks come between, once they exist.)
pub fn price(
    replica: &Replica,
    content: &Content,
    occurred_at: Timestamp,
    pinned: Option<PublicId>,
) -> Result<Price, PriceError> {
    if let Some(credits) = content.credits {
        return Ok(Price { credits, stamp: None });
    }
    let decision = replica.price(&PriceRequest {
        usage: usage(content),
        customer_id: &content.customer_id,
        unit: &content.unit,
        occurred_at,
        pinned,
    })?;
    let header = decision.version.header();
    let credits = decision.priced.credits;
    let stamp = PriceStamp {
        book: header.book.clone(),
        version_id: header.id.to_string(),
        version_number: header.number,
        rule_id: decision.version.rules()[decision.priced.rule].id.clone(),
        exact: decision.priced.exact.to_string(),
        credits,
    };
    Ok(Price { credits, stamp: Some(stamp) })
}

/// What the provider charges: as said, else by the model's table in force at `occurred_at`. Beyond
/// [`COST_UNITS_MAX`] it counts as not known.
#[must_use]
pub fn costing(replica: Option<&Replica>, content: &Content, occurred_at: Timestamp) -> Costing {
    if let Some(cost) = &content.provider_cost {
        return Costing { cost: Some(cost.clone()), ..Costing::default() };
    }
    let model = content.model();
    if model.is_empty() {
        return Costing::default();
    }
    let known = replica.and_then(|replica| replica.cost_table_at(occurred_at)).and_then(|table| {
        let picos = i64::try_from(table.cost(model, content.tokens())?.0).ok()?;
        (picos <= COST_UNITS_MAX * PICOS_PER_UNIT).then_some((table, picos))
    });
    match known {
        Some((table, picos)) => Costing {
            cost: Some(ProviderCost { currency: table.currency.clone(), picos }),
            table_version: table.version,
            is_missing: false,
        },
        None => Costing { is_missing: true, ..Costing::default() },
    }
}

/// What the price books look at.
#[must_use]
pub fn usage(content: &Content) -> Usage<'_> {
    Usage {
        event_type: &content.event_type,
        dimensions: &content.dimensions,
        quantity: content.quantity(),
        tokens: content.tokens(),
    }
}

/// The version a stamp names.
#[must_use]
pub fn stamped_version(stamp: &PriceStamp) -> Option<PublicId> {
    PublicId::parse(IdKind::PriceVersion, &stamp.version_id).ok()
}
