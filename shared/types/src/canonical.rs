//! The canonical encoding: what hashes and fingerprints are computed over, so that a stranger can
//! recompute them. `docs/canonical-encoding.md` is its specification, with test vectors.
//!
//! An encoding is one version byte, then fields in rising order of number: `u16` number, `u32`
//! length, payload, all big-endian. Integers are eight bytes, two's complement; strings are their
//! bytes as sent; a list is its items, each behind a `u32` length; a nested message is its fields
//! without a version byte; a map is a list of key and value in order of key bytes. An optional field
//! that is not set is left out.

use std::fmt;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::kinds::{Origin, TransactionKind};

/// The version every new encoding is written in.
pub const VERSION: u8 = 1;

/// A SHA-256 hash, as used by the ledger's chain.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

/// What an idempotency key is stored as: 16 bytes of SHA-256 over (origin, kind, key, part).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyHash(pub [u8; 16]);

/// The fact a caller sent, in 17 bytes: the encoding's version, then 16 bytes of SHA-256 over it.
/// A retry is encoded in the version of the stored fingerprint before the two are compared.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 17]);

/// Writes one canonical encoding.
pub struct Encoder {
    bytes: Vec<u8>,
    last: u16,
}

impl Encoder {
    /// A top-level encoding: begins with the version byte.
    #[must_use]
    pub fn new() -> Self {
        Self { bytes: vec![VERSION], last: 0 }
    }

    /// A nested message: no version byte.
    #[must_use]
    pub fn nested() -> Self {
        Self { bytes: Vec::new(), last: 0 }
    }

    /// A field of raw bytes.
    pub fn bytes(&mut self, number: u16, payload: &[u8]) -> &mut Self {
        assert!(number > self.last, "canonical fields are written in rising order of number");
        self.last = number;
        let length = u32::try_from(payload.len()).expect("a field is below 4 GiB");
        self.bytes.extend_from_slice(&number.to_be_bytes());
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(payload);
        self
    }

    /// An integer field.
    pub fn int(&mut self, number: u16, value: i64) -> &mut Self {
        self.bytes(number, &value.to_be_bytes())
    }

    /// A string field, always written.
    pub fn text(&mut self, number: u16, value: &str) -> &mut Self {
        self.bytes(number, value.as_bytes())
    }

    /// A string field, left out when empty (the contract's "not set").
    pub fn text_if_set(&mut self, number: u16, value: &str) -> &mut Self {
        if value.is_empty() { self } else { self.text(number, value) }
    }

    /// An integer field, left out when not set.
    pub fn int_if_set(&mut self, number: u16, value: Option<i64>) -> &mut Self {
        match value {
            Some(value) => self.int(number, value),
            None => self,
        }
    }

    /// A byte field, left out when not set.
    pub fn bytes_if_set(&mut self, number: u16, value: Option<&[u8]>) -> &mut Self {
        match value {
            Some(value) => self.bytes(number, value),
            None => self,
        }
    }

    /// A list field, left out when empty. Items keep their order.
    pub fn list<T: AsRef<[u8]>>(&mut self, number: u16, items: impl IntoIterator<Item = T>) -> &mut Self {
        let mut payload = Vec::new();
        for item in items {
            push_sized(&mut payload, item.as_ref());
        }
        if payload.is_empty() { self } else { self.bytes(number, &payload) }
    }

    /// A map field, left out when empty; pairs are sorted by key bytes here.
    pub fn map<'a>(&mut self, number: u16, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> &mut Self {
        let mut pairs: Vec<_> = pairs.into_iter().collect();
        pairs.sort_unstable();
        let mut payload = Vec::new();
        for (key, value) in pairs {
            push_sized(&mut payload, key.as_bytes());
            push_sized(&mut payload, value.as_bytes());
        }
        if payload.is_empty() { self } else { self.bytes(number, &payload) }
    }

    /// The encoding.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// The fingerprint of the encoding.
    #[must_use]
    pub fn fingerprint(self) -> Fingerprint {
        let digest = Sha256::digest(&self.bytes);
        let mut out = [0; 17];
        out[0] = VERSION;
        out[1..].copy_from_slice(&digest[..16]);
        Fingerprint(out)
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

fn push_sized(into: &mut Vec<u8>, item: &[u8]) {
    let length = u32::try_from(item.len()).expect("an item is below 4 GiB");
    into.extend_from_slice(&length.to_be_bytes());
    into.extend_from_slice(item);
}

/// The hash of an idempotency key. `part` is 0 where an operation has no parts.
#[must_use]
pub fn key_hash(origin: Origin, kind: TransactionKind, key: &str, part: u32) -> KeyHash {
    let mut encoder = Encoder::new();
    encoder
        .int(1, i64::from(origin.number()))
        .int(2, i64::from(kind.number()))
        .text(3, key)
        .int(4, i64::from(part));
    let digest = Sha256::digest(encoder.finish());
    KeyHash(digest[..16].try_into().expect("sixteen of thirty-two bytes"))
}

impl Hash {
    /// SHA-256 over the parts, one after the other.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

macro_rules! hex_text {
    ($($name:ident),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXLOWER.encode(&self.0))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    )+};
}
hex_text!(Hash, KeyHash, Fingerprint);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_vectors_never_change() {
        let mut encoder = Encoder::new();
        encoder
            .int(1, -2)
            .text(2, "né")
            .text_if_set(3, "")
            .map(4, [("b", "2"), ("a", "1")])
            .list(7, ["x", "yz"]);
        assert_eq!(
            HEXLOWER.encode(&encoder.finish()),
            concat!(
                "01",
                "000100000008fffffffffffffffe",
                "0002000000036ec3a9",
                "000400000014",
                "00000001610000000131000000016200000001",
                "32",
                "00070000000b000000017800000002797a"
            )
        );
        assert_eq!(
            key_hash(Origin::Client, TransactionKind::Deduct, "k1", 0).to_string(),
            "3b2b8ed18ea370f25fcb130061960c85"
        );
    }

    #[test]
    #[should_panic(expected = "rising order")]
    fn fields_out_of_order_are_a_fault() {
        Encoder::new().int(2, 0).int(1, 0);
    }
}
