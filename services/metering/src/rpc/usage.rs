//! QueryUsage: the roll-up that answers it, and its rows.

use std::collections::HashSet;

use chit_api::metering::v1 as proto;
use chit_rpc::{Caller, PageTokens, Violations, timestamp_to_proto};
use chit_types::Timestamp;
use chit_types::time::{MICROS_PER_DAY, MICROS_PER_HOUR};
use proto::UsageGroup;
use tonic::Status;

use super::answers::{View, class_to_proto, credits, decimal, tokens_to_proto};
use super::reads::bad_token;
use super::status::of_store;
use super::{MeteringRpc, page};
use crate::domain::event::UsageClass;
use crate::domain::names::Place;
use crate::domain::sums::Sums;
use crate::reading::{Source, UsageQuery, UsageRow};

/// The longest range.
const DAYS_MAX: i64 = 366;
const HOURS_PER_DAY: i64 = 24;

pub(super) async fn query(
    rpc: &MeteringRpc,
    caller: &Caller,
    message: proto::QueryUsageRequest,
) -> Result<proto::QueryUsageResponse, Status> {
    let mut v = Violations::new();
    let (query, groups) = asked(&mut v, rpc, caller, &message);
    let context = format!("{:?}{:?}{:?}{:?}", query.from, query.until, query.filters, groups);
    let tokens = PageTokens::new("QueryUsage", &caller.tenant, &[&context]);
    let (size, cursor) = page(&mut v, &tokens, message.page_size, &message.page_token)?;
    v.finish()?;
    let skip = match cursor {
        None => 0,
        Some(cursor) => usize::from_be_bytes(cursor[..].try_into().map_err(|_| bad_token())?),
    };
    let view = rpc.view(caller).await;
    let rows = merged(sums(rpc, &query).await?);
    let is_last = rows.len() <= skip + size;
    let shown = rows.into_iter().skip(skip).take(size);
    Ok(proto::QueryUsageResponse {
        rows: shown.map(|row| row_to_proto(&view, &query, row)).collect(),
        next_page_token: if is_last { String::new() } else { tokens.seal(&(skip + size).to_be_bytes()) },
    })
}

/// The rows of a query, each unit and currency by itself.
pub(super) async fn sums(rpc: &MeteringRpc, query: &UsageQuery) -> Result<Vec<UsageRow>, Status> {
    rpc.reading.usage(query).await.map_err(|fault| of_store(&fault))
}

/// Usage whose cost is not known belongs to the group's one currency; only where there are several does
/// each have its own row, and the unknown goes with the first.
pub(super) fn merged(rows: Vec<UsageRow>) -> Vec<UsageRow> {
    let mut merged: Vec<UsageRow> = Vec::with_capacity(rows.len());
    for row in rows {
        match merged.last_mut() {
            Some(last) if last.currency.is_empty() && last.names == row.names && last.start == row.start => {
                last.currency = row.currency;
                last.sums += row.sums;
            }
            _ => merged.push(row),
        }
    }
    merged
}

fn asked(
    v: &mut Violations,
    rpc: &MeteringRpc,
    caller: &Caller,
    message: &proto::QueryUsageRequest,
) -> (UsageQuery, HashSet<UsageGroup>) {
    let from = whole_hour(v, "from", message.from.as_ref());
    let until = whole_hour(v, "until", message.until.as_ref());
    if message.until.is_some() && until < from {
        v.field("until", "is before from");
    }
    if until.micros().saturating_sub(from.micros()) > DAYS_MAX * MICROS_PER_DAY {
        v.field("until", format!("is more than {DAYS_MAX} days after from"));
    }
    let groups = groups(v, &message.group_by);
    let filter = message.filter.clone().unwrap_or_default();
    let filters = v.within("filter", |v| filters(v, &filter));
    let has = |group| groups.contains(&group);
    let by_customer = !filter.customer_id.is_empty() || has(UsageGroup::Customer);
    let whole_days = from.micros() % MICROS_PER_DAY == 0 && until.micros() % MICROS_PER_DAY == 0;
    let source = match (by_customer, whole_days && !has(UsageGroup::Hour)) {
        (false, _) => Source::Hours,
        (true, true) => Source::CustomerDays,
        (true, false) => Source::Facts,
    };
    let (width, hour, day) = match source {
        Source::Hours => (MICROS_PER_HOUR, 1, HOURS_PER_DAY),
        Source::CustomerDays => (MICROS_PER_DAY, 1, 1),
        Source::Facts => (1, MICROS_PER_HOUR, MICROS_PER_DAY),
    };
    let step = match (has(UsageGroup::Hour), has(UsageGroup::Day)) {
        (true, _) => hour,
        (false, true) => day,
        (false, false) => 0,
    };
    let shard = (!filter.customer_id.is_empty())
        .then(|| Place::of(&caller.tenant, &filter.customer_id, "", rpc.shards).shard);
    let query = UsageQuery {
        source,
        tenant: caller.tenant.to_string(),
        shard,
        from: from.micros() / width,
        until: until.micros() / width,
        filters,
        groups: [
            has(UsageGroup::Customer),
            true,
            has(UsageGroup::EventType),
            has(UsageGroup::Model),
            has(UsageGroup::Feature),
            has(UsageGroup::UsageClass),
        ],
        step,
    };
    (query, groups)
}

