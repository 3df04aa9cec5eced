//! Everything that decides one tenant's prices, as one value. The pricing service answers quotes from
//! it and metering prices events from its own copy, so both always say the same.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chit_types::{PublicId, Timestamp};

use crate::amount::Quantity;
use crate::cost::{CostAnswer, CostTable};
use crate::evaluate::PriceError;
use crate::tokens::Tokens;
use crate::version::{PriceBookVersion, Priced, Usage};

/// A billable action's name and what people read about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventType {
    /// Such as `image.generate`.
    pub name: String,
    /// What people read.
    pub display_name: String,
    /// What the action is.
    pub description: String,
    /// What one of the quantity is; empty where it is the event.
    pub quantity_unit: String,
}

/// A price book, without its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    /// `pb_…`
    pub id: PublicId,
    /// The tenant's own name for it.
    pub name: String,
    /// The unit of its prices.
    pub unit: String,
    /// What people read.
    pub description: String,
}

/// From when on a book prices a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The unit.
    pub unit: String,
    /// The book's name.
    pub book: String,
    /// From when on; [`Timestamp::EPOCH`] for a unit's first.
    pub effective_at: Timestamp,
}

/// One tenant's event types, books, assignments and cost tables. A clone shares the tables.
#[derive(Clone, Debug, Default)]
pub struct Replica {
    event_types: BTreeMap<String, EventType>,
    books: BTreeMap<String, Book>,
    versions: HashMap<PublicId, Arc<PriceBookVersion>>,
    /// By book; in order of (effective time, number): the last one that began is in force.
    timelines: HashMap<String, Vec<Arc<PriceBookVersion>>>,
    /// By unit; in order of effective time.
    assignments: HashMap<String, Vec<Assignment>>,
    /// In order of (effective time, version).
    cost_tables: Vec<Arc<CostTable>>,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct PriceRequest<'a> {
    /// What is priced.
    pub usage: Usage<'a>,
    /// Who pays; empty for the tenant's default. Only assignments to customers will look at it.
    pub customer_id: &'a str,
    /// The unit to pay in.
    pub unit: &'a str,
    /// When it occurred: decides which assignment and version are in force.
    pub occurred_at: Timestamp,
    /// The version an authorization pinned; decides before anything else.
    pub pinned: Option<PublicId>,
}

/// A price and the version it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// The version that decided.
    pub version: &'a Arc<PriceBookVersion>,
    /// The price.
    pub priced: Priced,
}

