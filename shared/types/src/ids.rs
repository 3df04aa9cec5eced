//! Ids we issue: a prefix that says what it names, then base32 of shard and UUIDv7. Opaque to
//! clients; to us the shard says where to look.

use std::fmt;
use std::str::FromStr;

use data_encoding::Encoding;

use crate::shard::Shard;

/// What an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IdKind {
    /// `gr_…`
    Grant,
    /// `hd_…`
    Hold,
    /// `au_…`
    Authorization,
    /// `pb_…`
    PriceBook,
    /// `pv_…`
    PriceVersion,
}

impl IdKind {
    /// The letters before the underscore.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            IdKind::Grant => "gr",
            IdKind::Hold => "hd",
            IdKind::Authorization => "au",
            IdKind::PriceBook => "pb",
            IdKind::PriceVersion => "pv",
        }
    }
}

/// An id as clients see it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicId {
    /// What it names.
    pub kind: IdKind,
    /// Where that lives.
    pub shard: Shard,
    /// A UUIDv7.
    pub uuid: [u8; 16],
}

/// Why a text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Another prefix than expected.
    #[error("is not an id that begins with `{0}_`")]
    Prefix(&'static str),
    /// Not of our making.
    #[error("is not an id issued by this service")]
    Malformed,
}

fn base32() -> Encoding {
    data_encoding::BASE32HEX_NOPAD.clone()
}

impl PublicId {
    /// Reads an id of this kind.
    pub fn parse(kind: IdKind, text: &str) -> Result<Self, IdError> {
        let rest = text
            .strip_prefix(kind.prefix())
            .and_then(|rest| rest.strip_prefix('_'))
            .ok_or(IdError::Prefix(kind.prefix()))?;
        if rest.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(IdError::Malformed);
        }
        let bytes = base32().decode(rest.to_ascii_uppercase().as_bytes()).map_err(|_| IdError::Malformed)?;
        let bytes: [u8; 18] = bytes.try_into().map_err(|_| IdError::Malformed)?;
        let (shard, uuid) = bytes.split_at(2);
        Ok(Self {
            kind,
            shard: Shard(u16::from_be_bytes([shard[0], shard[1]])),
            uuid: uuid.try_into().expect("sixteen of eighteen bytes"),
        })
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 18];
        bytes[..2].copy_from_slice(&self.shard.0.to_be_bytes());
        bytes[2..].copy_from_slice(&self.uuid);
        write!(f, "{}_{}", self.kind.prefix(), base32().encode(&bytes).to_ascii_lowercase())
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Any of our ids, by its own prefix.
impl FromStr for PublicId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        [IdKind::Grant, IdKind::Hold, IdKind::Authorization, IdKind::PriceBook, IdKind::PriceVersion]
            .into_iter()
            .find(|kind| text.split_once('_').is_some_and(|(prefix, _)| prefix == kind.prefix()))
            .ok_or(IdError::Malformed)
            .and_then(|kind| Self::parse(kind, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_and_refuse_what_is_not_theirs() {
        let id = PublicId { kind: IdKind::Hold, shard: Shard(517), uuid: [7; 16] };
        let text = id.to_string();
        assert_eq!(PublicId::parse(IdKind::Hold, &text), Ok(id));
        assert_eq!(PublicId::parse(IdKind::Grant, &text), Err(IdError::Prefix("gr")));
        assert_eq!(text.parse::<PublicId>(), Ok(id));
        for bad in ["hd_", "hd_zzzz", "hd", "", "xx_00", &text.to_ascii_uppercase(), &format!("{text}0")] {
            assert!(PublicId::parse(IdKind::Hold, bad).is_err(), "{bad}");
        }
    }
}
