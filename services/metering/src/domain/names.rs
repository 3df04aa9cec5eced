//! Where an event lives: its keys are functions of its names alone, so that no look-up precedes a write.

use chit_types::{Encoder, Hash, Shard, ShardCount, shard_of};
use serde::{Deserialize, Serialize};

/// Sixteen bytes that stand for names.
pub type Key = [u8; 16];

/// The place of one event in every table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Place {
    /// The customer's shard.
    pub shard: u16,
    /// Made of (tenant, customer).
    pub customer: Key,
    /// Made of (tenant, customer, event id).
    pub event: Key,
}

impl Place {
    /// The place of this tenant's customer's event.
    #[must_use]
    pub fn of(tenant: &str, customer_id: &str, event_id: &str, shards: ShardCount) -> Self {
        let Shard(shard) = shard_of(tenant, customer_id, shards);
        Self {
            shard,
            customer: customer_key(tenant, customer_id),
            event: key(&[tenant, customer_id, event_id]),
        }
    }
}

/// As it stands in stored JSON: the shard, and both keys in hex.
type Written = (u16, String, String);

impl From<Place> for Written {
    fn from(place: Place) -> Self {
        let hex = |key: Key| format!("{:032x}", u128::from_be_bytes(key));
        (place.shard, hex(place.customer), hex(place.event))
    }
}

impl TryFrom<Written> for Place {
    type Error = std::num::ParseIntError;

    fn try_from((shard, customer, event): Written) -> Result<Self, Self::Error> {
        let key = |hex: &str| u128::from_str_radix(hex, 16).map(u128::to_be_bytes);
        Ok(Self { shard, customer: key(&customer)?, event: key(&event)? })
    }
}

/// The key of a customer, whatever the unit.
#[must_use]
pub fn customer_key(tenant: &str, customer_id: &str) -> Key {
    key(&[tenant, customer_id])
}

fn key(names: &[&str]) -> Key {
    let mut encoder = Encoder::new();
    encoder.list(1, names);
    let hash = Hash::of(&[&encoder.finish()]);
    hash.0[..16].try_into().expect("sixteen of thirty-two bytes")
}

/// A wallet key for something of an event that has several: `event#suffix`, or the event's hash where
/// that would be longer than a key may be.
#[must_use]
pub fn wallet_key(event_id: &str, suffix: &str) -> String {
    let plain = format!("{event_id}#{suffix}");
    if plain.len() <= chit_types::limits::KEY_BYTES {
        return plain;
    }
    let hash = Hash::of(&[event_id.as_bytes(), b"\0", suffix.as_bytes()]);
    format!("sha256:{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_run_into_each_other() {
        let of = |t, c, e| Place::of(t, c, e, ShardCount::DEFAULT);
        assert_ne!(of("a", "bc", "d"), of("ab", "c", "d"));
        assert_ne!(of("a", "b", "cd").event, of("a", "bc", "d").event);
        assert_eq!(of("a", "b", "c").shard, of("a", "b", "other").shard);
        assert_eq!(of("a", "b", "c").customer, of("a", "b", "other").customer);
    }

    #[test]
    fn wallet_keys_are_never_too_long() {
        assert_eq!(wallet_key("e", "1"), "e#1");
        let long = "x".repeat(128);
        assert_eq!(wallet_key(&long, "1").len(), 71);
        assert_ne!(wallet_key(&long, "1"), wallet_key(&long, "2"));
    }
}
