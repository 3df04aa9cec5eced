//! What a new tenant of `chit dev` begins with, made through the same use cases as anybody's prices:
//! event types, one price book in `credits`, and what providers charge.

use chit_pricebook::{Charge, EventType, Pool, Quantity, Rule, Tier, TierMode, TokenPrices, UnitPrice};
use chit_types::{Credits, Decimal, Rounding, Timestamp};

use crate::app::{App, Fault};
use crate::domain::Refusal;
use crate::domain::command::{CreateBook, DraftVersion, ImportCosts, PublishVersion};

/// The starter book's name.
pub const BOOK: &str = "default";
/// The unit of its prices.
pub const UNIT: &str = "credits";
/// From when on starter prices and costs count: before any trace that is replayed.
const EFFECTIVE_AT: Timestamp = Timestamp::from_seconds(1_577_836_800);
/// Provider prices of common models, derived from LiteLLM's table (MIT).
const COSTS: &str = include_str!("../data/provider_prices_usd_per_million_tokens.csv");

/// Makes the starter content of a tenant that has no price book of that name; another keeps what it has.
/// Safe to repeat: what an interrupted run has made is found by its keys and completed.
pub async fn make(app: &App, tenant: &str) -> Result<(), Fault> {
    match steps(app, tenant).await {
        // The tenant has a book of its own by that name, or the starter of an earlier release.
        Err(Fault::Refused(Refusal::AlreadyExists { .. } | Refusal::KeyReused { .. })) => Ok(()),
        ended => ended,
    }
}

async fn steps(app: &App, tenant: &str) -> Result<(), Fault> {
    let book = CreateBook {
        name: BOOK.to_string(),
        unit: UNIT.to_string(),
        description: "The starter prices: change them to your own".to_string(),
    };
    app.create_book(tenant, book, "starter/book").await?;
    for event_type in event_types() {
        let key = format!("starter/{}", event_type.name);
        app.put_event_type(tenant, event_type, &key).await?;
    }
    let costs =
        ImportCosts { csv: COSTS.to_string(), currency: "USD".to_string(), effective_at: Some(EFFECTIVE_AT) };
    app.import_costs(tenant, costs, "starter/costs").await?;
    let draft = DraftVersion {
        book: BOOK.to_string(),
        rules: rules(),
        description: "Starter prices".to_string(),
        expected_revision: 0,
    };
    let drafted = app.draft(tenant, draft, "starter/draft").await?;
    let publish = PublishVersion {
        book: BOOK.to_string(),
        number: drafted.value.0.number,
        effective_at: Some(EFFECTIVE_AT),
        expected_revision: 0,
    };
    app.publish(tenant, publish, "starter/publish").await?;
    app.assign(tenant, BOOK, "starter/assign").await?;
    Ok(())
}

fn event_types() -> Vec<EventType> {
    [
        ("chat.reply", "Chat reply", "One answer of the assistant", ""),
        ("doc.summarize", "Document summary", "One document summarized", ""),
        ("agent.run", "Agent run", "One run of an agent, all its steps", ""),
        ("image.generate", "Image", "One picture made", "image"),
        ("search.query", "Search", "Searches of the web or of files", "query"),
        ("voice.minute", "Voice", "Minutes of spoken conversation", "minute"),
    ]
    .map(|(name, display_name, description, quantity_unit)| EventType {
        name: name.to_string(),
        display_name: display_name.to_string(),
        description: description.to_string(),
        quantity_unit: quantity_unit.to_string(),
    })
    .to_vec()
}

/// A chat reply of 1,000 tokens in and 200 out costs 1.5 + 2 = 3.5, rounded up to 4 credits.
fn rules() -> Vec<Rule> {
    let whole = Credits::whole(1);
    vec![
        Rule { minimum: Some(whole), step: whole, ..Rule::new("chat", "chat.reply", tokens(1_500, 10_000)) },
        Rule {
            step: whole,
            minimum: Some(whole),
            ..for_model("chat-mini", "chat.reply", "gpt-4o-mini", tokens(300, 2_000))
        },
        Rule {
            step: whole,
            minimum: Some(Credits::whole(2)),
            ..for_model("chat-opus", "chat.reply", "claude-opus-4-5", tokens(5_000, 25_000))
        },
        Rule {
            minimum: Some(Credits::whole(2)),
            step: whole,
            ..Rule::new("summary", "doc.summarize", tokens(1_000, 5_000))
        },
        Rule {
            minimum: Some(Credits::whole(10)),
            maximum: Some(Credits::whole(500)),
            step: whole,
            ..Rule::new("agent", "agent.run", tokens(2_000, 12_000))
        },
        Rule::new("image", "image.generate", Charge::Flat { amount: Credits::whole(40) }),
        Rule {
            step: Credits::from_micros(500_000),
            rounding: Rounding::HalfUp,
            ..Rule::new("search", "search.query", Charge::PerUnit { price: thousandths(500) })
        },
        Rule { step: Credits::from_micros(10_000), ..Rule::new("voice", "voice.minute", voice()) },
    ]
}

/// 6 credits for each of the first ten minutes, 5 up to an hour, 4 beyond.
fn voice() -> Charge {
    let tier = |up_to: Option<u32>, price| Tier {
        up_to: up_to.map(Quantity::whole),
        price: thousandths(price),
        flat_fee: Credits::ZERO,
    };
    Charge::Tiered {
        mode: TierMode::Graduated,
        tiers: vec![tier(Some(10), 6_000), tier(Some(60), 5_000), tier(None, 4_000)],
    }
}

/// Credits per thousand tokens in thousandths: reading a cache costs a tenth of input, writing one a
/// quarter more, reasoning and audio as output, an image two credits.
fn tokens(input: u32, output: u32) -> Charge {
    Charge::Tokens {
        per_1k: TokenPrices::default()
            .with(Pool::Input, thousandths(input))
            .with(Pool::CacheRead, thousandths(input / 10))
            .with(Pool::CacheWrite, thousandths(input / 4 * 5))
            .with(Pool::Output, thousandths(output))
            .with(Pool::Reasoning, thousandths(output))
            .with(Pool::Audio, thousandths(output))
            .with(Pool::Images, thousandths(2_000_000)),
    }
}

fn for_model(id: &str, event_type: &str, model: &str, charge: Charge) -> Rule {
    let mut rule = Rule::new(id, event_type, charge);
    rule.dimensions.insert("model".to_string(), model.to_string());
    rule
}

fn thousandths(thousandths: u32) -> UnitPrice {
    let decimal = Decimal::new(i128::from(thousandths), 3).expect("three decimals are within 24");
    UnitPrice::from_decimal(decimal).expect("a 32-bit number of thousandths is below 1e9")
}
