use std::collections::{HashMap, VecDeque};

use tokio::time::Instant;

use crate::reply::Reply;
use crate::{LaneConfig, LaneError};

/// One waiting item.
pub(crate) struct Entry<I, A> {
    pub item: I,
    pub weight: usize,
    pub group: [u8; 16],
    pub deadline: Option<Instant>,
    pub reply: Reply<A>,
}

/// What waits in one lane, in order of arrival.
pub(crate) struct Queue<I, A> {
    entries: VecDeque<Entry<I, A>>,
    bytes: usize,
    closed: bool,
}

/// What leaves the queue for one attempt, and what had waited too long.
pub(crate) struct Taken<I, A> {
    pub batch: Vec<Entry<I, A>>,
    pub expired: Vec<Entry<I, A>>,
}

/// Why an entry could not enter; the entry comes back with it.
pub(crate) enum Refused<I, A> {
    Full(Entry<I, A>),
    Closed(Entry<I, A>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Wait,
    Take,
    Expire,
}

/// What one group has in the batch so far. Once one of its items must wait, so must all that follow it.
#[derive(Default)]
struct Share {
    items: usize,
    bytes: usize,
    waits: bool,
}

impl<I, A> Queue<I, A> {
    pub fn new() -> Self {
        Self { entries: VecDeque::new(), bytes: 0, closed: false }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }

    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Appends the entry; true when the queue was empty, so that its lane must be woken.
    pub fn push(&mut self, entry: Entry<I, A>, config: &LaneConfig) -> Result<bool, Refused<I, A>> {
        if self.closed {
            return Err(Refused::Closed(entry));
        }
        // An empty queue takes any item, however heavy: it must be possible to do it at all.
        let heavy = self.bytes.saturating_add(entry.weight) > config.queue_bytes;
        if self.entries.len() >= config.queue_items || (heavy && !self.entries.is_empty()) {
            return Err(Refused::Full(entry));
        }
        self.bytes += entry.weight;
        self.entries.push_back(entry);
        Ok(self.entries.len() == 1)
    }

    /// Empties the queue without working on it.
    pub fn clear(&mut self) -> Vec<Entry<I, A>> {
        self.bytes = 0;
        self.entries.drain(..).collect()
    }

    /// The next batch, in order of arrival, within the bounds of a batch and of one group's half of it.
    pub fn take(&mut self, config: &LaneConfig, now: Instant) -> Taken<I, A> {
        let fates = self.choose(config, now);
        let mut taken = Taken { batch: Vec::with_capacity(fates.len()), expired: Vec::new() };
        let mut waiting = Vec::new();
        for (entry, fate) in self.entries.drain(..fates.len()).zip(&fates) {
            match fate {
                Fate::Wait => waiting.push(entry),
                Fate::Take => taken.batch.push(entry),
                Fate::Expire => taken.expired.push(entry),
            }
        }
        for entry in waiting.into_iter().rev() {
            self.entries.push_front(entry);
        }
        for entry in taken.batch.iter().chain(&taken.expired) {
            self.bytes -= entry.weight;
        }
        taken
    }

    fn choose(&self, config: &LaneConfig, now: Instant) -> Vec<Fate> {
        let (half_items, half_bytes) = (config.batch_items.div_ceil(2), config.batch_bytes / 2);
        // What fits into one group's half needs no shares.
        let shared = self.entries.len() > half_items || self.bytes > half_bytes;
        let mut shares: HashMap<[u8; 16], Share> = HashMap::new();
        let mut fates = Vec::with_capacity(self.entries.len().min(config.batch_items));
        let (mut items, mut bytes) = (0, 0_usize);
        for entry in &self.entries {
            let too_heavy = items > 0 && bytes + entry.weight > config.batch_bytes;
            if items == config.batch_items || too_heavy {
                return fates;
            }
            if entry.deadline.is_some_and(|deadline| deadline <= now) || entry.reply.is_abandoned() {
                fates.push(Fate::Expire);
                continue;
            }
            if shared {
                let share = shares.entry(entry.group).or_default();
                let over = share.items >= half_items || share.bytes + entry.weight > half_bytes;
                share.waits |= over && share.items > 0;
                if share.waits {
                    fates.push(Fate::Wait);
                    continue;
                }
                share.items += 1;
                share.bytes += entry.weight;
            }
            items += 1;
            bytes += entry.weight;
            fates.push(Fate::Take);
        }
        self.fill(&mut fates, items, bytes, config);
        fates
    }

    /// Everybody is served and there is room left: those who had their half may have the rest, in order.
    fn fill(&self, fates: &mut [Fate], mut items: usize, mut bytes: usize, config: &LaneConfig) {
        for (entry, fate) in self.entries.iter().zip(fates.iter_mut()) {
            if *fate != Fate::Wait {
                continue;
            }
            if items == config.batch_items || bytes + entry.weight > config.batch_bytes {
                return;
            }
            items += 1;
            bytes += entry.weight;
            *fate = Fate::Take;
        }
    }
}

impl<I, A> Entry<I, A> {
    pub fn refuse(self, error: LaneError) {
        self.reply.answer(Err(error));
    }
}
