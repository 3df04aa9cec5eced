//! Wallets and settings as operators make and change them.

use std::time::Duration;

use chit_api::wallet::v1 as proto;
use chit_rpc::{AmountRange, Violations, duration_to_proto};
use chit_types::{Credits, limits};
use tonic::Status;

use super::fields::unit_or_default;
use crate::domain::settings::DEFAULT_UNIT;
use crate::domain::{ExpiredReversal, Settings, Unit};

/// The longest name of a unit, in bytes.
const UNIT_NAME_BYTES: usize = 32;
/// Units of one tenant: all of them are copied to every node.
const UNITS: usize = 100;
/// The longest grace of a hold.
const HOLD_GRACE_MAX: Duration = Duration::from_secs(10 * 60);
/// The longest life of a hold.
const HOLD_LIFE_MAX: Duration = Duration::from_secs(7 * 86_400);

/// A wallet to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWallet {
    /// The customer.
    pub customer: String,
    /// The unit.
    pub unit: String,
    /// What it may owe and still spend.
    pub overdraft_limit: Credits,
    /// Kept out of every sum.
    pub test: bool,
}

/// Changes to a wallet; what is `None` stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeOfWallet {
    /// The customer.
    pub customer: String,
    /// The unit.
    pub unit: String,
    /// The version it was made for; 0 means any.
    pub version: i64,
    /// What it may owe and still spend.
    pub overdraft_limit: Option<Credits>,
    /// Freezes or frees it.
    pub frozen: Option<bool>,
    /// All thresholds, ascending.
    pub thresholds: Option<Vec<Credits>>,
}

/// New settings, made for the version they carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeOfSettings {
    /// All of them.
    pub settings: Settings,
}

impl NewWallet {
    /// Reads the request.
    pub fn from_proto(request: proto::CreateWalletRequest) -> Result<Self, Status> {
        let mut faults = Violations::new();
        faults.key("customer_id", &request.customer_id);
        faults.unit("unit", &request.unit);
        let limit = request.overdraft_limit.as_ref();
        let limit = faults.optional_credits("overdraft_limit", limit, AmountRange::ZeroOrMore);
        faults.finish()?;
        Ok(Self {
            customer: request.customer_id,
            unit: unit_or_default(request.unit),
            overdraft_limit: limit.unwrap_or_default(),
            test: request.test,
        })
    }
}

impl ChangeOfWallet {
    /// Reads the request.
    pub fn from_proto(request: proto::UpdateWalletRequest) -> Result<Self, Status> {
        let mut faults = Violations::new();
        faults.key("customer_id", &request.customer_id);
        faults.unit("unit", &request.unit);
        let version = faults.count("version", request.version);
        let limit = request.overdraft_limit.as_ref();
        let overdraft_limit = faults.optional_credits("overdraft_limit", limit, AmountRange::ZeroOrMore);
        let thresholds = request.thresholds.as_ref();
        let thresholds = thresholds.map(|thresholds| thresholds_from_proto(&mut faults, thresholds));
        faults.finish()?;
        Ok(Self {
            customer: request.customer_id,
            unit: unit_or_default(request.unit),
            version,
            overdraft_limit,
            frozen: request.frozen,
            thresholds,
        })
    }
}

fn thresholds_from_proto(faults: &mut Violations, thresholds: &proto::Thresholds) -> Vec<Credits> {
    let field = "thresholds.levels";
    if !faults.at_most_items(field, thresholds.levels.len(), limits::THRESHOLDS) {
        return Vec::new();
    }
    let mut levels: Vec<Credits> = Vec::with_capacity(thresholds.levels.len());
    for (index, level) in thresholds.levels.iter().enumerate() {
        let name = format!("{field}[{index}]");
        let before = faults.is_empty();
        let level = faults.credits(&name, Some(level), AmountRange::Signed);
        if levels.contains(&level) && before == faults.is_empty() {
            faults.field(&name, "is there twice");
        }
        levels.push(level);
    }
    levels.sort_unstable();
    levels
}

impl ChangeOfSettings {
    /// Reads the request.
    pub fn from_proto(request: proto::UpdateSettingsRequest) -> Result<Self, Status> {
        let mut faults = Violations::new();
        let Some(sent) = request.settings else {
            faults.field("settings", "is missing");
            faults.finish()?;
            unreachable!("a fault was just noted");
        };
        let settings = faults.within("settings", |faults| settings_from_proto(faults, sent));
        faults.finish()?;
        Ok(Self { settings })
    }
}

