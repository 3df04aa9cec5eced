//! Versions of a book: drafted, then published, then immutable.

use std::collections::BTreeSet;

use chit_pricebook::{Finding, Rule, validate};
use chit_types::{IdKind, Timestamp};

use super::catalogue::no_book;
use super::{App, Done, Fault, Key, Page, one_more};
use crate::domain::command::{DraftVersion, Operation, PublishVersion};
use crate::domain::effective::{History, effective_at};
use crate::domain::{Refusal, StoredBook, StoredVersion, VersionState};
use crate::store::Write;

/// A draft and what would stop it from being published.
pub type Drafted = (StoredVersion, Vec<Finding>);

impl App {
    /// Makes the book's draft or replaces its rules.
    pub async fn draft(
        &self,
        tenant: &str,
        command: DraftVersion,
        key: &str,
    ) -> Result<Done<Drafted>, Fault> {
        let key = Key { operation: Operation::DraftVersion, key, fingerprint: command.fingerprint() };
        let write = self.store.begin(tenant).await?;
        if let Some(resource) = self.replayed(&write, key).await? {
            let version = require_version(&write, &command.book, number_of(&resource)).await?;
            let findings = findings(&write, &version.rules).await?;
            return Ok(Done::before((version, findings)));
        }
        let book = write.reads().book(&command.book).await?;
        let book = book.ok_or_else(|| no_book(&command.book))?;
        let known = match book.draft_number {
            0 => None,
            number => write.reads().version(&command.book, number).await?,
        };
        expect_revision(command.expected_revision, known.as_ref())?;
        let now = self.clock.now();
        let draft = self.drafted(command, &book, known.as_ref(), now);
        match known {
            Some(_) => write.update_draft(&draft).await?,
            None => write.insert_draft(&draft).await?,
        }
        let findings = findings(&write, &draft.rules).await?;
        self.commit(write, key, &draft.number.to_string(), now).await?;
        Ok(Done::now((draft, findings)))
    }

    /// Publishes the book's draft.
    pub async fn publish(
        &self,
        tenant: &str,
        command: PublishVersion,
        key: &str,
    ) -> Result<Done<StoredVersion>, Fault> {
        let key = Key { operation: Operation::PublishVersion, key, fingerprint: command.fingerprint() };
        let write = self.store.begin(tenant).await?;
        let book = write.reads().book(&command.book).await?;
        let book = book.ok_or_else(|| no_book(&command.book))?;
        let mut version = require_version(&write, &command.book, command.number).await?;
        if self.replayed(&write, key).await?.is_some() {
            return Ok(Done::before(version));
        }
        if version.state != VersionState::Draft {
            return Err(Refusal::VersionPublished { number: version.number }.into());
        }
        expect_revision(command.expected_revision, Some(&version))?;
        let findings = findings(&write, &version.rules).await?;
        if !findings.is_empty() {
            return Err(Refusal::BookInvalid { findings }.into());
        }
        let history = match book.published_number {
            0 => History::None,
            _ => History::Published,
        };
        let now = self.clock.now();
        version.state = VersionState::Published {
            effective_at: effective_at(command.effective_at, history, now, self.config.publish_lead())?,
            published_at: now,
        };
        write.update_draft(&version).await?;
        self.commit(write, key, &version.number.to_string(), now).await?;
        Ok(Done::now(version))
    }

    /// A version with its rules; number 0 is the newest.
    pub async fn version(&self, tenant: &str, book: &str, number: u32) -> Result<StoredVersion, Fault> {
        self.book(tenant, book).await?;
        let found = self.store.reads(tenant).version(book, number).await?;
        Ok(found.ok_or_else(|| no_version(book, number))?)
    }

    /// Versions without their rules, newest first, below number `below`.
    pub async fn versions(
        &self,
        tenant: &str,
        book: &str,
        below: i64,
        limit: usize,
    ) -> Result<Page<StoredVersion>, Fault> {
        self.book(tenant, book).await?;
        let found = self.store.reads(tenant).versions(book, below, one_more(limit)).await?;
        Ok(Page::of(found, limit))
    }

    fn drafted(
        &self,
        command: DraftVersion,
        book: &StoredBook,
        known: Option<&StoredVersion>,
        now: Timestamp,
    ) -> StoredVersion {
        StoredVersion {
            id: known.map_or_else(|| self.new_id(IdKind::PriceVersion, now), |known| known.id),
            number: known.map_or(book.published_number + 1, |known| known.number),
            draft_revision: known.map_or(0, |known| known.draft_revision) + 1,
            created_at: known.map_or(now, |known| known.created_at),
            book: command.book,
            unit: book.book.unit.clone(),
            state: VersionState::Draft,
            description: command.description,
            rule_count: command.rules.len(),
            rules: command.rules,
        }
    }
}

async fn require_version(write: &Write, book: &str, number: u32) -> Result<StoredVersion, Fault> {
    let found = write.reads().version(book, number).await?;
    Ok(found.ok_or_else(|| no_version(book, number))?)
}

async fn findings(write: &Write, rules: &[Rule]) -> Result<Vec<Finding>, Fault> {
    let names: BTreeSet<String> = write.reads().event_type_names().await?.into_iter().collect();
    Ok(validate(rules, |name| names.contains(name)))
}

fn expect_revision(expected: i64, draft: Option<&StoredVersion>) -> Result<(), Refusal> {
    let revision = draft.map_or(0, |draft| draft.draft_revision);
    if expected != 0 && expected != revision {
        return Err(Refusal::VersionConflict { revision });
    }
    Ok(())
}

/// A key's resource is the version's number as we wrote it; one that does not read names no version.
fn number_of(resource: &str) -> u32 {
    resource.parse().unwrap_or(u32::MAX)
}

fn no_version(book: &str, number: u32) -> Refusal {
    Refusal::BookNotFound { book: book.to_string(), number: number.to_string() }
}
