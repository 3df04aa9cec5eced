//! What must be read beside the wallets' rows before a batch can be decided.

use std::collections::HashSet;

use super::command::Command;
use super::decide::Batch;
use super::worker::Item;
use crate::domain::{self, Envelope, HoldId, Needs};
use crate::store::{LaneStore, LoadRequest, StoreFailure, WalletKey};

/// What one load finds may call for more (a hold without a row, its Reserve, that Reserve's grants), but not for ever.
const ROUNDS: usize = 6;

/// The wallets of a batch in the order in which their rows are locked, and each item's place among them.
pub(super) fn places(items: &[Item]) -> (Vec<WalletKey>, Vec<usize>) {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_unstable_by_key(|index| items[*index].key);
    let mut keys: Vec<WalletKey> = Vec::with_capacity(items.len());
    let mut places = vec![0; items.len()];
    for index in order {
        if keys.last() != Some(&items[index].key) {
            keys.push(items[index].key);
        }
        places[index] = keys.len() - 1;
    }
    (keys, places)
}

/// Everything asked for before, so that nothing is read twice.
#[derive(Default)]
struct Asked {
    holds: HashSet<(usize, HoldId)>,
    grants: HashSet<(usize, domain::GrantId)>,
    past: HashSet<(usize, i64)>,
}

impl Asked {
    fn add(&mut self, request: &mut LoadRequest, place: usize, needs: Needs) {
        for id in needs.holds {
            if self.holds.insert((place, id)) {
                request.holds.push((place, id));
            }
        }
        for id in needs.grants {
            if self.grants.insert((place, id)) {
                request.grants.push((place, id));
            }
        }
        for seq in needs.past {
            if self.past.insert((place, seq)) {
                request.past.push((place, seq));
            }
        }
    }
}

/// Reads until nothing more is needed.
pub(super) async fn all<S: LaneStore>(
    store: &mut S,
    batch: &mut Batch<'_>,
    items: &[Item],
    places: &[usize],
) -> Result<(), StoreFailure> {
    let mut asked = Asked::default();
    let mut request = LoadRequest { open_holds: batch.with_something_due(), ..LoadRequest::default() };
    let operations = || items.iter().zip(places).filter_map(|(item, place)| Some((envelope(item)?, *place)));
    for (envelope, place) in operations() {
        if batch.has_row(place) {
            request.keys.push((place, envelope.key));
            asked.add(&mut request, place, domain::needs(envelope));
        }
    }
    let mut replayed_holds = Vec::new();
    for _ in 0..ROUNDS {
        if request.is_empty() {
            return Ok(());
        }
        let loaded = store.load(&request).await?;
        replayed_holds.extend(batch.take(loaded));
        request = LoadRequest::default();
        for (place, hold) in &replayed_holds {
            // Its row, or, where that is gone, its Reserve.
            let gone =
                asked.holds.contains(&(*place, *hold)) && !batch.state(*place).holds.contains_key(hold);
            let past = if gone { vec![hold.reserved_by()] } else { Vec::new() };
            asked.add(&mut request, *place, Needs { holds: vec![*hold], past, ..Needs::default() });
        }
        for (envelope, place) in operations() {
            if batch.has_row(place) {
                asked.add(&mut request, place, domain::more_needs(batch.state(place), envelope));
            }
        }
    }
    Err(StoreFailure::Permanent("what a batch needs calls for more without end".to_owned()))
}

fn envelope(item: &Item) -> Option<&Envelope> {
    match &item.command {
        Command::Apply(envelope) => Some(envelope),
        Command::Create { .. } | Command::Update { .. } | Command::BookDue => None,
    }
}
