//! The feed read on from a cursor.

use std::collections::{BTreeMap, HashMap};

use chit_types::{Shard, WalletId};

use super::{ReadFault, Reader};
use crate::engine::entries::Event;
use crate::store::feed::FeedRow;
use crate::store::{WalletKey, entries};

/// Rows of one shard's feed read at once.
const FEED_ROWS: u64 = 64;

/// Events, and where to go on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPage {
    /// In order within a wallet.
    pub events: Vec<Event>,
    /// Opaque.
    pub cursor: Vec<u8>,
    /// Nothing further is known at this moment.
    pub up_to_date: bool,
}

/// What feed events carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedContent {
    /// Numbers and signals.
    Numbers,
    /// The transactions too.
    WithTransactions,
}

impl Reader {
    /// A cursor at the present end of the feed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn feed_end(&self) -> Result<Vec<u8>, ReadFault> {
        let spans = self.store.feed_spans().await?;
        Ok(Cursor(spans.into_iter().map(|(shard, span)| (shard, span.last)).collect()).write())
    }

    /// What happened in the tenant's wallets after a cursor (empty: from the oldest event kept). Reads a bounded piece
    /// of each shard.
    ///
    /// # Errors
    /// [`ReadFault::CursorExpired`], [`ReadFault::CursorUnreadable`], or when the database fails.
    pub async fn feed(
        &self,
        tenant: &str,
        cursor: &[u8],
        content: FeedContent,
    ) -> Result<FeedPage, ReadFault> {
        let mut cursor = if cursor.is_empty() { None } else { Some(Cursor::read(cursor)?) };
        let spans = self.store.feed_spans().await?;
        let mut positions = BTreeMap::new();
        let mut events = Vec::new();
        let mut up_to_date = true;
        for (shard, span) in spans {
            let known = cursor.as_mut().map(|cursor| cursor.0.remove(&shard).unwrap_or_default());
            let after = known.unwrap_or(span.purged);
            if after < span.purged {
                return Err(ReadFault::CursorExpired);
            }
            let mut position = after;
            if after < span.last {
                let rows = self.store.feed(shard, after, FEED_ROWS).await?;
                position = rows.last().map_or(after, |row| row.position);
                up_to_date &= position >= span.last;
                self.events(tenant, shard, &rows, content, &mut events).await?;
            }
            positions.insert(shard, position);
        }
        Ok(FeedPage { events, cursor: Cursor(positions).write(), up_to_date })
    }

    async fn events(
        &self,
        tenant: &str,
        shard: Shard,
        rows: &[FeedRow],
        content: FeedContent,
        out: &mut Vec<Event>,
    ) -> Result<(), ReadFault> {
        let mut all = Vec::new();
        for row in rows {
            let read = entries::read(&row.entries).map_err(|error| ReadFault::Internal(error.to_string()))?;
            all.extend(read);
        }
        let mut keys: Vec<WalletKey> =
            all.iter().map(|entry| WalletKey { shard, id: entry.wallet }).collect();
        keys.sort_unstable();
        keys.dedup();
        let names = self.store.names(&keys).await?;
        let mut names: HashMap<WalletId, (String, String, String)> =
            names.into_iter().map(|(id, tenant, customer, unit)| (id, (tenant, customer, unit))).collect();
        for entry in all {
            if let Some(own) = entry.names {
                names.entry(entry.wallet).or_insert(own);
            }
            let Some((of, customer, unit)) = names.get(&entry.wallet) else {
                continue;
            };
            if of != tenant {
                continue;
            }
            let mut transactions = Vec::new();
            if content == FeedContent::WithTransactions && entry.first > 0 {
                let key = WalletKey { shard, id: entry.wallet };
                let count = u64::try_from(entry.last - entry.first + 1).unwrap_or_default();
                transactions = self.store.transactions(key, entry.first - 1, entry.last, count).await?;
            }
            out.push(Event {
                customer: customer.clone(),
                unit: unit.clone(),
                first: entry.first,
                last: entry.last,
                signals: entry.signals,
                transactions,
            });
        }
        Ok(())
    }
}

/// Positions by shard: a version byte, then shard and position, big-endian, for each shard with one above zero.
struct Cursor(BTreeMap<Shard, i64>);

const CURSOR_VERSION: u8 = 1;
const CURSOR_STEP: usize = 10;

impl Cursor {
    fn write(&self) -> Vec<u8> {
        let mut out = vec![CURSOR_VERSION];
        for (shard, position) in self.0.iter().filter(|(_, position)| **position > 0) {
            out.extend_from_slice(&shard.0.to_be_bytes());
            out.extend_from_slice(&position.to_be_bytes());
        }
        out
    }

    fn read(bytes: &[u8]) -> Result<Self, ReadFault> {
        let Some((&CURSOR_VERSION, steps)) = bytes.split_first() else {
            return Err(ReadFault::CursorUnreadable);
        };
        if !steps.len().is_multiple_of(CURSOR_STEP) {
            return Err(ReadFault::CursorUnreadable);
        }
        let step = |step: &[u8]| {
            let (shard, position) = step.split_at(2);
            let position: [u8; 8] = position.try_into().ok()?;
            Some((Shard(u16::from_be_bytes([shard[0], shard[1]])), i64::from_be_bytes(position)))
        };
        let read: Option<_> = steps.chunks(CURSOR_STEP).map(step).collect();
        read.map(Self).ok_or(ReadFault::CursorUnreadable)
    }
}
