//! Plays a script against a wallet and compares what each line books. A line is a command and, after a bar, what its
//! transaction posts: `deduct 6 record | available(G1)→spent(G1) 4, owed(#2)→spent 2`.
//!
//! Grants are G1, G2 … and holds H1, H2 … in the order they are made; `#n` is a transaction's number. Times are
//! seconds after the start. Bookings of what was due stand before the operation in brackets.

use std::fmt::Write;
use std::time::Duration;

use chit_types::{Account, Credits, Origin, Timestamp};

use super::desk::Desk;
use super::parse::{Words, operation};
use crate::domain::explain::sentence;
use crate::domain::outcome::Direction;
use crate::domain::{ExpiredReversal, GrantId, HoldId, Posting, Signal, Transaction, Unit};

/// When every script begins.
pub const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// A wallet being played with.
pub struct Play {
    pub desk: Desk,
    pub now: Timestamp,
    grants: Vec<GrantId>,
    holds: Vec<HoldId>,
}

/// Plays a script and compares line by line.
pub fn check(script: &str) -> Play {
    let mut play = Play::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (command, expected) = line.split_once('|').unwrap_or((line, ""));
        let said = play.run(command.trim());
        let expected = expected.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.contains('|') {
            assert_eq!(said, expected, "\nin: {command}\nof:\n{script}");
        } else {
            assert!(!said.starts_with("refused"), "{command}: {said}\nof:\n{script}");
        }
    }
    play
}

impl Play {
    pub fn new() -> Self {
        Self { desk: Desk::new(), now: START, grants: Vec::new(), holds: Vec::new() }
    }

    pub fn grant(&self, name: &str) -> GrantId {
        self.grants[number(name, 'G') - 1]
    }

    pub fn hold(&self, name: &str) -> HoldId {
        name.strip_prefix('H')
            .and_then(|n| n.parse::<usize>().ok())
            .and_then(|n| self.holds.get(n - 1))
            .copied()
            .unwrap_or(HoldId([9; 16]))
    }

    /// Runs one command and tells what came of it.
    pub fn run(&mut self, command: &str) -> String {
        let mut words = Words::of(command);
        match words.next() {
            "at" => self.now = START + Duration::from_secs(words.number("at")),
            "overdraft" => self.desk.wallet.overdraft_limit = words.amount(),
            "frozen" => self.desk.wallet.frozen_since = Some(self.now),
            "unit" => self.desk.wallet.unit = words.next().to_owned(),
            "declare" => self
                .desk
                .settings
                .units
                .push(Unit { name: words.next().to_owned(), description: String::new() }),
            "expired_reversal" => self.desk.settings.expired_reversal = ExpiredReversal::Expire,
            "thresholds" => self.desk.wallet.thresholds = words.rest().map(|w| w.parse().unwrap()).collect(),
            "as" => {
                self.desk.origin = Origin::from_word(words.next()).unwrap();
                self.desk.may_override = words.has("override");
            }
            "balances" => return self.balances(),
            "totals" => return self.totals(),
            "spendable" => {
                return crate::domain::spendable(&self.desk.wallet, words.next()).to_string();
            }
            "explain" => {
                let transaction = &self.desk.transactions[number(words.next(), '#') - 1];
                return sentence(transaction);
            }
            "sweep" => {
                let before = self.desk.transactions.len();
                self.desk.sweep(self.now);
                return self.told(before, "");
            }
            _ => return self.operate(command),
        }
        String::new()
    }

    fn operate(&mut self, command: &str) -> String {
        let (asked, event_type) = operation(self, command);
        let (before, signals) = (self.desk.transactions.len(), self.desk.signals.len());
        let outcome = match Words::of(command).named("key") {
            Some(key) => self.desk.act_as(self.now, asked, &event_type, key),
            None => self.desk.act(self.now, asked, &event_type),
        };
        let own = match outcome {
            Ok(applied) if self.desk.transactions.len() == before && applied.transaction.is_some() => {
                let first = applied.transaction.expect("just seen");
                format!("replayed #{}: {}", first.seq, self.text(&first))
            }
            Err(refusal) => format!("refused: {refusal}"),
            Ok(applied) if applied.transaction.is_none() => "accepted".to_owned(),
            Ok(_) => String::new(),
        };
        let mut said = self.told(before, &own);
        for signal in &self.desk.signals[signals..] {
            if let Signal::ThresholdCrossed { level, direction, .. } = signal {
                let way = if *direction == Direction::Down { "down" } else { "up" };
                write!(said, "; crossed {level} {way}").unwrap();
            }
        }
        said
    }

