//! How amounts and instants stand in stored JSON: as whole micros, so that no reader takes them for floats.

use chit_types::{Credits, Timestamp};
use serde::{Deserialize, Deserializer, Serializer};

/// A value counted in millionths.
pub trait Micros: Copy {
    /// As millionths.
    fn to_micros(self) -> i64;
    /// From millionths.
    fn of_micros(micros: i64) -> Self;
}

impl Micros for Credits {
    fn to_micros(self) -> i64 {
        self.micros()
    }
    fn of_micros(micros: i64) -> Self {
        Credits::from_micros(micros)
    }
}

impl Micros for Timestamp {
    fn to_micros(self) -> i64 {
        self.micros()
    }
    fn of_micros(micros: i64) -> Self {
        Timestamp::from_micros(micros)
    }
}

/// Writes the micros.
pub fn serialize<T: Micros, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(value.to_micros())
}

/// Reads the micros.
pub fn deserialize<'de, T: Micros, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    i64::deserialize(deserializer).map(T::of_micros)
}

/// The same for a value that may be missing.
pub mod option {
    use super::{Deserialize, Deserializer, Micros, Serializer};

    /// Writes the micros, or null.
    pub fn serialize<T: Micros, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.serialize_some(&value.to_micros()),
            None => serializer.serialize_none(),
        }
    }

    /// Reads the micros, or null.
    pub fn deserialize<'de, T: Micros, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
        Ok(Option::<i64>::deserialize(deserializer)?.map(T::of_micros))
    }
}
