//! What the database keeps, as values.

use std::collections::BTreeMap;
use std::sync::Arc;

use chit_pricebook::{
    Assignment, Book, CostTable, EventType, ModelCost, PriceBookVersion, Replica, Rule, VersionHeader,
};
use chit_types::{PublicId, Timestamp};

/// An event type with its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEventType {
    /// What it is.
    pub event_type: EventType,
    /// When it was first declared.
    pub created_at: Timestamp,
    /// When it was last replaced.
    pub updated_at: Timestamp,
}

/// A book and what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBook {
    /// What it is.
    pub book: Book,
    /// When it was made.
    pub created_at: Timestamp,
    /// The newest published version, 0 for none.
    pub published_number: u32,
    /// The draft, 0 for none.
    pub draft_number: u32,
}

/// Whether a version may still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionState {
    /// It may, and prices nothing.
    Draft,
    /// It never will; from this time on it prices what occurs.
    Published {
        /// From when on.
        effective_at: Timestamp,
        /// When it was published.
        published_at: Timestamp,
    },
}

/// A version of a book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredVersion {
    /// `pv_…`
    pub id: PublicId,
    /// The book's name.
    pub book: String,
    /// 1, 2, 3 … in the book.
    pub number: u32,
    /// The book's unit.
    pub unit: String,
    /// Draft or published.
    pub state: VersionState,
    /// What people read.
    pub description: String,
    /// Rises with every change of the draft.
    pub draft_revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// How many rules it has.
    pub rule_count: usize,
    /// Its rules; empty where they were not asked for.
    pub rules: Vec<Rule>,
}

/// A cost table without its models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostTableHeader {
    /// 1, 2, 3 … of the tenant.
    pub version: u32,
    /// ISO 4217.
    pub currency: String,
    /// From when on it costs what occurs.
    pub effective_at: Timestamp,
    /// When it was imported.
    pub created_at: Timestamp,
    /// How many models it has.
    pub model_count: usize,
}

/// A cost table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTable {
    /// All but the models.
    pub header: CostTableHeader,
    /// By model.
    pub models: BTreeMap<String, ModelCost>,
}

/// Something that decides prices, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Made or replaced.
    EventType(StoredEventType),
    /// Made.
    Book(StoredBook),
    /// Published.
    Version(StoredVersion),
    /// Made.
    Assignment(Assignment),
    /// Imported.
    CostTable(StoredTable),
}

impl StoredVersion {
    /// The version as prices are made from it; `None` for a draft.
    #[must_use]
    pub fn compile(self) -> Option<PriceBookVersion> {
        let VersionState::Published { effective_at, .. } = self.state else {
            return None;
        };
        let header = VersionHeader {
            id: self.id,
            book: self.book,
            number: self.number,
            unit: self.unit,
            effective_at,
        };
        Some(PriceBookVersion::new(header, self.rules))
    }
}

impl Change {
    /// Puts it into a replica.
    pub fn apply(self, replica: &mut Replica) {
        match self {
            Change::EventType(stored) => replica.put_event_type(stored.event_type),
            Change::Book(stored) => replica.put_book(stored.book),
            Change::Version(stored) => {
                if let Some(version) = stored.compile() {
                    replica.put_version(Arc::new(version));
                }
            }
            Change::Assignment(assignment) => replica.put_assignment(assignment),
            Change::CostTable(StoredTable { header, models }) => {
                replica.put_cost_table(Arc::new(CostTable {
                    version: header.version,
                    currency: header.currency,
                    effective_at: header.effective_at,
                    models,
                }))
            }
        }
    }
}
