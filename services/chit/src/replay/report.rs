//! What a replay came to: sums over what metering and the ledger recorded, as tables and as one JSON object.

use std::collections::BTreeMap;
use std::time::Duration;

use chit_api::metering::v1::{Event, EventState};
use chit_types::{Credits, Decimal, Hash, Timestamp};
use serde_json::{Value, json};

use crate::commands::verify::findings_table;
use crate::output::{amount, count, credits, facts, group, moment, seconds, table};
use crate::replay::args::Funds;
use crate::replay::drive::Tally;
use crate::replay::trace::{Fault, Trace};
use crate::replay::verify::Finding;

/// Customers shown.
const TOP_CUSTOMERS: usize = 10;
/// Decimals that money is summed in; costs have twelve.
const MONEY_SCALE: u8 = 18;
/// Bad rows shown one by one.
const FAULTS_SHOWN: usize = 20;

/// Everything worth telling.
pub struct Report {
    /// What was asked for.
    pub run: Run,
    /// What the answers said.
    pub tally: Tally,
    /// What was recorded.
    pub recorded: Recorded,
    /// Whether it is sound.
    pub verdict: Verdict,
    /// From the first look at the trace to the end of verification.
    pub wall: Duration,
    /// Of that, driving.
    pub driving: Duration,
}

/// What was asked for.
pub struct Run {
    /// Of the trace file.
    pub digest: Hash,
    /// The seed.
    pub seed: u64,
    /// The funds.
    pub funds: Funds,
    /// When the first event happened.
    pub base: Timestamp,
    /// Rows offered.
    pub events: usize,
    /// Their prompt tokens.
    pub input_tokens: i64,
    /// Their answer tokens.
    pub output_tokens: i64,
    /// Rows that could not be read.
    pub faults: Vec<Fault>,
}

/// Whether it is sound.
#[derive(Default)]
pub struct Verdict {
    /// Wallets recomputed.
    pub wallets: usize,
    /// Transactions recomputed.
    pub transactions: i64,
    /// SHA-256 over the wallets' head hashes, in order of customer and unit.
    pub head_hash: Option<Hash>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// Sums of one group of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Events.
    pub events: u64,
    /// Prompt tokens.
    pub input_tokens: i64,
    /// Answer tokens.
    pub output_tokens: i64,
    /// Charged.
    pub credits: Credits,
    /// What the providers charged, by currency, in 1e-18.
    pub costs: BTreeMap<String, i128>,
    /// Revenue less that, by currency, in 1e-18.
    pub margins: BTreeMap<String, i128>,
}

/// What metering recorded of the replay's events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// All of them.
    pub total: Sums,
    /// By customer.
    pub customers: BTreeMap<String, Sums>,
    /// By event type.
    pub event_types: BTreeMap<String, Sums>,
}

impl Run {
    /// Of a trace.
    pub fn of(trace: &Trace, seed: u64, funds: Funds, base: Timestamp) -> Run {
        Run {
            digest: trace.digest,
            seed,
            funds,
            base,
            events: trace.rows.len(),
            input_tokens: trace.rows.iter().map(|row| row.input_tokens).sum(),
            output_tokens: trace.rows.iter().map(|row| row.output_tokens).sum(),
            faults: trace.faults.clone(),
        }
    }
}

impl Recorded {
    /// Adds an event, where it was charged.
    pub fn add(&mut self, event: &Event) {
        if !matches!(event.state(), EventState::Settled | EventState::Reversed) {
            return;
        }
        let content = event.content.clone().unwrap_or_default();
        self.total.add(event);
        self.customers.entry(content.customer_id).or_default().add(event);
        self.event_types.entry(content.event_type).or_default().add(event);
    }

    fn top_customers(&self) -> Vec<(&String, &Sums)> {
        let mut customers: Vec<_> = self.customers.iter().collect();
        customers.sort_by(|a, b| b.1.credits.cmp(&a.1.credits).then(a.0.cmp(b.0)));
        customers.truncate(TOP_CUSTOMERS);
        customers
    }
}

impl Sums {
    fn add(&mut self, event: &Event) {
        let tokens = event.content.as_ref().and_then(|content| content.tokens).unwrap_or_default();
        self.events += 1;
        self.input_tokens += tokens.input;
        self.output_tokens += tokens.output;
        self.credits += amount(event.credits.as_ref());
        if let Some(cost) = &event.provider_cost {
            *self.costs.entry(cost.currency_code.clone()).or_default() += scaled(&cost.amount);
        }
        if let Some(margin) = &event.margin {
            *self.margins.entry(margin.currency_code.clone()).or_default() += scaled(&margin.amount);
        }
    }

    fn json(&self) -> Value {
        json!({
            "events": self.events,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "credits": self.credits.to_string(),
            "provider_cost": money_json(&self.costs),
            "margin": money_json(&self.margins),
        })
    }
}

