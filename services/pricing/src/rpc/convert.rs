//! Messages to values, every fault collected, and back.

use chit_api::pricing::v1 as proto;
use chit_api::types::v1::ErrorReason;
use chit_pricebook::rule::RULES_PER_VERSION;
use chit_pricebook::{EventType, Finding};
use chit_pricewire::{
    check_dimensions, check_name, event_type_from_proto, model_cost_to_proto, quantity_from_proto,
    rule_from_proto, rule_to_proto, tokens_from_proto,
};
use chit_rpc::{PageTokens, Violations, refuse, timestamp_to_proto};
use chit_types::limits::{KEY_BYTES, METADATA_PAIRS};
use tonic::Status;

use crate::app::Question;
use crate::domain::command::{CreateBook, DraftVersion, ImportCosts, PublishVersion};
use crate::domain::cost_csv::CSV_BYTES_MAX;
use crate::domain::{CostTableHeader, StoredBook, StoredEventType, StoredTable, StoredVersion, VersionState};

/// Bytes of what one of a quantity is called.
const QUANTITY_UNIT_BYTES: usize = 64;
/// The currency of a table that names none.
const DEFAULT_CURRENCY: &str = "USD";

/// Whether a version is shown with its rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    Shown,
    LeftOut,
}

pub fn event_type(request: &proto::PutEventTypeRequest) -> Result<EventType, Status> {
    let mut violations = Violations::new();
    let sent = request.event_type.clone().unwrap_or_default();
    if request.event_type.is_none() {
        violations.field("event_type", "is missing");
    } else {
        violations.within("event_type", |within| {
            check_name(&sent.name, "name", within);
            within.at_most("display_name", &sent.display_name, KEY_BYTES);
            within.description("description", &sent.description);
            within.at_most("quantity_unit", &sent.quantity_unit, QUANTITY_UNIT_BYTES);
        });
    }
    violations.key("idempotency_key", &request.idempotency_key);
    violations.finish()?;
    Ok(event_type_from_proto(sent))
}

pub fn create_book(request: &proto::CreatePriceBookRequest) -> Result<CreateBook, Status> {
    let mut violations = Violations::new();
    check_name(&request.name, "name", &mut violations);
    let unit = violations.unit("unit", &request.unit).to_string();
    violations.description("description", &request.description);
    violations.key("idempotency_key", &request.idempotency_key);
    violations.finish()?;
    Ok(CreateBook { name: request.name.clone(), unit, description: request.description.clone() })
}

pub fn draft(request: &proto::DraftVersionRequest) -> Result<DraftVersion, Status> {
    let mut violations = Violations::new();
    violations.key("price_book", &request.price_book);
    if request.rules.is_empty() {
        violations.field("rules", "is missing");
    }
    let mut rules = Vec::new();
    if violations.at_most_items("rules", request.rules.len(), RULES_PER_VERSION) {
        for (place, rule) in request.rules.iter().enumerate() {
            let rule = violations.within(&format!("rules[{place}]"), |within| rule_from_proto(rule, within));
            rules.push(rule);
        }
    }
    violations.description("description", &request.description);
    let expected_revision = violations.count("expected_revision", request.expected_revision);
    violations.key("idempotency_key", &request.idempotency_key);
    violations.finish()?;
    Ok(DraftVersion {
        book: request.price_book.clone(),
        rules,
        description: request.description.clone(),
        expected_revision,
    })
}

pub fn publish(request: &proto::PublishVersionRequest) -> Result<PublishVersion, Status> {
    let mut violations = Violations::new();
    violations.key("price_book", &request.price_book);
    if request.number < 1 {
        violations.field("number", "is not above zero");
    }
    let effective_at = violations.optional_timestamp("effective_at", request.effective_at.as_ref());
    let expected_revision = violations.count("expected_revision", request.expected_revision);
    violations.key("idempotency_key", &request.idempotency_key);
    violations.finish()?;
    Ok(PublishVersion {
        book: request.price_book.clone(),
        number: u32::try_from(request.number).unwrap_or_default(),
        effective_at,
        expected_revision,
    })
}

pub fn list_versions(request: &proto::ListVersionsRequest) -> Result<usize, Status> {
    let mut violations = Violations::new();
    violations.key("price_book", &request.price_book);
    let limit = violations.page_size("page_size", request.page_size);
    violations.finish()?;
    Ok(limit)
}

pub fn get_version(request: &proto::GetVersionRequest) -> Result<u32, Status> {
    let mut violations = Violations::new();
    violations.key("price_book", &request.price_book);
    let number = violations.count("number", i64::from(request.number));
    violations.finish()?;
    Ok(u32::try_from(number).unwrap_or_default())
}

pub fn assign(request: &proto::AssignPriceBookRequest) -> Result<(), Status> {
    let mut violations = Violations::new();
    violations.key("price_book", &request.price_book);
    for (field, text) in [("customer_id", &request.customer_id), ("plan", &request.plan)] {
        if !text.is_empty() {
            violations.field(field, "must be empty: only the tenant's default can be assigned yet");
        }
    }
    violations.key("idempotency_key", &request.idempotency_key);
    violations.finish()
}

pub fn question(request: proto::QuoteRequest) -> Result<Question, Status> {
    let mut violations = Violations::new();
    violations.key("event_type", &request.event_type);
    check_dimensions(&request.dimensions, METADATA_PAIRS, "dimensions", &mut violations);
    let quantity = quantity_from_proto(&request.quantity, "quantity", &mut violations);
    let tokens = tokens_from_proto(request.tokens.as_ref(), "tokens", &mut violations);
    violations.optional_key("customer_id", &request.customer_id);
    let unit = violations.unit("unit", &request.unit).to_string();
    let occurred_at = violations.optional_timestamp("occurred_at", request.occurred_at.as_ref());
    violations.finish()?;
    Ok(Question {
        event_type: request.event_type,
        dimensions: request.dimensions,
        quantity,
        tokens,
        customer_id: request.customer_id,
        unit,
        occurred_at,
    })
}

