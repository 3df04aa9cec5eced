//! Building a replica from the stream of `FollowPriceBooks`.

use chit_api::pricing::v1 as proto;
use chit_pricebook::Replica;
use proto::follow_price_books_response::Change;

use crate::resources::{
    assignment_from_proto, book_from_proto, cost_table_from_proto, event_type_from_proto, version_from_proto,
};
use chit_rpc::Violations;

/// A change that our own service should never have sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{resource} cannot be read: {faults}")]
pub struct WireError {
    /// Which resource, by its [`resource_key`].
    pub resource: String,
    /// What is wrong with it.
    pub faults: String,
}

/// Puts one change into a replica. Applying the same change twice is applying it once.
pub fn apply(replica: &mut Replica, change: Change) -> Result<(), WireError> {
    let mut violations = Violations::new();
    let resource = resource_key(&change);
    match change {
        Change::EventType(event_type) => replica.put_event_type(event_type_from_proto(event_type)),
        Change::PriceBook(book) => {
            if let Some(book) = book_from_proto(book, &mut violations) {
                replica.put_book(book);
            }
        }
        Change::Version(version) => {
            if let Some(version) = version_from_proto(&version, &mut violations) {
                replica.put_version(version);
            }
        }
        Change::Assignment(assignment) => {
            replica.put_assignment(assignment_from_proto(assignment, &mut violations));
        }
        Change::ProviderCostTable(table) => {
            if let Some(table) = cost_table_from_proto(&table, &mut violations) {
                replica.put_cost_table(table);
            }
        }
    }
    let faults: Vec<String> = violations
        .into_list()
        .iter()
        .map(|violation| format!("{} {}", violation.field, violation.description))
        .collect();
    if faults.is_empty() {
        return Ok(());
    }
    Err(WireError { resource, faults: faults.join("; ") })
}

/// What a change replaces: a follower that keeps the newest change for each key keeps the whole replica.
#[must_use]
pub fn resource_key(change: &Change) -> String {
    match change {
        Change::EventType(event_type) => format!("event_type/{}", event_type.name),
        Change::PriceBook(book) => format!("price_book/{}", book.name),
        Change::Version(version) => format!("version/{}", version.id),
        Change::Assignment(assignment) => {
            let since = assignment.effective_at.as_ref();
            let micros = since.map_or(0, |time| time.seconds * 1_000_000 + i64::from(time.nanos / 1_000));
            format!("assignment/{}/{micros}", assignment.unit)
        }
        Change::ProviderCostTable(table) => format!("provider_cost_table/{}", table.version),
    }
}
