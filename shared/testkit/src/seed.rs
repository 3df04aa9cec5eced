use std::hash::{BuildHasher, RandomState};

use crate::{SEED_VARIABLE, variable};

/// This run's seed: `CHIT_TEST_SEED` if it is set, else a fresh one. It is printed, and a failing test shows it.
///
/// # Panics
/// When the variable is set to something else than a number.
#[must_use]
pub fn seed() -> u64 {
    let seed = match variable(SEED_VARIABLE) {
        Some(text) => seed_of(&text).unwrap_or_else(|| panic!("{SEED_VARIABLE} is not a number: {text}")),
        None => random_number(),
    };
    eprintln!("seed {seed}; repeat with {SEED_VARIABLE}={seed}");
    seed
}

/// Reads a seed as it was printed.
#[must_use]
pub fn seed_of(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// The standard library's per-process randomness, which is all a test needs.
pub(crate) fn random_number() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
