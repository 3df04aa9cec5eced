//! Event types, books, versions, assignments and cost tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use chit_api::pricing::v1 as proto;
use chit_pricebook::{
    Assignment, Book, CostTable, EventType, ModelCost, Pool, PriceBookVersion, VersionHeader,
};
use chit_rpc::{Violations, timestamp_to_proto};
use chit_types::{IdKind, PublicId, Timestamp};

use crate::amounts::{optional, read};
use crate::rules::rule_from_proto;

/// An event type, its times left out.
#[must_use]
pub fn event_type_from_proto(event_type: proto::EventType) -> EventType {
    EventType {
        name: event_type.name,
        display_name: event_type.display_name,
        description: event_type.description,
        quantity_unit: event_type.quantity_unit,
    }
}

/// A book, what is counted in it left out.
pub fn book_from_proto(book: proto::PriceBook, violations: &mut Violations) -> Option<Book> {
    let id = read(violations, "price_book.id", PublicId::parse(IdKind::PriceBook, &book.id))?;
    Some(Book { id, name: book.name, unit: book.unit, description: book.description })
}

/// A published version with its rules.
pub fn version_from_proto(
    version: &proto::PriceBookVersion,
    violations: &mut Violations,
) -> Option<Arc<PriceBookVersion>> {
    let id = read(violations, "version.id", PublicId::parse(IdKind::PriceVersion, &version.id));
    let number = read(violations, "version.number", u32::try_from(version.number));
    let rules: Vec<_> = version
        .rules
        .iter()
        .enumerate()
        .map(|(place, rule)| {
            violations.within(&format!("rules[{place}]"), |within| rule_from_proto(rule, within))
        })
        .collect();
    let header = VersionHeader {
        id: id?,
        book: version.price_book.clone(),
        number: number?,
        unit: version.unit.clone(),
        effective_at: effective_at(version.effective_at.as_ref(), "version.effective_at", violations),
    };
    Some(Arc::new(PriceBookVersion::new(header, rules)))
}

/// A unit's assignment to a book.
pub fn assignment_from_proto(assignment: proto::Assignment, violations: &mut Violations) -> Assignment {
    Assignment {
        effective_at: effective_at(assignment.effective_at.as_ref(), "assignment.effective_at", violations),
        unit: assignment.unit,
        book: assignment.price_book,
    }
}

/// An assignment as sent.
#[must_use]
pub fn assignment_to_proto(assignment: &Assignment) -> proto::Assignment {
    let since_ever = assignment.effective_at == Timestamp::EPOCH;
    proto::Assignment {
        unit: assignment.unit.clone(),
        price_book: assignment.book.clone(),
        effective_at: (!since_ever).then(|| timestamp_to_proto(assignment.effective_at)),
        ..proto::Assignment::default()
    }
}

/// A cost table with its models.
pub fn cost_table_from_proto(
    table: &proto::ProviderCostTable,
    violations: &mut Violations,
) -> Option<Arc<CostTable>> {
    let version = read(violations, "provider_cost_table.version", u32::try_from(table.version));
    let models: BTreeMap<String, ModelCost> = table
        .costs
        .iter()
        .map(|cost| (cost.model.clone(), model_cost_from_proto(cost, violations)))
        .collect();
    Some(Arc::new(CostTable {
        version: version?,
        currency: table.currency_code.clone(),
        effective_at: effective_at(
            table.effective_at.as_ref(),
            "provider_cost_table.effective_at",
            violations,
        ),
        models,
    }))
}

/// A cost table with its models as sent, its time of import left out.
#[must_use]
pub fn cost_table_to_proto(table: &CostTable) -> proto::ProviderCostTable {
    proto::ProviderCostTable {
        version: number(table.version),
        currency_code: table.currency.clone(),
        effective_at: Some(timestamp_to_proto(table.effective_at)),
        created_at: None,
        model_count: i32::try_from(table.models.len()).unwrap_or(i32::MAX),
        costs: table.models.iter().map(|(model, cost)| model_cost_to_proto(model, cost)).collect(),
    }
}

/// What one model costs.
pub fn model_cost_from_proto(cost: &proto::ProviderCost, violations: &mut Violations) -> ModelCost {
    let by_pool = [
        &cost.input,
        &cost.cache_read,
        &cost.cache_write,
        &cost.output,
        &cost.reasoning,
        &cost.audio,
        &cost.images,
    ];
    let per_million =
        std::array::from_fn(|index| optional(Pool::ALL[index].word(), by_pool[index], violations));
    ModelCost {
        provider: cost.provider.clone(),
        mode: cost.mode.clone(),
        per_million,
        max_input_tokens: u64::try_from(cost.max_input_tokens).unwrap_or(0),
        max_output_tokens: u64::try_from(cost.max_output_tokens).unwrap_or(0),
    }
}

/// What one model costs as sent.
#[must_use]
pub fn model_cost_to_proto(model: &str, cost: &ModelCost) -> proto::ProviderCost {
    let text = cost.per_million.map(|price| price.map(|price| price.to_string()).unwrap_or_default());
    let [input, cache_read, cache_write, output, reasoning, audio, images] = text;
    proto::ProviderCost {
        provider: cost.provider.clone(),
        model: model.to_string(),
        mode: cost.mode.clone(),
        input,
        cache_read,
        cache_write,
        output,
        reasoning,
        audio,
        images,
        max_input_tokens: i64::try_from(cost.max_input_tokens).unwrap_or(i64::MAX),
        max_output_tokens: i64::try_from(cost.max_output_tokens).unwrap_or(i64::MAX),
    }
}

/// Unset means for all time.
fn effective_at(
    time: Option<&prost_types::Timestamp>,
    field: &str,
    violations: &mut Violations,
) -> Timestamp {
    violations.optional_timestamp(field, time).unwrap_or(Timestamp::EPOCH)
}

fn number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
