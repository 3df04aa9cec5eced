//! What publishing checks: every finding, not the first.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chit_types::Credits;

use crate::amount::Quantity;
use crate::rule::{
    Charge, DIMENSIONS_PER_RULE, RULES_PER_VERSION, Rule, TIERS_PER_CHARGE, Tier, TokenPrices,
};

/// Findings shown at most; a book that is wrong everywhere needs no longer list.
const FINDINGS_MAX: usize = 200;

/// What stops rules from being published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where, such as `rules[3].maximum`.
    pub field: String,
    /// What is wrong and what would be right.
    pub description: String,
}

/// Everything that is wrong with a version's rules; empty where they may be published.
#[must_use]
pub fn validate(rules: &[Rule], is_event_type: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Findings::default();
    if rules.is_empty() || rules.len() > RULES_PER_VERSION {
        findings.add("rules", format!("has {} rules; a version has 1 to {RULES_PER_VERSION}", rules.len()));
    }
    let mut ids: HashMap<&str, usize> = HashMap::new();
    for (place, rule) in rules.iter().enumerate() {
        if let Some(first) = ids.insert(&rule.id, place) {
            findings.rule(place, "id", format!("is the id of rules[{first}] too"));
        }
        if !is_event_type(&rule.event_type) {
            findings.rule(place, "event_type", format!("{} is not declared", rule.event_type));
        }
        if rule.dimensions.len() > DIMENSIONS_PER_RULE {
            findings.rule(place, "dimensions", format!("has more than {DIMENSIONS_PER_RULE} dimensions"));
        }
        check_bounds(place, rule, &mut findings);
        check_charge(place, &rule.charge, &mut findings);
    }
    check_ties(rules, &mut findings);
    findings.0
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, field: &str, description: String) {
        if self.0.len() < FINDINGS_MAX {
            self.0.push(Finding { field: field.to_string(), description });
        }
    }

    fn rule(&mut self, place: usize, field: &str, description: String) {
        self.add(&format!("rules[{place}].{field}"), description);
    }
}

fn check_amount(place: usize, field: &str, amount: Credits, findings: &mut Findings) {
    if amount.is_negative() {
        findings.rule(place, field, "is below zero".to_string());
    } else if amount > Credits::MAX_AMOUNT {
        findings.rule(place, field, format!("is above {} credits", Credits::MAX_AMOUNT));
    }
}

fn check_bounds(place: usize, rule: &Rule, findings: &mut Findings) {
    if !rule.step.is_positive() || rule.step > Credits::MAX_AMOUNT {
        findings.rule(place, "rounding_step", "is not above zero and at most 1e9 credits".to_string());
        return;
    }
    for (field, bound) in [("minimum", rule.minimum), ("maximum", rule.maximum)] {
        let Some(bound) = bound else { continue };
        check_amount(place, field, bound, findings);
        if bound.micros() % rule.step.micros() != 0 {
            findings.rule(place, field, format!("{bound} is not a multiple of the step {}", rule.step));
        }
    }
    if let (Some(minimum), Some(maximum)) = (rule.minimum, rule.maximum)
        && maximum < minimum
    {
        findings.rule(place, "maximum", format!("{maximum} is below the minimum {minimum}"));
    }
}

fn check_charge(place: usize, charge: &Charge, findings: &mut Findings) {
    match charge {
        Charge::Flat { amount } => check_amount(place, "flat.amount", *amount, findings),
        // A unit price cannot be out of range: its type refuses that.
        Charge::PerUnit { .. } => {}
        Charge::Tiered { tiers, .. } => check_tiers(place, tiers, findings),
        Charge::Tokens { per_1k } if *per_1k == TokenPrices::default() => {
            findings.rule(place, "tokens", "has no price for any pool".to_string());
        }
        Charge::Tokens { .. } => {}
    }
}

