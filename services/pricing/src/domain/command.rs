//! What callers ask to be written, and the fingerprint by which a repeated call is known.

use chit_pricebook::rule::rounding_word;
use chit_pricebook::{Charge, EventType, Rule, Tier, TierMode};
use chit_types::{Credits, Encoder, Fingerprint, Timestamp};

/// Makes a book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateBook {
    /// The tenant's own name for it.
    pub name: String,
    /// The unit of its prices.
    pub unit: String,
    /// What people read.
    pub description: String,
}

/// Makes or replaces a book's draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftVersion {
    /// The book's name.
    pub book: String,
    /// All rules.
    pub rules: Vec<Rule>,
    /// What people read.
    pub description: String,
    /// The draft's revision as last read; 0 replaces whatever there is.
    pub expected_revision: i64,
}

/// Publishes a book's draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishVersion {
    /// The book's name.
    pub book: String,
    /// The draft's number.
    pub number: u32,
    /// From when on; `None` for as soon as may be.
    pub effective_at: Option<Timestamp>,
    /// The draft's revision as last read; 0 publishes whatever it holds.
    pub expected_revision: i64,
}

/// Replaces the provider cost table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportCosts {
    /// The table as text.
    pub csv: String,
    /// ISO 4217.
    pub currency: String,
    /// From when on; `None` for as soon as may be.
    pub effective_at: Option<Timestamp>,
}

/// The kind of a write: keys of one kind are apart from those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `PutEventType`
    PutEventType,
    /// `CreatePriceBook`
    CreateBook,
    /// `DraftVersion`
    DraftVersion,
    /// `PublishVersion`
    PublishVersion,
    /// `AssignPriceBook`
    Assign,
    /// `ImportProviderCosts`
    ImportCosts,
}

impl Operation {
    /// As stored.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Operation::PutEventType => "put_event_type",
            Operation::CreateBook => "create_price_book",
            Operation::DraftVersion => "draft_version",
            Operation::PublishVersion => "publish_version",
            Operation::Assign => "assign_price_book",
            Operation::ImportCosts => "import_provider_costs",
        }
    }
}

/// The fingerprint of an event type to put.
#[must_use]
pub fn of_event_type(event_type: &EventType) -> Fingerprint {
    let mut encoder = Encoder::new();
    encoder
        .text(1, &event_type.name)
        .text_if_set(2, &event_type.display_name)
        .text_if_set(3, &event_type.description)
        .text_if_set(4, &event_type.quantity_unit);
    encoder.fingerprint()
}

/// The fingerprint of an assignment of this book.
#[must_use]
pub fn of_assignment(book: &str) -> Fingerprint {
    let mut encoder = Encoder::new();
    encoder.text(1, book);
    encoder.fingerprint()
}

impl CreateBook {
    /// Its fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut encoder = Encoder::new();
        encoder.text(1, &self.name).text(2, &self.unit).text_if_set(3, &self.description);
        encoder.fingerprint()
    }
}

impl DraftVersion {
    /// Its fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut encoder = Encoder::new();
        encoder
            .text(1, &self.book)
            .list(2, self.rules.iter().map(rule))
            .text_if_set(3, &self.description)
            .int(4, self.expected_revision);
        encoder.fingerprint()
    }
}

impl PublishVersion {
    /// Its fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut encoder = Encoder::new();
        encoder
            .text(1, &self.book)
            .int(2, i64::from(self.number))
            .int_if_set(3, self.effective_at.map(Timestamp::micros))
            .int(4, self.expected_revision);
        encoder.fingerprint()
    }
}

impl ImportCosts {
    /// Its fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut encoder = Encoder::new();
        encoder
            .text(1, &self.csv)
            .text(2, &self.currency)
            .int_if_set(3, self.effective_at.map(Timestamp::micros));
        encoder.fingerprint()
    }
}

fn rule(rule: &Rule) -> Vec<u8> {
    let mut encoder = Encoder::nested();
    let dimensions = rule.dimensions.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    encoder
        .text(1, &rule.id)
        .text(2, &rule.event_type)
        .map(3, dimensions)
        .list(4, charge(&rule.charge))
        .int_if_set(5, rule.minimum.map(Credits::micros))
        .int_if_set(6, rule.maximum.map(Credits::micros))
        .text(7, rounding_word(rule.rounding))
        .int(8, rule.step.micros());
    encoder.finish()
}

/// The kind of a charge, then its numbers as text.
fn charge(charge: &Charge) -> Vec<String> {
    match charge {
        Charge::Flat { amount } => vec!["flat".to_string(), amount.to_string()],
        Charge::PerUnit { price } => vec!["per_unit".to_string(), price.to_string()],
        Charge::Tiered { mode, tiers } => {
            let mode = match mode {
                TierMode::Graduated => "graduated",
                TierMode::Volume => "volume",
            };
            std::iter::once(mode.to_string()).chain(tiers.iter().map(tier)).collect()
        }
        Charge::Tokens { per_1k } => {
            let prices =
                per_1k.to_array().map(|price| price.map(|price| price.to_string()).unwrap_or_default());
            std::iter::once("tokens".to_string()).chain(prices).collect()
        }
    }
}

fn tier(tier: &Tier) -> String {
    let up_to = tier.up_to.map(|up_to| up_to.to_string()).unwrap_or_default();
    format!("{up_to}/{}/{}", tier.price, tier.flat_fee)
}