impl Replica {
    /// The price of a request.
    pub fn price(&self, request: &PriceRequest<'_>) -> Result<Decision<'_>, PriceError> {
        let version = self.deciding_version(request)?;
        let priced = version.price(&request.usage)?;
        Ok(Decision { version, priced })
    }

    /// The version that decides a request: the pinned one, else the assigned book's in force when it
    /// occurred.
    pub fn deciding_version(&self, request: &PriceRequest<'_>) -> Result<&Arc<PriceBookVersion>, PriceError> {
        let event_type = request.usage.event_type;
        let missing = |missing: String| PriceError::NoPrice { event_type: event_type.to_string(), missing };
        if !self.event_types.contains_key(event_type) {
            return Err(PriceError::EventTypeUnknown { event_type: event_type.to_string() });
        }
        if let Some(id) = request.pinned {
            return self.version(id).ok_or_else(|| missing(format!("version {id}")));
        }
        let assigned = self
            .assigned(request.unit, request.occurred_at)
            .ok_or_else(|| missing(format!("a price book for unit {}", request.unit)))?;
        self.in_force(&assigned.book, request.occurred_at).ok_or_else(|| {
            let (book, at) = (&assigned.book, request.occurred_at);
            missing(format!("a version of price book {book} in force at {at}"))
        })
    }

    /// What a model provider charges for tokens of something that occurred then.
    #[must_use]
    pub fn cost(&self, model: &str, tokens: Tokens, occurred_at: Timestamp) -> CostAnswer {
        match self.cost_table_at(occurred_at) {
            Some(table) => table.explain(model, tokens),
            None => CostAnswer {
                model: model.to_string(),
                missing: vec!["a provider cost table in force".to_string()],
                ..CostAnswer::default()
            },
        }
    }

    /// The cost table in force at a time.
    #[must_use]
    pub fn cost_table_at(&self, at: Timestamp) -> Option<&Arc<CostTable>> {
        last_begun(&self.cost_tables, at, |table| table.effective_at)
    }

    /// The book's version in force at a time.
    #[must_use]
    pub fn in_force(&self, book: &str, at: Timestamp) -> Option<&Arc<PriceBookVersion>> {
        last_begun(self.timelines.get(book)?, at, |version| version.header().effective_at)
    }

    /// A published version.
    #[must_use]
    pub fn version(&self, id: PublicId) -> Option<&Arc<PriceBookVersion>> {
        self.versions.get(&id)
    }

    /// The assignment of a unit in force at a time.
    #[must_use]
    pub fn assigned(&self, unit: &str, at: Timestamp) -> Option<&Assignment> {
        last_begun(self.assignments.get(unit)?, at, |assignment| assignment.effective_at)
    }

    /// An event type.
    #[must_use]
    pub fn event_type(&self, name: &str) -> Option<&EventType> {
        self.event_types.get(name)
    }

    /// A book.
    #[must_use]
    pub fn book(&self, name: &str) -> Option<&Book> {
        self.books.get(name)
    }

    /// Adds or replaces an event type.
    pub fn put_event_type(&mut self, event_type: EventType) {
        self.event_types.insert(event_type.name.clone(), event_type);
    }

    /// Adds or replaces a book.
    pub fn put_book(&mut self, book: Book) {
        self.books.insert(book.name.clone(), book);
    }

    /// Adds a published version; one that is there stays, as versions never change.
    pub fn put_version(&mut self, version: Arc<PriceBookVersion>) {
        let header = version.header();
        if self.versions.contains_key(&header.id) {
            return;
        }
        self.versions.insert(header.id, version.clone());
        let timeline = self.timelines.entry(header.book.clone()).or_default();
        timeline.push(version);
        timeline.sort_by_key(|version| (version.header().effective_at, version.header().number));
    }

    /// Adds an assignment; the same one twice stays one, as does one of the same instant.
    pub fn put_assignment(&mut self, assignment: Assignment) {
        let timeline = self.assignments.entry(assignment.unit.clone()).or_default();
        timeline.retain(|known| known.effective_at != assignment.effective_at);
        timeline.push(assignment);
        timeline.sort_by_key(|assignment| assignment.effective_at);
    }

    /// Adds or replaces a cost table.
    pub fn put_cost_table(&mut self, table: Arc<CostTable>) {
        self.cost_tables.retain(|known| known.version != table.version);
        self.cost_tables.push(table);
        self.cost_tables.sort_by_key(|table| (table.effective_at, table.version));
    }
}

impl<'a> PriceRequest<'a> {
    /// A quantity of one without tokens or dimensions, for the tenant's default book: the base to build
    /// other requests on.
    #[must_use]
    pub const fn of(
        event_type: &'a str,
        dimensions: &'a BTreeMap<String, String>,
        unit: &'a str,
        occurred_at: Timestamp,
    ) -> Self {
        Self {
            usage: Usage { event_type, dimensions, quantity: Quantity::ONE, tokens: Tokens::ZERO },
            customer_id: "",
            unit,
            occurred_at,
            pinned: None,
        }
    }
}

/// Of items in order of their beginning, the last that has begun at `at`.
fn last_begun<T>(items: &[T], at: Timestamp, begins: impl Fn(&T) -> Timestamp) -> Option<&T> {
    let begun = items.partition_point(|item| begins(item) <= at);
    items[..begun].last()
}