impl Report {
    /// Every wallet's chain and equation hold, and events and transactions name each other.
    pub fn ledger_verified(&self) -> bool {
        self.verdict.findings.is_empty() && self.verdict.head_hash.is_some()
    }

    /// One object.
    pub fn json(&self) -> Value {
        let named = |sums: &Sums, name: &str, value: &str| {
            let mut object = sums.json();
            object[name] = json!(value);
            object
        };
        let customers = self.recorded.top_customers();
        let customers: Vec<_> =
            customers.iter().map(|(name, sums)| named(sums, "customer_id", name)).collect();
        let types = self.recorded.event_types.iter();
        let types: Vec<_> = types.map(|(name, sums)| named(sums, "event_type", name)).collect();
        let total = &self.recorded.total;
        json!({
            "events": self.run.events,
            "input_tokens": self.run.input_tokens,
            "output_tokens": self.run.output_tokens,
            "credits_deducted": total.credits.to_string(),
            "refused": self.tally.refused_total(),
            "refused_by_reason": self.tally.refused,
            "replayed": self.tally.replayed,
            "settled": self.tally.settled,
            "newly_settled": self.tally.settled - self.tally.replayed,
            "newly_deducted": self.tally.credits_now.to_string(),
            "provider_cost": money_json(&total.costs),
            "margin": money_json(&total.margins),
            "top_customers": customers,
            "event_types": types,
            "bad_rows": self.run.faults.len(),
            "bad_lines": self.run.faults.iter().map(|fault| fault.line).collect::<Vec<_>>(),
            "trace_digest": self.run.digest.to_string(),
            "seed": self.run.seed,
            "funds": self.run.funds.word(),
            "base_time": self.run.base.to_string(),
            "wall_seconds": number(&seconds(self.wall)),
            "driving_seconds": number(&seconds(self.driving)),
            "wallets": self.verdict.wallets,
            "transactions": self.verdict.transactions,
            "head_hash": self.verdict.head_hash.map(|hash| hash.to_string()),
            "findings": self.verdict.findings,
            "ledger_verified": self.ledger_verified(),
        })
    }

    /// Tables.
    pub fn text(&self) -> String {
        let mut text = self.overview();
        text.push_str("\n\nEvent types");
        text.push_str(&format!("\n{}", sums_table("event type", self.recorded.event_types.iter())));
        text.push_str("\n\nTop customers");
        text.push_str(&format!("\n{}", sums_table("customer", self.recorded.top_customers().into_iter())));
        if !self.tally.refused.is_empty() {
            let mut refused = table(&["refused because", ">events"]);
            for (reason, events) in &self.tally.refused {
                refused.add_row(vec![(*reason).to_owned(), count(events)]);
            }
            text.push_str(&format!("\n\nRefusals\n{refused}"));
        }
        if !self.verdict.findings.is_empty() {
            text.push_str(&format!("\n\nFindings\n{}", findings_table(&self.verdict.findings)));
        }
        text
    }

    fn overview(&self) -> String {
        let total = &self.recorded.total;
        let ledger = if self.ledger_verified() { "verified" } else { "NOT verified" };
        let head = self.verdict.head_hash.map_or_else(|| "none".to_owned(), |hash| hash.to_string());
        facts([
            ("events", count(self.run.events)),
            ("tokens in", count(self.run.input_tokens)),
            ("tokens out", count(self.run.output_tokens)),
            ("credits deducted", credits(total.credits)),
            ("newly deducted", credits(self.tally.credits_now)),
            ("provider cost", money_text(&total.costs)),
            ("margin", money_text(&total.margins)),
            ("settled before", count(self.tally.replayed)),
            ("refused", count(self.tally.refused_total())),
            ("rows that could not be read", count(self.run.faults.len())),
            ("first event at", moment(self.run.base)),
            ("seconds in all", seconds(self.wall)),
            ("of them driving", seconds(self.driving)),
            ("wallets", count(self.verdict.wallets)),
            ("transactions", count(self.verdict.transactions)),
            ("ledger", ledger.to_owned()),
            ("head hash", head),
        ])
        .to_string()
    }
}

/// The rows that could not be read, for standard error.
pub fn faults_text(faults: &[Fault]) -> Option<String> {
    let lines =
        faults.iter().take(FAULTS_SHOWN).map(|fault| format!("  line {}: {}", fault.line, fault.problem));
    let mut lines: Vec<_> = lines.collect();
    if faults.len() > FAULTS_SHOWN {
        lines.push(format!("  … and {} more", faults.len() - FAULTS_SHOWN));
    }
    let head = format!("{} rows of the trace cannot be read and are refused:", faults.len());
    (!faults.is_empty()).then(|| format!("{head}\n{}", lines.join("\n")))
}

