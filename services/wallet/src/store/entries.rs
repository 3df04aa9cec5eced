//! What a batch did to wallets of a shard, as the feed keeps it: `[[wallet, first, last, signals?, names?], …]`.

use chit_types::{Credits, WalletId};
use serde::{Deserialize, Serialize};

use super::encoding::{self, Unreadable};
use crate::domain::Signal;
use crate::domain::outcome::Direction;

/// What one batch did to one wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEntry {
    /// The wallet.
    pub wallet: WalletId,
    /// Its first transaction of the batch; 0 where there is none.
    pub first: i64,
    /// Its last.
    pub last: i64,
    /// What is worth a reaction.
    pub signals: Vec<Signal>,
    /// Tenant, customer and unit of a wallet that has no row: it was refused credits before it had any.
    pub names: Option<(String, String, String)>,
}

#[derive(Serialize, Deserialize)]
struct Row(
    String,
    i64,
    i64,
    #[serde(default)] Vec<SignalRow>,
    #[serde(default)] Option<(String, String, String)>,
);

/// A crossing's level, direction (−1 down, 1 up), balance and number; or a refusal's required, spendable, event type.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum SignalRow {
    Crossed(i64, i8, i64, i64),
    Refused(i64, i64, String),
}

/// Writes entries.
#[must_use]
pub fn write(entries: &[FeedEntry]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(48 * entries.len() + 2);
    out.push('[');
    for (place, entry) in entries.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        write!(out, "[\"{}\",{},{}", entry.wallet, entry.first, entry.last).expect("text grows");
        if !entry.signals.is_empty() || entry.names.is_some() {
            let signals: Vec<SignalRow> = entry.signals.iter().map(signal_row).collect();
            write!(out, ",{}", serde_json::to_string(&signals).expect("numbers and texts"))
                .expect("text grows");
        }
        if let Some(names) = &entry.names {
            write!(out, ",{}", serde_json::to_string(names).expect("texts")).expect("text grows");
        }
        out.push(']');
    }
    out.push(']');
    out
}

/// Reads [`write`].
pub fn read(text: &str) -> Result<Vec<FeedEntry>, Unreadable> {
    let rows: Vec<Row> = encoding::parse("entries", text)?;
    rows.into_iter()
        .map(|Row(wallet, first, last, signals, names)| {
            let wallet = WalletId(encoding::id_of("entries", &wallet)?);
            let signals = signals.into_iter().map(signal).collect();
            Ok(FeedEntry { wallet, first, last, signals, names })
        })
        .collect()
}

fn signal_row(signal: &Signal) -> SignalRow {
    match signal {
        Signal::ThresholdCrossed { level, direction, balance, seq } => {
            let direction = match direction {
                Direction::Down => -1,
                Direction::Up => 1,
            };
            SignalRow::Crossed(level.micros(), direction, balance.micros(), *seq)
        }
        Signal::CreditsRefused { required, spendable, event_type } => {
            SignalRow::Refused(required.micros(), spendable.micros(), event_type.clone())
        }
    }
}

fn signal(row: SignalRow) -> Signal {
    match row {
        SignalRow::Crossed(level, direction, balance, seq) => Signal::ThresholdCrossed {
            level: Credits::from_micros(level),
            direction: if direction < 0 { Direction::Down } else { Direction::Up },
            balance: Credits::from_micros(balance),
            seq,
        },
        SignalRow::Refused(required, spendable, event_type) => Signal::CreditsRefused {
            required: Credits::from_micros(required),
            spendable: Credits::from_micros(spendable),
            event_type,
        },
    }
}
