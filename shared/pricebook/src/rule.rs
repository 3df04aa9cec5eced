//! What one event type costs: a rule and its charge.

use std::collections::BTreeMap;

use chit_types::{Credits, Rounding};
use serde::{Deserialize, Serialize};

use crate::amount::{Quantity, UnitPrice};
use crate::as_text;
use crate::tokens::Pool;

/// The step of a rule that names none: the finest amount there is.
pub const FINEST_STEP: Credits = Credits::from_micros(1);
/// Dimensions one rule may ask for.
pub const DIMENSIONS_PER_RULE: usize = 8;
/// Tiers of one charge.
pub const TIERS_PER_CHARGE: usize = 100;
/// Rules of one version.
pub const RULES_PER_VERSION: usize = 10_000;

/// What an event type costs where the event's dimensions match. The matching rule that names most
/// dimensions decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name in the version.
    pub id: String,
    /// The event type it prices.
    pub event_type: String,
    /// What an event must say, each exactly; empty matches every event of the type.
    pub dimensions: BTreeMap<String, String>,
    /// How the exact amount is made.
    pub charge: Charge,
    /// The least an event costs, applied before rounding.
    #[serde(with = "as_text::option")]
    pub minimum: Option<Credits>,
    /// The most an event costs, applied before rounding.
    #[serde(with = "as_text::option")]
    pub maximum: Option<Credits>,
    /// How the amount is brought to the step.
    #[serde(with = "as_text::rounding")]
    pub rounding: Rounding,
    /// What the amount is a multiple of.
    #[serde(with = "as_text")]
    pub step: Credits,
}

/// How an exact amount is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Charge {
    /// The same for every event, whatever its quantity.
    Flat {
        /// The amount.
        #[serde(with = "as_text")]
        amount: Credits,
    },
    /// A price for each of the quantity.
    PerUnit {
        /// Credits each.
        price: UnitPrice,
    },
    /// Prices that change with the quantity of one event.
    Tiered {
        /// How tiers apply.
        mode: TierMode,
        /// In rising order; the last is unbounded.
        tiers: Vec<Tier>,
    },
    /// A price for each thousand tokens of each pool.
    Tokens {
        /// By pool.
        per_1k: TokenPrices,
    },
}

/// How tiers apply to a quantity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TierMode {
    /// Each tier prices the part of the quantity that lies in it.
    #[default]
    Graduated,
    /// The tier that the whole quantity reaches prices all of it.
    Volume,
}

/// One tier; it begins where the one before ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// The last quantity it covers, inclusive; `None` in the last tier.
    pub up_to: Option<Quantity>,
    /// Credits for each of the quantity in it.
    pub price: UnitPrice,
    /// Credits for reaching it.
    #[serde(with = "as_text")]
    pub flat_fee: Credits,
}

/// Credits per thousand of each pool; `None` is no price, zero is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenPrices([Option<UnitPrice>; 7]);

/// The kind of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChargeKind {
    /// See [`Charge::Flat`].
    Flat,
    /// See [`Charge::PerUnit`].
    PerUnit,
    /// See [`Charge::Tiered`].
    Tiered,
    /// See [`Charge::Tokens`].
    Tokens,
}

impl Rule {
    /// A rule for every event of a type, without bounds, rounded up to the finest step.
    #[must_use]
    pub fn new(id: &str, event_type: &str, charge: Charge) -> Self {
        Self {
            id: id.to_string(),
            event_type: event_type.to_string(),
            dimensions: BTreeMap::new(),
            charge,
            minimum: None,
            maximum: None,
            rounding: Rounding::Up,
            step: FINEST_STEP,
        }
    }
}

impl Charge {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> ChargeKind {
        match self {
            Charge::Flat { .. } => ChargeKind::Flat,
            Charge::PerUnit { .. } => ChargeKind::PerUnit,
            Charge::Tiered { .. } => ChargeKind::Tiered,
            Charge::Tokens { .. } => ChargeKind::Tokens,
        }
    }
}

impl TokenPrices {
    /// By [`Pool::index`].
    #[must_use]
    pub const fn from_array(by_pool: [Option<UnitPrice>; 7]) -> Self {
        Self(by_pool)
    }

    /// By [`Pool::index`].
    #[must_use]
    pub const fn to_array(self) -> [Option<UnitPrice>; 7] {
        self.0
    }

    /// With a price for one pool.
    #[must_use]
    pub const fn with(mut self, pool: Pool, price: UnitPrice) -> Self {
        self.0[pool.index()] = Some(price);
        self
    }

    /// The price of one pool.
    #[must_use]
    pub const fn of(&self, pool: Pool) -> Option<UnitPrice> {
        self.0[pool.index()]
    }
}

/// The lower-case word of a rounding, as stored and shown.
#[must_use]
pub const fn rounding_word(rounding: Rounding) -> &'static str {
    match rounding {
        Rounding::Up => "up",
        Rounding::Down => "down",
        Rounding::HalfUp => "half_up",
        Rounding::HalfEven => "half_even",
    }
}

/// The rounding of that word.
#[must_use]
pub fn rounding_from_word(word: &str) -> Option<Rounding> {
    [Rounding::Up, Rounding::Down, Rounding::HalfUp, Rounding::HalfEven]
        .into_iter()
        .find(|rounding| rounding_word(*rounding) == word)
}