fn sums_table<'a>(head: &str, groups: impl Iterator<Item = (&'a String, &'a Sums)>) -> String {
    let mut table =
        table(&[head, ">events", ">tokens in", ">tokens out", ">credits", ">provider cost", ">margin"]);
    for (name, sums) in groups {
        table.add_row(vec![
            name.clone(),
            count(sums.events),
            count(sums.input_tokens),
            count(sums.output_tokens),
            credits(sums.credits),
            money_text(&sums.costs),
            money_text(&sums.margins),
        ]);
    }
    table.to_string()
}

fn scaled(text: &str) -> i128 {
    text.parse::<Decimal>().ok().and_then(|decimal| decimal.at_scale(MONEY_SCALE)).unwrap_or(0)
}

fn decimal(scaled: i128) -> String {
    Decimal::new(scaled, MONEY_SCALE).map_or_else(|_| String::new(), |decimal| decimal.to_string())
}

fn money_json(sums: &BTreeMap<String, i128>) -> Value {
    sums.iter().map(|(currency, &sum)| json!({"currency_code": currency, "amount": decimal(sum)})).collect()
}

/// To the cent, rounded half up, where no more is known of people's patience.
fn money_text(sums: &BTreeMap<String, i128>) -> String {
    const CENT: i128 = 10_i128.pow(MONEY_SCALE as u32 - 2);
    let texts = sums.iter().map(|(currency, &sum)| {
        let cents = (sum + CENT / 2).div_euclid(CENT);
        let sign = if cents < 0 { "-" } else { "" };
        let whole = group(&(cents.abs() / 100).to_string());
        format!("{sign}{whole}.{:02} {currency}", cents.abs() % 100)
    });
    texts.collect::<Vec<_>>().join(", ")
}

/// A decimal text as a JSON number.
fn number(text: &str) -> Value {
    text.parse::<f64>().map_or(Value::Null, |number| json!(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chit_api::metering::v1::{Margin, UsageEvent};
    use chit_api::types::v1::{Cost, Tokens};
    use chit_rpc::credits_to_proto;

    fn event(customer: &str, credits: i64, cost: &str, state: EventState) -> Event {
        let money = |amount: &str| (("USD").to_owned(), amount.to_owned());
        let ((cost_currency, cost), (margin_currency, margin)) = (money(cost), money("-0.005"));
        Event {
            content: Some(UsageEvent {
                customer_id: customer.to_owned(),
                event_type: "chat.reply".to_owned(),
                tokens: Some(Tokens { input: 10, output: 2, ..Tokens::default() }),
                ..UsageEvent::default()
            }),
            state: state.into(),
            credits: Some(credits_to_proto(Credits::whole(credits))),
            provider_cost: Some(Cost { currency_code: cost_currency, amount: cost }),
            margin: Some(Margin { currency_code: margin_currency, revenue: "0".to_owned(), amount: margin }),
            ..Event::default()
        }
    }

    fn report() -> Report {
        let trace =
            Trace::parse(include_bytes!("../../../../tests/data/azure_llm_conversation_500.csv")).unwrap();
        let mut recorded = Recorded::default();
        recorded.add(&event("a", 4, "0.000000000001", EventState::Settled));
        recorded.add(&event("b", 5, "1.5", EventState::Settled));
        recorded.add(&event("c", 0, "1", EventState::Refused));
        Report {
            run: Run::of(&trace, 1, Funds::Ample, Timestamp::EPOCH),
            tally: Tally { settled: 3, replayed: 1, ..Tally::default() },
            recorded,
            verdict: Verdict { wallets: 2, head_hash: Some(Hash([1; 32])), ..Verdict::default() },
            wall: Duration::from_millis(1_500),
            driving: Duration::from_millis(1_000),
        }
    }

    #[test]
    fn sums_are_exact_and_only_of_what_was_charged() {
        let json = report().json();
        assert_eq!(json["credits_deducted"], json!("9"));
        assert_eq!(json["provider_cost"], json!([{"currency_code": "USD", "amount": "1.500000000001"}]));
        assert_eq!(json["margin"][0]["amount"], json!("-0.01"));
        assert_eq!((&json["events"], &json["newly_settled"]), (&json!(500), &json!(2)));
        assert_eq!((&json["wall_seconds"], &json["ledger_verified"]), (&json!(1.5), &json!(true)));
        assert_eq!(json["top_customers"][0]["customer_id"], json!("b"));
    }

    #[test]
    fn people_see_tables() {
        let text = report().text();
        for expect in ["credits deducted", "1.50 USD", "-0.01 USD", "verified", "chat.reply"] {
            assert!(text.contains(expect), "{expect} is missing in\n{text}");
        }
    }

    #[test]
    fn bad_rows_are_told_with_their_lines() {
        assert_eq!(faults_text(&[]), None);
        let faults = vec![Fault { line: 7, problem: "has 2 columns".to_owned() }; 25];
        let text = faults_text(&faults).unwrap();
        assert!(text.starts_with("25 rows") && text.contains("line 7: has 2") && text.contains("and 5 more"));
    }
}
