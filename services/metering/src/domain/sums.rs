//! What is added up: one value for a fact's difference, an event's sum and a roll-up's row.

use std::ops::{Add, AddAssign};

use chit_types::Credits;
use serde::{Deserialize, Serialize};

/// Columns of [`Sums`] in the order of [`Sums::columns`].
pub const COLUMNS: [&str; 18] = [
    "events",
    "refused",
    "credits_micros",
    "would_cost_micros",
    "forgiven_micros",
    "leaked_micros",
    "quantity_micros",
    "tokens_input",
    "tokens_cache_read",
    "tokens_cache_write",
    "tokens_output",
    "tokens_reasoning",
    "tokens_audio",
    "tokens_images",
    "cost_units",
    "cost_picos",
    "revenue_nanos",
    "uncosted",
];

/// Differences that add up. Every part may be negative in a fact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[i64; 18]", into = "[i64; 18]")]
pub struct Sums {
    /// Events.
    pub events: i64,
    /// Refused and not charged since.
    pub refused: i64,
    /// Charged.
    pub credits_micros: i64,
    /// What use that is not the customer's would have cost.
    pub would_cost_micros: i64,
    /// What CAP left uncharged.
    pub forgiven_micros: i64,
    /// Prices of refused events.
    pub leaked_micros: i64,
    /// Quantities in millionths.
    pub quantity_micros: i64,
    /// Tokens by pool.
    pub tokens: [i64; 7],
    /// Provider cost: whole units of its currency …
    pub cost_units: i64,
    /// … and 1e-12 of it; both of one sign in a fact, not carried in sums.
    pub cost_picos: i64,
    /// Revenue in 1e-9 of the reporting currency.
    pub revenue_nanos: i64,
    /// Events whose model's cost is not known.
    pub uncosted: i64,
}

impl Sums {
    /// By [`COLUMNS`].
    #[must_use]
    pub fn columns(&self) -> [i64; 18] {
        let t = self.tokens;
        [
            self.events,
            self.refused,
            self.credits_micros,
            self.would_cost_micros,
            self.forgiven_micros,
            self.leaked_micros,
            self.quantity_micros,
            t[0],
            t[1],
            t[2],
            t[3],
            t[4],
            t[5],
            t[6],
            self.cost_units,
            self.cost_picos,
            self.revenue_nanos,
            self.uncosted,
        ]
    }

    /// From [`COLUMNS`].
    #[must_use]
    pub fn from_columns(c: [i64; 18]) -> Self {
        Self {
            events: c[0],
            refused: c[1],
            credits_micros: c[2],
            would_cost_micros: c[3],
            forgiven_micros: c[4],
            leaked_micros: c[5],
            quantity_micros: c[6],
            tokens: [c[7], c[8], c[9], c[10], c[11], c[12], c[13]],
            cost_units: c[14],
            cost_picos: c[15],
            revenue_nanos: c[16],
            uncosted: c[17],
        }
    }

    /// The charge.
    #[must_use]
    pub const fn credits(&self) -> Credits {
        Credits::from_micros(self.credits_micros)
    }

    /// The provider's cost in 1e-12 of its currency, carried.
    #[must_use]
    pub fn cost(&self) -> i128 {
        i128::from(self.cost_units) * 1_000_000_000_000 + i128::from(self.cost_picos)
    }

    /// Sets the provider's cost from 1e-12 of its currency.
    pub fn set_cost(&mut self, picos: i64) {
        self.cost_units = picos / 1_000_000_000_000;
        self.cost_picos = picos % 1_000_000_000_000;
    }
}

/// Stored steps keep the sums by their order alone: most are zero, and the names would outweigh them.
impl From<Sums> for [i64; 18] {
    fn from(sums: Sums) -> Self {
        sums.columns()
    }
}

impl From<[i64; 18]> for Sums {
    fn from(columns: [i64; 18]) -> Self {
        Self::from_columns(columns)
    }
}

impl Add for Sums {
    type Output = Sums;

    fn add(self, other: Self) -> Self {
        let mut columns = self.columns();
        for (sum, more) in columns.iter_mut().zip(other.columns()) {
            // A sum beyond 64 bits is told by the database; here the nearest value is enough.
            *sum = sum.saturating_add(more);
        }
        Self::from_columns(columns)
    }
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Sums {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), Add::add)
    }
}
