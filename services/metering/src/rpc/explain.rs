//! Why an event cost what it cost: the stored inputs priced again by the stored version, which never changes.

use chit_api::metering::v1 as proto;
use chit_api::types::v1::ErrorReason;
use chit_pricebook::Replica;
use chit_pricewire::{cost_answer_to_proto, explanation_to_proto};
use chit_types::Credits;

use super::reads::Found;
use crate::domain::fact::{Fact, FactKind};
use crate::domain::price::{stamped_version, usage};

pub(super) fn explain(
    found: Found,
    replica: Option<&Replica>,
    sees_costs: bool,
) -> proto::ExplainEventResponse {
    let (event, facts, view) = found;
    let said = facts.iter().rev().find(|fact| fact.kind != FactKind::Reversed);
    let explanation = said.and_then(|fact| {
        let version = replica?.version(stamped_version(fact.body.price.as_ref()?)?)?;
        version.explain(&usage(&fact.content())).ok()
    });
    let cost = said.filter(|_| sees_costs).and_then(|fact| {
        let content = fact.content();
        let asked = !content.model().is_empty() && content.provider_cost.is_none();
        asked.then(|| {
            replica.map(|replica| replica.cost(content.model(), content.tokens(), fact.occurred_at))
        })?
    });
    proto::ExplainEventResponse {
        sentence: sentence(&event, &facts, explanation.as_ref().map(|known| known.sentence.as_str())),
        event: Some(event),
        price: explanation.as_ref().map(explanation_to_proto),
        provider_cost: cost.as_ref().map(cost_answer_to_proto),
        facts: facts.iter().map(|fact| view.fact(fact)).collect(),
    }
}

/// The whole in one sentence, for the customer.
fn sentence(event: &proto::Event, facts: &[Fact], price: Option<&str>) -> String {
    let Some(first) = facts.first() else {
        return "Nothing was charged yet.".to_string();
    };
    let named = first.event_type.is_empty();
    let what = if named { first.event_id.as_str() } else { first.event_type.as_str() };
    let at = first.occurred_at;
    if event.refused_because != 0 {
        let reason = ErrorReason::try_from(event.refused_because).unwrap_or(ErrorReason::Unspecified);
        let reason = reason.as_str_name().trim_start_matches("ERROR_REASON_");
        return format!("Nothing was charged for {what} at {at}: {reason}.");
    }
    if !first.usage_class.is_charged() {
        let class = first.usage_class.word();
        return format!("Nothing was charged for {what} at {at}: it was {class} use.");
    }
    let charges = facts.iter().filter(|fact| fact.kind != FactKind::Reversed);
    let charged: Credits = charges.map(|fact| fact.sums.credits()).sum();
    let how = match price {
        Some(price) => format!("because {price}"),
        None if first.body.credits.is_some() => "as the caller priced it".to_string(),
        None => "by a price that is not at hand now".to_string(),
    };
    let what_became = what_became(facts);
    format!("{charged} {} were charged for {what} at {at}, {how}{what_became}.", first.unit)
}

/// Where the charge was taken from, and what became of it.
fn what_became(facts: &[Fact]) -> String {
    let mut parts = Vec::new();
    let is_charge = |fact: &&Fact| fact.kind != FactKind::Reversed;
    let drained: std::collections::BTreeSet<&str> = facts
        .iter()
        .filter(is_charge)
        .flat_map(|fact| &fact.body.draws)
        .map(|draw| draw.grant.as_str())
        .collect();
    match drained.len() {
        0 => {}
        1 => parts.push("drawn from 1 grant".to_string()),
        count => parts.push(format!("drawn from {count} grants")),
    }
    let owed: Credits = facts.iter().filter_map(|fact| fact.body.owed_added).sum();
    if owed.is_positive() {
        parts.push(format!("{owed} of it became owed"));
    }
    let forgiven: i64 = facts.iter().map(|fact| fact.sums.forgiven_micros).sum();
    if forgiven > 0 {
        parts.push(format!("{} were forgiven", Credits::from_micros(forgiven)));
    }
    let reversals = facts.iter().filter(|fact| fact.kind == FactKind::Reversed);
    let returned: Credits = reversals.map(|fact| -fact.sums.credits()).sum();
    if returned.is_positive() {
        parts.push(format!("{returned} were returned"));
    }
    parts.into_iter().map(|part| format!("; {part}")).collect()
}
