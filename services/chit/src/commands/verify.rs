//! `chit verify`: every wallet's ledger recomputed, then held against metering's events.

use std::collections::BTreeSet;
use std::time::Duration;

use chit_api::metering::v1::{QueryUsageRequest, UsageGroup};
use chit_rpc::timestamp_to_proto;
use chit_types::time::MICROS_PER_HOUR;
use chit_types::{Clock, SystemClock, Timestamp};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use tonic::Status;

use crate::args::VerifyArgs;
use crate::client::{Metering, Server};
use crate::failure::Failure;
use crate::output::{Format, count, facts, say, say_json, table};
use crate::replay::verify::{Chains, Crossed, Finding, chains, cross};

/// Wallets held against metering at a time.
const SIDE_BY_SIDE: usize = 8;
/// The largest page of a list.
const PAGE_SIZE: i32 = 1_000;
/// How far back customers with usage, but perhaps without a wallet, are looked for: the longest query.
const LOOK_BACK: Duration = Duration::from_secs(366 * 86_400);
/// Findings shown in a table; `--json` has all.
const SHOWN_MAX: usize = 50;

/// Runs it. Fails where anything is found.
pub async fn run(args: VerifyArgs, server: &Server, format: Format) -> anyhow::Result<()> {
    let (wallet, metering) = (server.wallet()?, server.metering()?);
    let chains = chains(&wallet, args.customer.as_deref().unwrap_or_default(), "").await?;
    let named = chains.wallets.iter().map(|each| (each.customer_id.clone(), each.unit.clone()));
    let mut wallets: BTreeSet<(String, String)> = named.collect();
    match args.customer {
        Some(customer) => drop(wallets.insert((customer, "credits".to_owned()))),
        None => wallets.extend(customers_with_usage(metering.clone(), SystemClock.now()).await?),
    }
    let crossed: Vec<Crossed> = stream::iter(&wallets)
        .map(|(customer, unit)| cross(&wallet, &metering, customer, unit))
        .buffer_unordered(SIDE_BY_SIDE)
        .try_collect()
        .await?;
    let report = Report::of(&chains, &crossed);
    match format {
        Format::Json => say_json(&report.json()),
        Format::Text => say(report.text()),
    }
    if report.findings.is_empty() {
        return Ok(());
    }
    Err(Failure::refused(format!("{} findings: the ledger is not what it says", report.findings.len())))
}

/// Customers whose use was rolled up: an event may name a wallet that does not exist at all.
async fn customers_with_usage(
    mut metering: Metering,
    now: Timestamp,
) -> Result<BTreeSet<(String, String)>, Status> {
    let until = Timestamp::from_micros((now.hour() + 1) * MICROS_PER_HOUR);
    let mut request = QueryUsageRequest {
        from: Some(timestamp_to_proto(until - LOOK_BACK)),
        until: Some(timestamp_to_proto(until)),
        group_by: vec![UsageGroup::Customer.into()],
        page_size: PAGE_SIZE,
        ..QueryUsageRequest::default()
    };
    let mut found = BTreeSet::new();
    loop {
        let page = metering.query_usage(request.clone()).await?.into_inner();
        found.extend(page.rows.into_iter().map(|row| (row.customer_id, row.unit)));
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        request.page_token = page.next_page_token;
    }
}

struct Report {
    wallets: usize,
    transactions: i64,
    events: usize,
    findings: Vec<Finding>,
}

impl Report {
    fn of(chains: &Chains, crossed: &[Crossed]) -> Report {
        let mut findings = chains.findings.clone();
        findings.extend(crossed.iter().flat_map(|each| each.findings.clone()));
        findings.sort_by(|a, b| {
            (&a.customer_id, &a.unit, a.transaction).cmp(&(&b.customer_id, &b.unit, b.transaction))
        });
        Report {
            wallets: chains.wallets.len(),
            transactions: chains.transactions,
            events: crossed.iter().map(|each| each.events.len()).sum(),
            findings,
        }
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "wallets": self.wallets,
            "transactions": self.transactions,
            "events": self.events,
            "findings": self.findings,
            "ledger_verified": self.findings.is_empty(),
        })
    }

    fn text(&self) -> String {
        let verdict = if self.findings.is_empty() { "sound" } else { "NOT sound" };
        let overview = facts([
            ("ledger", verdict.to_owned()),
            ("wallets recomputed", count(self.wallets)),
            ("transactions recomputed", count(self.transactions)),
            ("events held against them", count(self.events)),
            ("findings", count(self.findings.len())),
        ]);
        if self.findings.is_empty() {
            return overview.to_string();
        }
        format!("{overview}\n{}", findings_table(&self.findings))
    }
}

/// What is wrong, for people.
pub fn findings_table(findings: &[Finding]) -> String {
    let mut table = table(&["customer", "unit", ">transaction", "event", "check", "what is wrong"]);
    for finding in findings.iter().take(SHOWN_MAX) {
        table.add_row(vec![
            finding.customer_id.clone(),
            finding.unit.clone(),
            finding.transaction.to_string(),
            finding.event_id.clone(),
            finding.check.clone(),
            finding.detail.clone(),
        ]);
    }
    table.to_string()
}