fn check_tiers(place: usize, tiers: &[Tier], findings: &mut Findings) {
    if tiers.is_empty() || tiers.len() > TIERS_PER_CHARGE {
        let description = format!("has {} tiers; a charge has 1 to {TIERS_PER_CHARGE}", tiers.len());
        findings.rule(place, "tiered.tiers", description);
        return;
    }
    let mut from = Quantity::ZERO;
    for (number, tier) in tiers.iter().enumerate() {
        let field = format!("tiered.tiers[{number}].up_to");
        let is_last = number + 1 == tiers.len();
        match tier.up_to {
            Some(up_to) if is_last => {
                findings.rule(place, &field, format!("is {up_to} in the last tier, so more has no price"));
            }
            None if !is_last => {
                findings.rule(place, &field, "is missing: only the last tier is unbounded".to_string());
            }
            Some(up_to) if up_to <= from => {
                findings.rule(place, &field, format!("{up_to} is not above {from}, where it begins"));
            }
            Some(up_to) => from = up_to,
            None => {}
        }
        check_amount(place, &format!("tiered.tiers[{number}].flat_fee"), tier.flat_fee, findings);
    }
}

/// Two rules tie where an event could match both, they name equally many dimensions, and no rule that
/// names more of the two's dimensions decides instead.
fn check_ties(rules: &[Rule], findings: &mut Findings) {
    let mut by_event_type: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, rule) in rules.iter().enumerate() {
        by_event_type.entry(&rule.event_type).or_default().push(place);
    }
    for places in by_event_type.values() {
        for (first, second) in same_dimensions(rules, places) {
            let description = format!("are those of rules[{first}], so the two tie");
            findings.rule(second, "dimensions", description);
        }
        for (first, second) in crossing(rules, places) {
            let description =
                format!("tie with rules[{first}] where an event matches both; add a rule for both");
            findings.rule(second, "dimensions", description);
        }
    }
}

fn same_dimensions(rules: &[Rule], places: &[usize]) -> Vec<(usize, usize)> {
    let mut seen: HashMap<&BTreeMap<String, String>, usize> = HashMap::new();
    let mut ties = Vec::new();
    for place in places {
        match seen.get(&rules[*place].dimensions) {
            Some(first) => ties.push((*first, *place)),
            None => {
                seen.insert(&rules[*place].dimensions, *place);
            }
        }
    }
    ties
}

/// Pairs with different dimension names that one event could match. Rules are compared by the set of
/// names first: in most books there are few sets, and two rules of one set never cross.
fn crossing(rules: &[Rule], places: &[usize]) -> Vec<(usize, usize)> {
    let mut by_names: BTreeMap<Vec<&String>, Vec<usize>> = BTreeMap::new();
    for place in places {
        let names = rules[*place].dimensions.keys().collect();
        by_names.entry(names).or_default().push(*place);
    }
    let groups: Vec<(&Vec<&String>, &Vec<usize>)> = by_names.iter().collect();
    let mut ties = Vec::new();
    for (number, (names, left)) in groups.iter().enumerate() {
        for (other_names, right) in &groups[number + 1..] {
            if names.len() != other_names.len() {
                continue;
            }
            for (a, b) in left.iter().flat_map(|a| right.iter().map(move |b| (*a, *b))) {
                if ties.len() >= FINDINGS_MAX {
                    return ties;
                }
                if compatible(&rules[a], &rules[b]) && !covered(rules, places, a, b) {
                    ties.push((a.min(b), a.max(b)));
                }
            }
        }
    }
    ties
}

fn compatible(a: &Rule, b: &Rule) -> bool {
    a.dimensions.iter().all(|(name, value)| b.dimensions.get(name).is_none_or(|other| other == value))
}

/// A more specific rule matches whenever both do.
fn covered(rules: &[Rule], places: &[usize], a: usize, b: usize) -> bool {
    let (a, b) = (&rules[a].dimensions, &rules[b].dimensions);
    let both: BTreeSet<(&String, &String)> = a.iter().chain(b).collect();
    places.iter().any(|place| {
        let dimensions = &rules[*place].dimensions;
        dimensions.len() > a.len() && dimensions.iter().all(|pair| both.contains(&pair))
    })
}
