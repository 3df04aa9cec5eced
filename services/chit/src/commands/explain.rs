//! `chit explain`: why an event, or a transaction, did what it did.

use chit_api::metering::v1::{EventFact, ExplainEventRequest, ExplainEventResponse};
use chit_api::types::v1::Account;
use chit_api::wallet::v1::{Draw, ExplainTransactionRequest, ExplainTransactionResponse};

use crate::args::ExplainArgs;
use crate::client::Server;
use crate::json;
use crate::output::{Format, say, say_json, shown, table, time, word};

/// Runs it.
pub async fn run(args: ExplainArgs, server: &Server, format: Format) -> anyhow::Result<()> {
    match (args.event, args.transaction) {
        (Some(event_id), _) => event(args.customer, event_id, server, format).await,
        (None, number) => transaction(args.customer, args.unit, number.unwrap_or(0), server, format).await,
    }
}

async fn event(customer_id: String, event_id: String, server: &Server, format: Format) -> anyhow::Result<()> {
    let request = ExplainEventRequest { customer_id, event_id };
    let answer = server.metering()?.explain_event(request).await?.into_inner();
    match format {
        Format::Json => say_json(&json::of("chit.metering.v1.ExplainEventResponse", &answer)),
        Format::Text => say(event_text(&answer)),
    }
    Ok(())
}

fn event_text(answer: &ExplainEventResponse) -> String {
    let mut text = answer.sentence.clone();
    if let Some(price) = &answer.price {
        text.push_str(&format!(
            "\n\nprice book {} version {}, rule {}",
            price.price_book, price.version_number, price.rule_id
        ));
        let mut steps = table(&["step", ">credits"]);
        for step in &price.steps {
            steps.add_row(vec![step.label.clone(), step.value.clone()]);
        }
        steps.add_row(vec!["exact amount".to_owned(), price.exact_amount.clone()]);
        steps.add_row(vec!["after minimum, maximum and rounding".to_owned(), shown(price.credits.as_ref())]);
        text.push_str(&format!("\n{steps}"));
    }
    if let Some(cost) = &answer.provider_cost {
        let mut lines = table(&["provider tokens", ">tokens", ">per million", ">amount"]);
        for line in &cost.lines {
            lines.add_row(vec![
                line.pool.clone(),
                line.tokens.to_string(),
                line.price_per_million.clone(),
                line.amount.clone(),
            ]);
        }
        text.push_str(&format!("\n{lines}"));
    }
    text.push_str(&format!("\n{}", facts_table(&answer.facts)));
    text
}

fn facts_table(facts: &[EventFact]) -> String {
    let mut table = table(&["recorded", "when", ">credits", ">transactions", "grants drained"]);
    for fact in facts {
        let draws: Vec<_> = fact
            .draws
            .iter()
            .map(|draw| format!("{} {}", shown(draw.amount.as_ref()), draw.grant_id))
            .collect();
        let numbers: Vec<_> = fact.transactions.iter().map(i64::to_string).collect();
        table.add_row(vec![
            word(fact.kind().as_str_name(), "FACT_KIND_"),
            time(fact.recorded_at.as_ref()),
            shown(fact.credits.as_ref()),
            numbers.join(", "),
            draws.join("\n"),
        ]);
    }
    table.to_string()
}

async fn transaction(
    customer_id: String,
    unit: String,
    transaction: i64,
    server: &Server,
    format: Format,
) -> anyhow::Result<()> {
    let request = ExplainTransactionRequest { customer_id, unit, transaction };
    let answer = server.wallet()?.explain_transaction(request).await?.into_inner();
    match format {
        Format::Json => say_json(&json::of("chit.wallet.v1.ExplainTransactionResponse", &answer)),
        Format::Text => say(transaction_text(&answer)),
    }
    Ok(())
}

fn transaction_text(answer: &ExplainTransactionResponse) -> String {
    let transaction = answer.transaction.clone().unwrap_or_default();
    let mut postings = table(&[">leg", "from", "to", ">amount", "grant", "hold"]);
    for posting in &transaction.postings {
        let account = |number| word(Account::try_from(number).unwrap_or_default().as_str_name(), "ACCOUNT_");
        postings.add_row(vec![
            posting.ordinal.to_string(),
            account(posting.from),
            account(posting.to),
            shown(posting.amount.as_ref()),
            posting.grant_id.clone(),
            posting.hold_id.clone(),
        ]);
    }
    let mut text = format!("{}\n\n{postings}", answer.sentence);
    for (what, draws) in [("drained", &answer.draws), ("returned to", &answer.returns)] {
        if !draws.is_empty() {
            text.push_str(&format!("\n{}", draws_table(what, draws)));
        }
    }
    text
}

fn draws_table(what: &str, draws: &[Draw]) -> String {
    let mut table = table(&[what, "source", ">credits", ">cost basis (1e-9)"]);
    for draw in draws {
        table.add_row(vec![
            draw.grant_id.clone(),
            word(draw.source().as_str_name(), "GRANT_SOURCE_"),
            shown(draw.amount.as_ref()),
            draw.cost_basis.to_string(),
        ]);
    }
    table.to_string()
}