fn settings_from_proto(faults: &mut Violations, sent: proto::Settings) -> Settings {
    let defaults = Settings::default();
    let version = faults.count("version", sent.version);
    let units = units_from_proto(faults, sent.units);
    let currency = sent.reporting_currency;
    if !currency.is_empty() && !is_currency(&currency) {
        faults.field("reporting_currency", "is not a currency: three capital letters");
    }
    let hold_ttl = span(faults, "hold_ttl", sent.hold_ttl.as_ref(), Duration::from_secs(1), HOLD_LIFE_MAX);
    let hold_grace = span(faults, "hold_grace", sent.hold_grace.as_ref(), Duration::ZERO, HOLD_GRACE_MAX);
    let limit = sent.hold_life_limit.as_ref();
    let hold_life_limit = span(faults, "hold_life_limit", limit, Duration::from_secs(1), HOLD_LIFE_MAX);
    let hold_ttl = hold_ttl.unwrap_or(defaults.hold_ttl);
    let hold_life_limit = hold_life_limit.unwrap_or(defaults.hold_life_limit);
    if hold_ttl > hold_life_limit {
        faults.field("hold_ttl", "is above hold_life_limit");
    }
    Settings {
        version,
        units,
        reporting_currency: if currency.is_empty() { defaults.reporting_currency } else { currency },
        hold_ttl,
        hold_grace: hold_grace.unwrap_or(defaults.hold_grace),
        hold_life_limit,
        expired_reversal: match faults.enumeration("expired_reversal", sent.expired_reversal) {
            proto::ExpiredReversal::Unspecified | proto::ExpiredReversal::Regrant => ExpiredReversal::Regrant,
            proto::ExpiredReversal::Expire => ExpiredReversal::Expire,
        },
    }
}

fn units_from_proto(faults: &mut Violations, units: Vec<proto::Unit>) -> Vec<Unit> {
    if !faults.at_most_items("units", units.len(), UNITS) {
        return Vec::new();
    }
    for (index, unit) in units.iter().enumerate() {
        faults.within(&format!("units[{index}]"), |faults| {
            let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
            if unit.name.is_empty() || unit.name.len() > UNIT_NAME_BYTES || !unit.name.bytes().all(allowed) {
                faults.field("name", "is not 1 to 32 of a-z, 0-9, _ and -");
            } else if unit.name == DEFAULT_UNIT {
                faults.field("name", "is the unit that always exists");
            } else if units[..index].iter().any(|other| other.name == unit.name) {
                faults.field("name", "is there twice");
            }
            faults.description("description", &unit.description);
        });
    }
    let unit = |unit: proto::Unit| Unit { name: unit.name, description: unit.description };
    units.into_iter().map(unit).collect()
}

/// A span in whole seconds within its limits: what is fixed of a hold is told in seconds.
fn span(
    faults: &mut Violations,
    field: &str,
    sent: Option<&prost_types::Duration>,
    least: Duration,
    most: Duration,
) -> Option<Duration> {
    let span = faults.optional_duration(field, sent)?;
    if span < least || span > most {
        let (least, most) = (least.as_secs(), most.as_secs());
        faults.field(field, format!("is not within {least} and {most} seconds"));
    } else if span.subsec_nanos() != 0 {
        faults.field(field, "is not of whole seconds");
    }
    Some(span)
}

fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// The settings as a message.
pub fn settings_to_proto(settings: &Settings) -> proto::Settings {
    proto::Settings {
        version: settings.version,
        units: settings
            .units
            .iter()
            .map(|unit| proto::Unit { name: unit.name.clone(), description: unit.description.clone() })
            .collect(),
        reporting_currency: settings.reporting_currency.clone(),
        hold_ttl: Some(duration_to_proto(settings.hold_ttl)),
        hold_grace: Some(duration_to_proto(settings.hold_grace)),
        hold_life_limit: Some(duration_to_proto(settings.hold_life_limit)),
        expired_reversal: match settings.expired_reversal {
            ExpiredReversal::Regrant => proto::ExpiredReversal::Regrant,
            ExpiredReversal::Expire => proto::ExpiredReversal::Expire,
        }
        .into(),
    }
}
