//! `chit meter`

use chit_api::metering::v1::{MeterEventRequest, Receipt, UsageEvent};
use chit_api::types::v1::{OnInsufficient, Tokens};
use chit_rpc::{credits_to_proto, timestamp_to_proto};

use crate::args::{MeterArgs, OnInsufficientArg};
use crate::client::Server;
use crate::commands::fresh_id;
use crate::json;
use crate::output::{Format, facts, say, say_json, shown, word};

/// Runs it.
pub async fn run(args: MeterArgs, server: &Server, format: Format) -> anyhow::Result<()> {
    let request = request(args);
    let answer = server.metering()?.meter_event(request).await?.into_inner();
    let receipt = answer.receipt.unwrap_or_default();
    match format {
        Format::Json => say_json(&json::of("chit.metering.v1.Receipt", &receipt)),
        Format::Text => say(receipt_facts(&receipt)),
    }
    Ok(())
}

fn request(args: MeterArgs) -> MeterEventRequest {
    let named = [("model", args.model), ("feature", args.feature)];
    let named = named.into_iter().filter_map(|(name, value)| value.map(|value| (name.to_owned(), value)));
    let tokens = Tokens {
        input: args.input_tokens,
        cache_read: args.cache_read_tokens,
        cache_write: args.cache_write_tokens,
        output: args.output_tokens,
        reasoning: args.reasoning_tokens,
        ..Tokens::default()
    };
    let event = UsageEvent {
        customer_id: args.customer,
        unit: args.unit,
        event_id: args.event.unwrap_or_else(|| fresh_id("event")),
        event_type: args.event_type,
        occurred_at: args.occurred_at.map(timestamp_to_proto),
        quantity: args.quantity,
        dimensions: args.dimensions.into_iter().chain(named).collect(),
        tokens: (tokens != Tokens::default()).then_some(tokens),
        credits: args.credits.map(credits_to_proto),
        ..UsageEvent::default()
    };
    let on_insufficient = match args.on_insufficient {
        OnInsufficientArg::Refuse => OnInsufficient::Refuse,
        OnInsufficientArg::Record => OnInsufficient::Record,
        OnInsufficientArg::Cap => OnInsufficient::Cap,
    };
    MeterEventRequest {
        event: Some(event),
        on_insufficient: on_insufficient.into(),
        ..MeterEventRequest::default()
    }
}

fn receipt_facts(receipt: &Receipt) -> String {
    let balance = receipt.balance.unwrap_or_default();
    let price = receipt.price.as_ref().map_or_else(
        || "explicit credits".to_owned(),
        |price| format!("{} version {}, rule {}", price.price_book, price.version_number, price.rule_id),
    );
    let cost = receipt
        .provider_cost
        .as_ref()
        .map_or_else(|| "not known".to_owned(), |cost| format!("{} {}", cost.amount, cost.currency_code));
    let state = word(receipt.state().as_str_name(), "EVENT_STATE_");
    let again = if receipt.replayed { " (sent before; nothing was charged again)" } else { "" };
    facts([
        ("event", receipt.event_id.clone()),
        ("state", format!("{state}{again}")),
        ("credits", shown(receipt.credits_total.as_ref())),
        ("price", price),
        ("provider cost", cost),
        ("transaction", receipt.transaction.to_string()),
        ("available now", shown(balance.available.as_ref())),
        ("owed now", shown(balance.owed.as_ref())),
    ])
    .to_string()
}
