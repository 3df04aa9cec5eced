//! What model providers charge: versioned tables of exact decimals, and the cost of an action's tokens.
//! A missing price makes the cost unknown, never zero.

use std::collections::BTreeMap;

use chit_types::{Cost, Decimal, Rounding, Timestamp};
use serde::{Deserialize, Serialize};

use crate::amount::ProviderPrice;
use crate::tokens::{Pool, Tokens};

/// 1e-24 of a currency in 1e-12 of it.
const RESULT_PER_COST: i128 = 1_000_000_000_000;
/// Decimals of a line before rounding.
const LINE_SCALE: u8 = 24;

/// What providers charge from a time on. Immutable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostTable {
    /// 1, 2, 3 … of the tenant.
    pub version: u32,
    /// ISO 4217.
    pub currency: String,
    /// From when on it costs what occurs.
    pub effective_at: Timestamp,
    /// By model.
    pub models: BTreeMap<String, ModelCost>,
}

/// What one model costs per million of each pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelCost {
    /// The provider's name, informative.
    pub provider: String,
    /// What the model is for, informative.
    pub mode: String,
    /// By [`Pool::index`]; `None` is not known, zero is a price.
    pub per_million: [Option<ProviderPrice>; 7],
    /// The most input tokens of one call; 0 where not known.
    pub max_input_tokens: u64,
    /// The most output tokens of one call; 0 where not known.
    pub max_output_tokens: u64,
}

/// The cost of an action with what led to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CostAnswer {
    /// The model that was looked up.
    pub model: String,
    /// The table's version; 0 where none was in force.
    pub table_version: u32,
    /// ISO 4217; empty where no table was in force.
    pub currency: String,
    /// One line for each pool with tokens.
    pub lines: Vec<CostLine>,
    /// Rounded half to even, once; `None` where something is missing.
    pub cost: Option<Cost>,
    /// What is missing.
    pub missing: Vec<String>,
}

/// The cost of one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostLine {
    /// The pool.
    pub pool: Pool,
    /// Tokens in it.
    pub tokens: u64,
    /// Its price per million.
    pub price: Option<ProviderPrice>,
    /// tokens × price / 1e6, exact.
    pub amount: Option<Decimal>,
}

impl CostTable {
    /// The cost of tokens by a model; `None` where the model or the price of a used pool is not known.
    #[must_use]
    pub fn cost(&self, model: &str, tokens: Tokens) -> Option<Cost> {
        self.models.get(model)?.cost(tokens)
    }

    /// The same with its lines and what is missing.
    #[must_use]
    pub fn explain(&self, model: &str, tokens: Tokens) -> CostAnswer {
        let mut answer = CostAnswer {
            model: model.to_string(),
            table_version: self.version,
            currency: self.currency.clone(),
            cost: self.cost(model, tokens),
            ..CostAnswer::default()
        };
        let Some(entry) = self.models.get(model) else {
            answer.missing.push(format!("model {model}"));
            return answer;
        };
        answer.lines = entry.lines(tokens);
        answer.missing = answer
            .lines
            .iter()
            .filter(|line| line.amount.is_none())
            .map(|line| match line.price {
                None => format!("{} of {model}", line.pool.word()),
                Some(_) => format!("{} of {model} within 128 bits", line.pool.word()),
            })
            .collect();
        answer
    }
}

impl ModelCost {
    /// The price of one pool.
    #[must_use]
    pub const fn of(&self, pool: Pool) -> Option<ProviderPrice> {
        self.per_million[pool.index()]
    }

    /// The cost of tokens; `None` where a used pool has no price.
    #[must_use]
    pub fn cost(&self, tokens: Tokens) -> Option<Cost> {
        let sum = tokens
            .used()
            .try_fold(0_i128, |sum, (pool, count)| sum.checked_add(self.of(pool)?.for_tokens(count)?))?;
        Some(Cost(Rounding::HalfEven.divide(sum, RESULT_PER_COST)))
    }

    fn lines(&self, tokens: Tokens) -> Vec<CostLine> {
        tokens
            .used()
            .map(|(pool, count)| {
                let price = self.of(pool);
                CostLine {
                    pool,
                    tokens: count,
                    price,
                    amount: price
                        .and_then(|price| price.for_tokens(count))
                        .and_then(|amount| Decimal::new(amount, LINE_SCALE).ok()),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> CostTable {
        let price = |text: &str| Some(text.parse().unwrap());
        let mut model = ModelCost::default();
        model.per_million[Pool::Input.index()] = price("0.00013");
        model.per_million[Pool::Output.index()] = price("10");
        model.per_million[Pool::CacheRead.index()] = price("0");
        CostTable {
            version: 1,
            currency: "USD".to_string(),
            effective_at: Timestamp::EPOCH,
            models: BTreeMap::from([("m".to_string(), model)]),
        }
    }

    #[test]
    fn cost_is_exact_and_a_missing_price_is_not_zero() {
        let tokens = |input, output| Tokens { input, output, ..Tokens::ZERO };
        for (input, output, cost) in [(1, 0, "0.00000000013"), (1_000, 500, "0.00500013"), (0, 0, "0")] {
            let got = table().cost("m", tokens(input, output)).unwrap();
            assert_eq!(got.to_string(), cost, "{input} in, {output} out");
        }
        let cached = Tokens { cache_read: 9, ..Tokens::ZERO };
        assert_eq!(table().cost("m", cached), Some(Cost(0)), "an explicit zero is a price");
        let audio = Tokens { audio: 9, ..Tokens::ZERO };
        assert_eq!(table().cost("m", audio), None);
        assert_eq!(table().explain("m", audio).missing, ["audio of m"]);
        assert_eq!(table().explain("x", audio).missing, ["model x"]);
    }

    #[test]
    fn half_of_a_step_goes_to_the_even_one() {
        let mut table = table();
        let entry = table.models.get_mut("m").unwrap();
        // 0.0000005 per million is 5e-13 a token: half of the 1e-12 step.
        entry.per_million[Pool::Input.index()] = Some("0.0000005".parse().unwrap());
        for (input, steps) in [(1, 0), (2, 1), (3, 2), (5, 2)] {
            let tokens = Tokens { input, ..Tokens::ZERO };
            assert_eq!(table.cost("m", tokens), Some(Cost(steps)), "{input} tokens");
        }
    }
}
