//! What is wrong with a message: every field, not the first.

use std::fmt::Display;

/// One field that breaks the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, such as `rules[3].minimum`.
    pub field: String,
    /// What is wrong.
    pub description: String,
}

/// Faults found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Notes one.
    pub fn add(&mut self, field: &str, description: impl Display) {
        self.0.push(Fault {
            field: field.to_string(),
            description: description.to_string(),
        });
    }

    /// The value, or a note of why there is none.
    pub fn take<T, E: Display>(&mut self, field: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.add(field, error)).ok()
    }

    /// Nothing was wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
