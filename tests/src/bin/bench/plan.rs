//! What a run measures, how long, and on how much data.

use std::time::Duration;

use crate::line::Line;

/// A run's plan.
pub struct Plan {
    /// `quick` or `full`: told in every line.
    pub form: &'static str,
    /// Wallets, each with three live grants.
    pub wallets: u64,
    /// Deductions made before the first round.
    pub earlier: u64,
    /// Rounds a measure.
    pub rounds: usize,
    /// One of our rounds.
    pub round: Duration,
    /// One of the peer's.
    pub peer: Duration,
    /// Which measures; empty means all.
    pub only: Vec<String>,
    /// Facts of this run that every line tells.
    pub facts: Vec<(&'static str, String)>,
}

impl Plan {
    /// For daily work: a tenth of the rows and fewer rounds.
    pub fn quick() -> Self {
        Self {
            form: "quick",
            wallets: 100_000,
            earlier: 300_000,
            rounds: 3,
            round: Duration::from_secs(8),
            peer: Duration::from_secs(4),
            only: Vec::new(),
            facts: Vec::new(),
        }
    }

    /// As the goals say: a million wallets, ten million earlier rows with their grants.
    pub fn full() -> Self {
        Self {
            form: "full",
            wallets: 1_000_000,
            earlier: 7_000_000,
            rounds: 5,
            round: Duration::from_secs(20),
            peer: Duration::from_secs(8),
            ..Self::quick()
        }
    }

    /// This measure is wanted.
    pub fn wants(&self, measure: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == measure)
    }

    /// Begins a measure's line.
    pub fn line(&self, measure: &str) -> Line {
        let line = Line::of(measure)
            .fact("form", self.form)
            .fact("wallets", self.wallets)
            .fact("earlier", self.earlier);
        self.facts.iter().fold(line, |line, (name, value)| line.fact(name, value.as_str()))
    }
}
