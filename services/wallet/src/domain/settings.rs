//! A tenant's settings, as the rules need them.

use std::time::Duration;

/// What becomes of credits that a reversal returns to an expired grant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExpiredReversal {
    /// A new grant of the same source and cost basis, for 7 days.
    #[default]
    Regrant,
    /// They expire.
    Expire,
}

/// A unit of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: String,
}

/// A tenant's settings. Version 0 is the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Rises by one with each change.
    pub version: i64,
    /// Units beside `credits`.
    pub units: Vec<Unit>,
    /// What cost bases are told in.
    pub reporting_currency: String,
    /// A hold's life where the request names none.
    pub hold_ttl: Duration,
    /// How long after its expiry a hold may still be committed as normal.
    pub hold_grace: Duration,
    /// A hold's longest total life.
    pub hold_life_limit: Duration,
    /// What becomes of credits that a reversal returns to an expired grant.
    pub expired_reversal: ExpiredReversal,
}

/// The unit every tenant has.
pub const DEFAULT_UNIT: &str = "credits";
/// A REGRANT lives this long.
pub const REGRANT_LIFE: Duration = Duration::from_secs(7 * 86_400);
/// An allowance that names no expiry outlives its period by this much, so that a renewal paid a little
/// late still finds its rest.
pub const RENEWAL_GRACE: Duration = Duration::from_secs(86_400);
/// A hold that ran out may be settled late for this long.
pub const LATE_COMMIT_WINDOW: Duration = Duration::from_secs(34 * 86_400);

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: 0,
            units: Vec::new(),
            reporting_currency: "USD".to_owned(),
            hold_ttl: Duration::from_secs(15 * 60),
            hold_grace: Duration::from_secs(60),
            hold_life_limit: Duration::from_secs(24 * 3_600),
            expired_reversal: ExpiredReversal::default(),
        }
    }
}

impl Settings {
    /// The tenant has this unit.
    #[must_use]
    pub fn has_unit(&self, unit: &str) -> bool {
        unit == DEFAULT_UNIT || self.units.iter().any(|u| u.name == unit)
    }
}
