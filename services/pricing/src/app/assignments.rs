//! Which book prices a unit.

use std::time::Duration;

use chit_pricebook::Assignment;
use chit_types::Timestamp;

use super::catalogue::no_book;
use super::{App, Done, Fault, Key};
use crate::domain::Refusal;
use crate::domain::command::{Operation, of_assignment};

/// The finest step of time: two assignments never begin at the same instant.
const INSTANT: Duration = Duration::from_micros(1);

impl App {
    /// Makes a book the one that prices its unit. A unit's first assignment holds for all time, a later
    /// one from when every follower knows it.
    pub async fn assign(&self, tenant: &str, book: &str, key: &str) -> Result<Done<Assignment>, Fault> {
        let key = Key { operation: Operation::Assign, key, fingerprint: of_assignment(book) };
        let write = self.store.begin(tenant).await?;
        let stored = write.reads().book(book).await?.ok_or_else(|| no_book(book))?;
        let unit = stored.book.unit;
        if let Some(resource) = self.replayed(&write, key).await? {
            let began = resource.parse().unwrap_or(i64::MIN);
            let made = write.reads().assignment(&unit, began).await?;
            return Ok(Done::before(made.ok_or_else(|| no_book(book))?));
        }
        if stored.published_number == 0 {
            return Err(
                Refusal::BookNotFound { book: book.to_string(), number: "published".to_string() }.into()
            );
        }
        let now = self.clock.now();
        let last = write.reads().last_assignment(&unit).await?;
        let assignment = match last {
            Some(last) if last.book == book => last,
            last => {
                let effective_at = last.map_or(Timestamp::EPOCH, |last| {
                    (now + self.config.publish_lead()).max(last.effective_at + INSTANT)
                });
                let made = Assignment { unit, book: book.to_string(), effective_at };
                write.insert_assignment(&made).await?;
                made
            }
        };
        let resource = assignment.effective_at.micros().to_string();
        self.commit(write, key, &resource, now).await?;
        Ok(Done::now(assignment))
    }
}
