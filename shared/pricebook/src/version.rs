//! One published version of a price book: its rules, and the index that finds the one that decides.

use std::collections::{BTreeMap, HashMap};

use chit_types::{Credits, PublicId, Timestamp};

use crate::amount::{Exact, Quantity};
use crate::evaluate::{self, PriceError};
use crate::rule::{DIMENSIONS_PER_RULE, Rule};
use crate::tokens::Tokens;

/// What a version is called and when it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionHeader {
    /// `pv_…`
    pub id: PublicId,
    /// The book's name.
    pub book: String,
    /// 1, 2, 3 … in the book.
    pub number: u32,
    /// The unit its prices are in.
    pub unit: String,
    /// From when on it prices what occurs.
    pub effective_at: Timestamp,
}

/// A version with its rules. Immutable.
#[derive(Clone, Debug)]
pub struct PriceBookVersion {
    header: VersionHeader,
    rules: Vec<Rule>,
    by_event_type: HashMap<String, Vec<Group>>,
}

/// What is priced.
#[derive(Clone, Copy, Debug)]
pub struct Usage<'a> {
    /// The action's name.
    pub event_type: &'a str,
    /// What the event says of itself.
    pub dimensions: &'a BTreeMap<String, String>,
    /// How much.
    pub quantity: Quantity,
    /// Tokens by pool.
    pub tokens: Tokens,
}

/// A price, without its explanation: nothing in it is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priced {
    /// The price.
    pub credits: Credits,
    /// The formula's result before minimum, maximum and rounding.
    pub exact: Exact,
    /// The rule that decided: its place in [`PriceBookVersion::rules`].
    pub rule: usize,
    /// The minimum raised the amount.
    pub minimum_applied: bool,
    /// The maximum lowered the amount.
    pub maximum_applied: bool,
}

/// Values that a rule asks for, and the rule's place.
type Entry = (Vec<String>, usize);
/// Entries by the names of the dimensions they ask for.
type ByNames = BTreeMap<Vec<String>, Vec<Entry>>;

/// Rules of one event type that ask for the same dimensions, sorted by the values they ask for.
#[derive(Clone, Debug)]
struct Group {
    keys: Vec<String>,
    entries: Vec<Entry>,
}

impl PriceBookVersion {
    /// Indexes rules that have been validated.
    #[must_use]
    pub fn new(header: VersionHeader, rules: Vec<Rule>) -> Self {
        let mut grouped: HashMap<&str, ByNames> = HashMap::new();
        for (place, rule) in rules.iter().enumerate() {
            let keys = rule.dimensions.keys().cloned().collect();
            let values = rule.dimensions.values().cloned().collect();
            let of_type = grouped.entry(&rule.event_type).or_default();
            of_type.entry(keys).or_default().push((values, place));
        }
        let by_event_type = grouped
            .into_iter()
            .map(|(event_type, groups)| (event_type.to_string(), sorted(groups)))
            .collect();
        Self { header, rules, by_event_type }
    }

    /// What it is called and when it counts.
    #[must_use]
    pub const fn header(&self) -> &VersionHeader {
        &self.header
    }

    /// Its rules, in the order they were drafted.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The price of a usage.
    pub fn price(&self, usage: &Usage<'_>) -> Result<Priced, PriceError> {
        let place = self.matching(usage.event_type, usage.dimensions).ok_or_else(|| PriceError::NoPrice {
            event_type: usage.event_type.to_string(),
            missing: format!(
                "a rule in version {} of price book {} that matches",
                self.header.number, self.header.book
            ),
        })?;
        evaluate::price(&self.rules[place], place, usage)
    }

    /// The place of the most specific rule that matches.
    #[must_use]
    pub fn matching(&self, event_type: &str, dimensions: &BTreeMap<String, String>) -> Option<usize> {
        self.by_event_type.get(event_type)?.iter().find_map(|group| group.find(dimensions))
    }
}

impl Group {
    fn find(&self, dimensions: &BTreeMap<String, String>) -> Option<usize> {
        let mut said = [""; DIMENSIONS_PER_RULE];
        for (slot, key) in said.iter_mut().zip(&self.keys) {
            *slot = dimensions.get(key)?;
        }
        let said = &said[..self.keys.len()];
        let order = |values: &[String]| values.iter().map(String::as_str).cmp(said.iter().copied());
        let found = self.entries.binary_search_by(|(values, _)| order(values)).ok()?;
        Some(self.entries[found].1)
    }
}

/// Groups with most dimensions first, so that the first match is the most specific.
fn sorted(groups: ByNames) -> Vec<Group> {
    let mut groups: Vec<Group> = groups
        .into_iter()
        .map(|(keys, mut entries)| {
            assert!(keys.len() <= DIMENSIONS_PER_RULE, "validated rules have at most eight dimensions");
            entries.sort();
            Group { keys, entries }
        })
        .collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.keys.len()));
    groups
}
