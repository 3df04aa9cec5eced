//! Where a wallet lives: its id and its shard are functions of its names alone, so that no look-up
//! precedes a write. The golden vectors below fix both for ever.

use std::fmt;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// First 16 bytes of SHA-256 over length-prefixed (tenant, customer, unit).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WalletId(pub [u8; 16]);

/// A customer's shard, the same in every service; the leading column of every key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(pub u16);

/// The installation's number of shards: chosen once, at migration, and stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardCount(u16);

impl ShardCount {
    /// What an installation gets unless it says otherwise.
    pub const DEFAULT: ShardCount = ShardCount(256);

    /// `None` for zero, or above 32,767 (shards are stored as signed 16-bit integers).
    #[must_use]
    pub const fn new(count: u16) -> Option<Self> {
        if count == 0 || count > 32_767 { None } else { Some(Self(count)) }
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        let length = u32::try_from(part.len()).expect("names are at most 128 bytes");
        hasher.update(length.to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().into()
}

impl WalletId {
    /// The id of this customer's wallet in this unit.
    #[must_use]
    pub fn of(tenant: &str, customer: &str, unit: &str) -> Self {
        let hash = digest(&[tenant, customer, unit]);
        Self(hash[..16].try_into().expect("sixteen of thirty-two bytes"))
    }
}

/// The shard of this tenant's customer: the first two bytes, big-endian, of SHA-256 over the
/// length-prefixed names, modulo the installation's shard count.
#[must_use]
pub fn shard_of(tenant: &str, customer: &str, count: ShardCount) -> Shard {
    let hash = digest(&[tenant, customer]);
    Shard(u16::from_be_bytes([hash[0], hash[1]]) % count.0)
}

impl fmt::Display for WalletId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for WalletId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WalletId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_vectors_never_change() {
        assert_eq!(
            WalletId::of("dev", "user_123", "credits").to_string(),
            "5358e2801e328c00e595e73730d6ed25"
        );
        assert_eq!(shard_of("dev", "user_123", ShardCount::DEFAULT), Shard(201));
    }

    #[test]
    fn names_do_not_run_into_each_other() {
        assert_ne!(WalletId::of("a", "bc", "d"), WalletId::of("ab", "c", "d"));
    }
}