pub fn import_costs(request: proto::ImportProviderCostsRequest) -> Result<ImportCosts, Status> {
    let mut violations = Violations::new();
    if request.csv.is_empty() {
        violations.field("csv", "is missing");
    }
    violations.at_most("csv", &request.csv, CSV_BYTES_MAX);
    let currency = match request.currency_code.as_str() {
        "" => DEFAULT_CURRENCY,
        code => code,
    };
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        violations.field("currency_code", "is not three capital letters");
    }
    let effective_at = violations.optional_timestamp("effective_at", request.effective_at.as_ref());
    violations.key("idempotency_key", &request.idempotency_key);
    violations.finish()?;
    Ok(ImportCosts { currency: currency.to_string(), csv: request.csv, effective_at })
}

pub fn list_costs(request: &proto::ListProviderCostsRequest) -> Result<(u32, usize), Status> {
    let mut violations = Violations::new();
    let version = violations.count("version", i64::from(request.version));
    violations.optional_key("model_prefix", &request.model_prefix);
    let limit = violations.page_size("page_size", request.page_size);
    violations.finish()?;
    Ok((u32::try_from(version).unwrap_or_default(), limit))
}

pub fn required_key(field: &str, text: &str) -> Result<(), Status> {
    let mut violations = Violations::new();
    violations.key(field, text);
    violations.finish()
}

pub fn page_size(size: i32) -> Result<usize, Status> {
    let mut violations = Violations::new();
    let limit = violations.page_size("page_size", size);
    violations.finish()?;
    Ok(limit)
}

/// The name after which the page begins; empty for the first.
pub fn after(tokens: &PageTokens, token: &str) -> Result<String, Status> {
    let cursor = tokens.open(token)?.unwrap_or_default();
    String::from_utf8(cursor).map_err(|_| not_ours())
}

/// The number below which the page begins.
pub fn below(tokens: &PageTokens, token: &str) -> Result<i64, Status> {
    let Some(cursor) = tokens.open(token)? else {
        return Ok(i64::MAX);
    };
    let bytes = <[u8; 8]>::try_from(cursor).map_err(|_| not_ours())?;
    Ok(i64::from_be_bytes(bytes))
}

/// The token of the page after the one that ends with `last`.
pub fn next(tokens: &PageTokens, has_more: bool, last: Option<&[u8]>) -> String {
    let last = last.filter(|_| has_more);
    last.map(|last| tokens.seal(last)).unwrap_or_default()
}

fn not_ours() -> Status {
    refuse(ErrorReason::PageTokenInvalid, "page_token is not of this list").status()
}

pub fn event_type_to_proto(stored: StoredEventType) -> proto::EventType {
    proto::EventType {
        name: stored.event_type.name,
        display_name: stored.event_type.display_name,
        description: stored.event_type.description,
        quantity_unit: stored.event_type.quantity_unit,
        created_at: Some(timestamp_to_proto(stored.created_at)),
        updated_at: Some(timestamp_to_proto(stored.updated_at)),
    }
}

pub fn book_to_proto(stored: StoredBook) -> proto::PriceBook {
    proto::PriceBook {
        id: stored.book.id.to_string(),
        name: stored.book.name,
        unit: stored.book.unit,
        description: stored.book.description,
        created_at: Some(timestamp_to_proto(stored.created_at)),
        published_number: number(stored.published_number),
        draft_number: number(stored.draft_number),
    }
}

pub fn version_to_proto(version: &StoredVersion, rules: Rules) -> proto::PriceBookVersion {
    let (state, times) = match version.state {
        VersionState::Draft => (proto::VersionState::Draft, None),
        VersionState::Published { effective_at, published_at } => {
            (proto::VersionState::Published, Some((effective_at, published_at)))
        }
    };
    proto::PriceBookVersion {
        id: version.id.to_string(),
        price_book: version.book.clone(),
        number: number(version.number),
        unit: version.unit.clone(),
        state: state.into(),
        description: version.description.clone(),
        effective_at: times.map(|(effective_at, _)| timestamp_to_proto(effective_at)),
        created_at: Some(timestamp_to_proto(version.created_at)),
        published_at: times.map(|(_, published_at)| timestamp_to_proto(published_at)),
        revision: version.draft_revision,
        rules: match rules {
            Rules::Shown => version.rules.iter().map(rule_to_proto).collect(),
            Rules::LeftOut => Vec::new(),
        },
        rule_count: i32::try_from(version.rule_count).unwrap_or(i32::MAX),
    }
}

pub fn finding_to_proto(finding: Finding) -> proto::Finding {
    proto::Finding { field: finding.field, description: finding.description }
}

/// Without its models.
pub fn table_to_proto(header: &CostTableHeader) -> proto::ProviderCostTable {
    proto::ProviderCostTable {
        version: number(header.version),
        currency_code: header.currency.clone(),
        effective_at: Some(timestamp_to_proto(header.effective_at)),
        created_at: Some(timestamp_to_proto(header.created_at)),
        model_count: i32::try_from(header.model_count).unwrap_or(i32::MAX),
        costs: Vec::new(),
    }
}

/// With its models.
pub fn whole_table_to_proto(table: &StoredTable) -> proto::ProviderCostTable {
    let models = table.models.iter();
    proto::ProviderCostTable {
        costs: models.map(|(model, cost)| model_cost_to_proto(model, cost)).collect(),
        ..table_to_proto(&table.header)
    }
}

fn number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
