//! Explanations of prices and costs.

use chit_api::pricing::v1 as proto;
use chit_pricebook::{ChargeKind, CostAnswer, CostLine, Explanation, Step};
use chit_rpc::{cost_to_proto, credits_to_proto};

use crate::amounts::tokens_to_proto;
use crate::rules::rounding_to_proto;

/// A price's explanation as sent.
#[must_use]
pub fn explanation_to_proto(explanation: &Explanation) -> proto::PriceExplanation {
    proto::PriceExplanation {
        event_type: explanation.event_type.clone(),
        price_book: explanation.book.clone(),
        version_id: explanation.version_id.to_string(),
        version_number: i32::try_from(explanation.version_number).unwrap_or(i32::MAX),
        rule_id: explanation.rule_id.clone(),
        charge_kind: charge_kind(explanation.charge).into(),
        quantity: explanation.quantity.to_string(),
        tokens: Some(tokens_to_proto(explanation.tokens)),
        exact_amount: explanation.exact.to_string(),
        steps: explanation.steps.iter().map(step).collect(),
        minimum_applied: explanation.minimum_applied,
        maximum_applied: explanation.maximum_applied,
        rounding: rounding_to_proto(explanation.rounding).into(),
        rounding_step: Some(credits_to_proto(explanation.step)),
        credits: Some(credits_to_proto(explanation.credits)),
        unit: explanation.unit.clone(),
        matched_dimensions: explanation.matched_dimensions.clone(),
        sentence: explanation.sentence.clone(),
    }
}

/// A cost's explanation as sent.
#[must_use]
pub fn cost_answer_to_proto(answer: &CostAnswer) -> proto::ProviderCostExplanation {
    proto::ProviderCostExplanation {
        model: answer.model.clone(),
        table_version: i32::try_from(answer.table_version).unwrap_or(i32::MAX),
        lines: answer.lines.iter().map(line).collect(),
        cost: answer.cost.map(|cost| cost_to_proto(&answer.currency, cost)),
        missing: answer.missing.clone(),
    }
}

const fn charge_kind(kind: ChargeKind) -> proto::ChargeKind {
    match kind {
        ChargeKind::Flat => proto::ChargeKind::Flat,
        ChargeKind::PerUnit => proto::ChargeKind::PerUnit,
        ChargeKind::Tiered => proto::ChargeKind::Tiered,
        ChargeKind::Tokens => proto::ChargeKind::Tokens,
    }
}

fn step(step: &Step) -> proto::PriceStep {
    proto::PriceStep { label: step.label.clone(), value: step.value.clone() }
}

fn line(line: &CostLine) -> proto::ProviderCostLine {
    proto::ProviderCostLine {
        pool: line.pool.word().to_string(),
        tokens: i64::try_from(line.tokens).unwrap_or(i64::MAX),
        price_per_million: line.price.map(|price| price.to_string()).unwrap_or_default(),
        amount: line.amount.map(|amount| amount.to_string()).unwrap_or_default(),
    }
}