fn whole_hour(v: &mut Violations, field: &str, time: Option<&prost_types::Timestamp>) -> Timestamp {
    let time = v.timestamp(field, time);
    if time.micros() % MICROS_PER_HOUR != 0 {
        v.field(field, "is not a whole UTC hour");
    }
    time
}

fn groups(v: &mut Violations, numbers: &[i32]) -> HashSet<UsageGroup> {
    let mut groups = HashSet::new();
    for (index, number) in numbers.iter().enumerate().take(UsageGroup::Day as usize + 1) {
        let field = format!("group_by[{index}]");
        let group: UsageGroup = v.required_enumeration(&field, *number);
        if !groups.insert(group) {
            v.field(&field, "is there twice");
        }
    }
    v.at_most_items("group_by", numbers.len(), UsageGroup::Day as usize);
    if groups.contains(&UsageGroup::Hour) && groups.contains(&UsageGroup::Day) {
        v.field("group_by", "has both HOUR and DAY");
    }
    groups
}

fn filters(v: &mut Violations, filter: &proto::UsageFilter) -> [String; 6] {
    v.optional_key("customer_id", &filter.customer_id);
    v.optional_key("unit", &filter.unit);
    v.optional_key("event_type", &filter.event_type);
    v.at_most("model", &filter.model, 256);
    v.at_most("feature", &filter.feature, 256);
    let class: proto::UsageClass = v.enumeration("usage_class", filter.usage_class);
    let class = match class {
        proto::UsageClass::Unspecified => "",
        proto::UsageClass::Customer => UsageClass::Customer.word(),
        proto::UsageClass::Internal => UsageClass::Internal.word(),
        proto::UsageClass::Test => UsageClass::Test.word(),
    };
    [
        filter.customer_id.clone(),
        filter.unit.clone(),
        filter.event_type.clone(),
        filter.model.clone(),
        filter.feature.clone(),
        class.to_string(),
    ]
}

fn row_to_proto(view: &View, query: &UsageQuery, row: UsageRow) -> proto::UsageRow {
    let width = match query.source {
        Source::Hours => MICROS_PER_HOUR,
        Source::CustomerDays => MICROS_PER_DAY,
        Source::Facts => 1,
    };
    let start = (query.step > 0).then(|| timestamp_to_proto(Timestamp::from_micros(row.start * width)));
    let sums = sums_to_proto(view, &row.currency, &row.sums);
    let [customer_id, unit, event_type, model, feature, class] = row.names;
    let usage_class =
        UsageClass::from_word(&class).map_or(proto::UsageClass::Unspecified, class_to_proto) as i32;
    proto::UsageRow { unit, event_type, customer_id, model, feature, usage_class, start, sums: Some(sums) }
}

fn sums_to_proto(view: &View, currency: &str, sums: &Sums) -> proto::UsageSums {
    proto::UsageSums {
        events: sums.events,
        refused: sums.refused,
        credits: credits(sums.credits_micros),
        would_cost: credits(sums.would_cost_micros),
        forgiven: credits(sums.forgiven_micros),
        leaked: credits(sums.leaked_micros),
        quantity: decimal(i128::from(sums.quantity_micros), 6),
        tokens: Some(tokens_to_proto(sums.tokens)),
        provider_cost: view.cost(currency, sums),
        margin: view.margin(currency, sums),
        uncosted: sums.uncosted,
    }
}
