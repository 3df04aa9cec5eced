//! `chit replay`'s part of the command line.

use std::path::PathBuf;

use chit_types::{Decimal, Timestamp};
use clap::{Args, ValueEnum};

use crate::args::time;

/// `chit replay`
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The trace: a CSV of TIMESTAMP, ContextTokens, GeneratedTokens.
    pub trace: PathBuf,
    /// Decides customers, models, event types and ways of calling; another seed is another replay.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many times faster than recorded; 1 is as recorded. Without it, as fast as possible.
    #[arg(long, value_name = "X", value_parser = speed)]
    pub speed: Option<Speed>,
    /// When the first event shall have happened (RFC 3339). Without it, so that the last one is now. A repeated
    /// replay keeps the time of its first run.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub start: Option<Timestamp>,
    /// How much its customers get before the first event.
    #[arg(long, value_enum, default_value = "ample")]
    pub funds: Funds,
}

/// How much a replay's customers get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Funds {
    /// More than they can spend.
    Ample,
    /// So little that the busy ones run dry.
    Scarce,
}

impl Funds {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Funds::Ample => "ample",
            Funds::Scarce => "scarce",
        }
    }
}

/// Times faster than recorded, in thousandths: a whole number, so that pacing needs no floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speed(pub u64);

fn speed(text: &str) -> Result<Speed, String> {
    const WRONG: &str = "is not a factor such as 1, 0.5 or 60, from 0.001 to 1,000,000";
    let factor: Decimal = text.parse().map_err(|_| WRONG)?;
    let thousandths =
        factor.at_scale(3).and_then(|thousandths| u64::try_from(thousandths).ok()).ok_or(WRONG)?;
    match thousandths {
        1..=1_000_000_000 => Ok(Speed(thousandths)),
        _ => Err(WRONG.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_a_factor() {
        assert_eq!(speed("2.5"), Ok(Speed(2_500)));
        assert_eq!(speed("0.001"), Ok(Speed(1)));
        for bad in ["0", "-1", "fast", "0.0001", "1e10", ""] {
            assert!(speed(bad).is_err(), "{bad}");
        }
    }
}
