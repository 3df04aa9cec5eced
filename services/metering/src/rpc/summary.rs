//! One customer's period at a glance.

use chit_api::metering::v1 as proto;
use chit_api::types::v1::ErrorReason;
use chit_api::wallet::v1 as wallet;
use chit_rpc::{
    Caller, Violations, credits_from_proto, credits_to_proto, refuse, timestamp_from_proto,
    timestamp_to_proto,
};
use chit_types::time::MICROS_PER_DAY;
use chit_types::{Credits, Timestamp};
use tonic::Status;

use super::MeteringRpc;
use super::usage::sums;
use crate::domain::names::Place;
use crate::reading::{Source, UsageQuery, UsageRow};

/// Features shown.
const FEATURES: usize = 100;

pub(super) async fn summary(
    rpc: &MeteringRpc,
    caller: &Caller,
    message: proto::GetUsageSummaryRequest,
) -> Result<proto::GetUsageSummaryResponse, Status> {
    let mut v = Violations::new();
    v.key("customer_id", &message.customer_id);
    let unit = v.unit("unit", &message.unit).to_string();
    v.finish()?;
    let tools = rpc.desk.tools();
    let (tenant, customer) = (&*caller.tenant, message.customer_id.as_str());
    let found = tools.wallet.wallet(tenant, customer, &unit, "").await.map_err(|fault| away(&fault))?;
    let grants = tools.wallet.grants(tenant, customer, &unit).await.map_err(|fault| away(&fault))?;
    let period = period(&grants, tools.clock.now());
    let query = UsageQuery {
        source: Source::CustomerDays,
        tenant: tenant.to_string(),
        shard: Some(Place::of(tenant, customer, "", rpc.shards).shard),
        from: period.start.day(),
        until: (period.end.micros() - 1).div_euclid(MICROS_PER_DAY) + 1,
        filters: [customer, &unit, "", "", "", ""].map(str::to_string),
        groups: [false, true, false, false, true, false],
        step: 0,
    };
    let features = by_feature(sums(rpc, &query).await?);
    Ok(answer(unit, found.unwrap_or_default(), &period, features))
}

struct Period {
    start: Timestamp,
    end: Timestamp,
    allowance: Credits,
}

/// The present allowance's period; the one that ends last where there are several. Else the calendar month.
fn period(grants: &[wallet::CreditGrant], now: Timestamp) -> Period {
    let allowance = grants.iter().filter_map(|grant| {
        let start = grant.effective_at.as_ref().and_then(timestamp_from_proto)?;
        let end = grant.period_end.as_ref().and_then(timestamp_from_proto)?;
        (start <= now && now < end).then(|| (end, start, credits(grant.amount.as_ref())))
    });
    match allowance.max() {
        Some((end, start, allowance)) => Period { start, end, allowance },
        None => month(now),
    }
}

fn month(now: Timestamp) -> Period {
    let text = now.to_string();
    let year: i32 = text.get(..4).and_then(|year| year.parse().ok()).unwrap_or(1970);
    let number: u32 = text.get(5..7).and_then(|month| month.parse().ok()).unwrap_or(1);
    let first = |year: i32, month: u32| Timestamp::parse(&format!("{year:04}-{month:02}-01T00:00:00Z"));
    let next = if number == 12 { first(year + 1, 1) } else { first(year, number + 1) };
    Period {
        start: first(year, number).unwrap_or(Timestamp::EPOCH),
        end: next.unwrap_or(Timestamp::MAX),
        allowance: Credits::ZERO,
    }
}

fn by_feature(rows: Vec<UsageRow>) -> Vec<proto::FeatureUsage> {
    let mut features: Vec<(String, i64, i64)> = Vec::new();
    for row in rows {
        let [_, _, _, _, feature, _] = row.names;
        match features.last_mut().filter(|last| last.0 == feature) {
            Some(last) => {
                last.1 += row.sums.credits_micros;
                last.2 += row.sums.events;
            }
            None => features.push((feature, row.sums.credits_micros, row.sums.events)),
        }
    }
    features.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let shown = features.into_iter().map(|(feature, used, events)| proto::FeatureUsage {
        feature,
        used: Some(credits_to_proto(Credits::from_micros(used))),
        events,
    });
    shown.collect()
}

fn answer(
    unit: String,
    found: wallet::Wallet,
    period: &Period,
    mut features: Vec<proto::FeatureUsage>,
) -> proto::GetUsageSummaryResponse {
    let used: Credits = features.iter().map(|feature| credits(feature.used.as_ref())).sum();
    features.truncate(FEATURES);
    let balance = found.balance.unwrap_or_default();
    let (available, owed) = (credits(balance.available.as_ref()), credits(balance.owed.as_ref()));
    let overdraft_limit = credits(found.overdraft_limit.as_ref());
    let at_zero = if found.frozen_since.is_some() {
        proto::AtZero::Frozen
    } else if overdraft_limit.is_positive() {
        proto::AtZero::Overdraft
    } else {
        proto::AtZero::Refuse
    };
    let some = |amount| Some(credits_to_proto(amount));
    proto::GetUsageSummaryResponse {
        unit,
        period_start: Some(timestamp_to_proto(period.start)),
        period_end: Some(timestamp_to_proto(period.end)),
        allowance: some(period.allowance),
        used: some(used),
        held: some(credits(balance.held.as_ref())),
        remaining: some(available.minus_or_zero(owed)),
        owed: some(owed),
        features,
        at_zero: at_zero as i32,
        overdraft_limit: some(overdraft_limit),
    }
}

fn credits(amount: Option<&chit_api::types::v1::Credits>) -> Credits {
    amount.and_then(|amount| credits_from_proto(amount).ok()).unwrap_or(Credits::ZERO)
}

fn away(fault: &Status) -> Status {
    tracing::warn!("wallet: {fault}");
    refuse(ErrorReason::DependencyUnavailable, "the wallet is away; repeat").status()
}