    /// Transactions from `before` on: bookings in brackets, then the operation's own, or what was said instead of it.
    fn told(&mut self, before: usize, own: &str) -> String {
        let new: Vec<Transaction> = self.desk.transactions[before..].to_vec();
        let mut parts = Vec::new();
        for t in &new {
            self.name(t);
            let text = self.text(t);
            if t.origin == Origin::System {
                let seconds = t.at.since(START).as_secs();
                parts.push(format!("[{} @{seconds}: {text}]", t.kind.word()));
            } else {
                parts.push(text);
            }
        }
        if !own.is_empty() {
            parts.push(own.to_owned());
        }
        parts.join(" ")
    }

    fn name(&mut self, t: &Transaction) {
        self.grants.extend(t.grants.iter().map(|g| g.id));
        if let (Some(_), Some(hold)) = (t.hold_terms, t.hold)
            && !self.holds.contains(&hold)
        {
            self.holds.push(hold);
        }
    }

    fn text(&self, t: &Transaction) -> String {
        let postings: Vec<String> = t.postings.iter().map(|p| self.posting(p)).collect();
        let mut text = if postings.is_empty() { "nothing".to_owned() } else { postings.join(", ") };
        for (name, amount) in [("forgiven", t.forgiven), ("waived", t.waived), ("claimed", t.claimed)] {
            if amount.is_positive() {
                write!(text, "; {name} {amount}").unwrap();
            }
        }
        if t.late {
            text.push_str("; late");
        }
        text
    }

    fn posting(&self, p: &Posting) -> String {
        let grant = |id: Option<GrantId>| {
            id.map_or_else(String::new, |id| {
                let place = self.grants.iter().position(|g| *g == id).unwrap();
                format!("G{}", place + 1)
            })
        };
        let hold = p.hold.map_or_else(String::new, |id| {
            let place = self.holds.iter().position(|h| *h == id).unwrap();
            format!("H{}", place + 1)
        });
        let side = |account: Account, id: Option<GrantId>| {
            let inner = match account {
                Account::Issued => String::new(),
                Account::Owed => p.owed_seq.map_or_else(String::new, |seq| format!("#{seq}")),
                Account::Held if id.is_none() => format!("{hold},borrowed"),
                Account::Held => format!("{hold},{}", grant(id)),
                Account::Available
                | Account::Scheduled
                | Account::Frozen
                | Account::Spent
                | Account::Expired
                | Account::Revoked => grant(id),
            };
            if inner.is_empty() { account.word().to_owned() } else { format!("{}({inner})", account.word()) }
        };
        let to = side(p.to, p.to_grant.or(p.grant));
        format!("{}→{to} {}", side(p.from, p.grant), p.amount)
    }

    fn balances(&self) -> String {
        let w = &self.desk.wallet;
        let all =
            [("available", w.available), ("scheduled", w.scheduled), ("held", w.held), ("owed", w.owed)];
        listed(&all)
    }

    fn totals(&self) -> String {
        let w = &self.desk.wallet;
        let all =
            [("granted", w.granted), ("spent", w.spent), ("expired", w.expired), ("revoked", w.revoked)];
        listed(&all)
    }
}

fn listed(all: &[(&str, Credits)]) -> String {
    let set = all.iter().filter(|(_, amount)| !amount.is_zero());
    let texts: Vec<String> = set.map(|(name, amount)| format!("{name} {amount}")).collect();
    texts.join(", ")
}

/// The number in `G3`, `H1` or `#7`.
pub fn number(name: &str, mark: char) -> usize {
    name.strip_prefix(mark).and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{name} is not a {mark}1"))
}
