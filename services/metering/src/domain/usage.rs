//! The roll-ups: facts folded by hour without the customer, and by customer and day. They only add facts,
//! so they can be made again from them.

use std::collections::BTreeMap;

use super::event::UsageClass;
use super::fact::Fact;
use super::names::Key;
use super::sums::Sums;

/// What a roll-up row is of, beside its time and customer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// The customer's shard.
    pub shard: u16,
    /// The tenant.
    pub tenant: String,
    /// The unit.
    pub unit: String,
    /// The event type.
    pub event_type: String,
    /// The model; empty where the event named none.
    pub model: String,
    /// The feature; empty where the event named none.
    pub feature: String,
    /// The usage class.
    pub usage_class: UsageClass,
    /// Of the provider's cost; empty where that is not known.
    pub currency: String,
}

/// Key of `usage_hour`.
pub type HourKey = (Group, i64);
/// Key of `usage_customer_day`: the customer's key and id, and the day.
pub type DayKey = (Group, Key, String, i64);

/// The differences that facts make to both roll-ups, in the order in which rows are locked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deltas {
    /// By group and hour.
    pub hours: BTreeMap<HourKey, Sums>,
    /// By group, customer and day.
    pub days: BTreeMap<DayKey, Sums>,
}

impl Deltas {
    /// Folds facts.
    #[must_use]
    pub fn of<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Self {
        let mut deltas = Self::default();
        for fact in facts {
            let group = group(fact);
            let day = (group.clone(), fact.place.customer, fact.customer_id.clone(), fact.occurred_at.day());
            *deltas.days.entry(day).or_default() += fact.sums;
            *deltas.hours.entry((group, fact.occurred_at.hour())).or_default() += fact.sums;
        }
        deltas
    }
}

fn group(fact: &Fact) -> Group {
    Group {
        shard: fact.place.shard,
        tenant: fact.tenant.clone(),
        unit: fact.unit.clone(),
        event_type: fact.event_type.clone(),
        model: fact.model().to_string(),
        feature: fact.feature().to_string(),
        usage_class: fact.usage_class,
        currency: fact.currency.clone(),
    }
}
