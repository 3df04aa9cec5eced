//! `chit usage`

use std::time::Duration;

use chit_api::metering::v1::{
    GetUsageSummaryRequest, GetUsageSummaryResponse, QueryUsageRequest, UsageClass, UsageFilter, UsageGroup,
    UsageRow,
};
use chit_rpc::timestamp_to_proto;
use chit_types::time::MICROS_PER_HOUR;
use chit_types::{Clock, SystemClock, Timestamp};

use crate::args::{UsageArgs, UsageGroupArg};
use crate::client::Server;
use crate::json;
use crate::output::{Format, count, facts, say, say_json, shown, table, time, word};

/// How far back usage is summed where no time is given.
const SPAN_DEFAULT: Duration = Duration::from_secs(30 * 86_400);
/// The largest page of a list.
const PAGE_SIZE: i32 = 1_000;

/// Runs it.
pub async fn run(args: UsageArgs, server: &Server, format: Format) -> anyhow::Result<()> {
    if args.summary {
        return summary(args.customer, server, format).await;
    }
    let until = args.until.unwrap_or_else(|| end_of_hour(SystemClock.now()));
    let mut request = QueryUsageRequest {
        from: Some(timestamp_to_proto(args.from.unwrap_or(until - SPAN_DEFAULT))),
        until: Some(timestamp_to_proto(until)),
        group_by: args.by.iter().map(|&group| group_of(group).into()).collect(),
        filter: Some(UsageFilter {
            customer_id: args.customer,
            event_type: args.event_type,
            model: args.model,
            ..UsageFilter::default()
        }),
        page_size: PAGE_SIZE,
        page_token: String::new(),
    };
    let mut client = server.metering()?;
    let mut rows = Vec::new();
    loop {
        let page = client.query_usage(request.clone()).await?.into_inner();
        rows.extend(page.rows);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    match format {
        Format::Json => {
            say_json(&rows.iter().map(|row| json::of("chit.metering.v1.UsageRow", row)).collect())
        }
        Format::Text => say(usage_table(&args.by, &rows)),
    }
    Ok(())
}

fn end_of_hour(now: Timestamp) -> Timestamp {
    Timestamp::from_micros((now.hour() + 1) * MICROS_PER_HOUR)
}

fn group_of(group: UsageGroupArg) -> UsageGroup {
    match group {
        UsageGroupArg::EventType => UsageGroup::EventType,
        UsageGroupArg::Customer => UsageGroup::Customer,
        UsageGroupArg::Model => UsageGroup::Model,
        UsageGroupArg::Feature => UsageGroup::Feature,
        UsageGroupArg::UsageClass => UsageGroup::UsageClass,
        UsageGroupArg::Hour => UsageGroup::Hour,
        UsageGroupArg::Day => UsageGroup::Day,
    }
}

fn group_head(group: UsageGroupArg) -> &'static str {
    match group {
        UsageGroupArg::EventType => "event type",
        UsageGroupArg::Customer => "customer",
        UsageGroupArg::Model => "model",
        UsageGroupArg::Feature => "feature",
        UsageGroupArg::UsageClass => "class",
        UsageGroupArg::Hour => "hour",
        UsageGroupArg::Day => "day",
    }
}

fn group_cell(group: UsageGroupArg, row: &UsageRow) -> String {
    match group {
        UsageGroupArg::EventType => row.event_type.clone(),
        UsageGroupArg::Customer => row.customer_id.clone(),
        UsageGroupArg::Model => row.model.clone(),
        UsageGroupArg::Feature => row.feature.clone(),
        UsageGroupArg::UsageClass => {
            let class = UsageClass::try_from(row.usage_class).unwrap_or_default();
            word(class.as_str_name(), "USAGE_CLASS_")
        }
        UsageGroupArg::Hour | UsageGroupArg::Day => time(row.start.as_ref()),
    }
}

fn usage_table(groups: &[UsageGroupArg], rows: &[UsageRow]) -> String {
    let sums =
        [">events", ">refused", ">credits", "unit", ">tokens in", ">tokens out", ">provider cost", ">margin"];
    let heads: Vec<_> = groups.iter().map(|&group| group_head(group)).chain(sums).collect();
    let mut table = table(&heads);
    for row in rows {
        let sums = row.sums.clone().unwrap_or_default();
        let tokens = sums.tokens.unwrap_or_default();
        let mut cells: Vec<_> = groups.iter().map(|&group| group_cell(group, row)).collect();
        cells.extend([
            count(sums.events),
            count(sums.refused),
            shown(sums.credits.as_ref()),
            row.unit.clone(),
            count(tokens.input),
            count(tokens.output),
            sums.provider_cost
                .map_or_else(String::new, |cost| format!("{} {}", cost.amount, cost.currency_code)),
            sums.margin
                .map_or_else(String::new, |margin| format!("{} {}", margin.amount, margin.currency_code)),
        ]);
        table.add_row(cells);
    }
    table.to_string()
}

async fn summary(customer_id: String, server: &Server, format: Format) -> anyhow::Result<()> {
    let request = GetUsageSummaryRequest { customer_id, unit: String::new() };
    let answer = server.metering()?.get_usage_summary(request).await?.into_inner();
    match format {
        Format::Json => say_json(&json::of("chit.metering.v1.GetUsageSummaryResponse", &answer)),
        Format::Text => say(summary_text(&answer)),
    }
    Ok(())
}

fn summary_text(answer: &GetUsageSummaryResponse) -> String {
    let overview = facts([
        ("unit", answer.unit.clone()),
        ("from", time(answer.period_start.as_ref())),
        ("until", time(answer.period_end.as_ref())),
        ("allowance", shown(answer.allowance.as_ref())),
        ("used", shown(answer.used.as_ref())),
        ("held", shown(answer.held.as_ref())),
        ("remaining", shown(answer.remaining.as_ref())),
        ("owed", shown(answer.owed.as_ref())),
        ("at zero", word(answer.at_zero().as_str_name(), "AT_ZERO_")),
    ]);
    let mut features = table(&["feature", ">used", ">events"]);
    for feature in &answer.features {
        features.add_row(vec![feature.feature.clone(), shown(feature.used.as_ref()), count(feature.events)]);
    }
    format!("{overview}\n{features}")
}
