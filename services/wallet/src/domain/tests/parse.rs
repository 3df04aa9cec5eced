//! Commands of a script, read into operations.

use std::cell::Cell;
use std::time::Duration;

use chit_types::Credits;

use super::script::{Play, START, number};
use crate::domain::operation::{CommitClose, NewGrant, OnInsufficient, OnOverrun, Renewal, RevokeShortfall};
use crate::domain::{GrantId, GrantSource, Operation, OwedPolicy, Paid};

/// The words of a command: some by place, some by name.
pub struct Words<'a> {
    all: Vec<&'a str>,
    at: Cell<usize>,
}

impl<'a> Words<'a> {
    pub fn of(command: &'a str) -> Self {
        Self { all: command.split_whitespace().collect(), at: Cell::new(0) }
    }

    pub fn next(&mut self) -> &'a str {
        let word = self.all.get(self.at.get()).copied().unwrap_or("");
        self.at.set(self.at.get() + 1);
        word
    }

    pub fn rest(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.all[self.at.get()..].iter().copied()
    }

    pub fn amount(&mut self) -> Credits {
        let word = self.next();
        word.parse().unwrap_or_else(|_| panic!("{word} is not an amount in {:?}", self.all))
    }

    pub fn has(&self, word: &str) -> bool {
        self.all.contains(&word)
    }

    /// The word after a name.
    pub fn named(&self, name: &str) -> Option<&'a str> {
        let place = self.all.iter().position(|w| *w == name)?;
        self.all.get(place + 1).copied()
    }

    pub fn number(&self, name: &str) -> u64 {
        self.named(name).and_then(|w| w.parse().ok()).unwrap_or(0)
    }

    fn seconds(&self, name: &str) -> Option<Duration> {
        self.named(name).map(|w| Duration::from_secs(w.parse().unwrap()))
    }

    /// An amount by place, where there is one.
    fn optional_amount(&self) -> Option<Credits> {
        self.all.get(self.at.get()).and_then(|w| w.parse().ok())
    }
}

/// The operation a command asks for, and its event type.
pub fn operation(play: &Play, command: &str) -> (Operation, String) {
    let mut words = Words::of(command);
    let verb = words.next();
    let event_type = if verb == "grant" { "" } else { words.named("for").unwrap_or("") };
    let asked = match verb {
        "grant" => Operation::Grant(grant(&mut words)),
        "renew" => Operation::Renew(renewal(play, &mut words)),
        "revoke" => revoke(play, &mut words),
        "reserve" => Operation::Reserve { amount: words.amount(), ttl: words.seconds("ttl") },
        "extend" => Operation::Extend {
            hold: play.hold(words.next()),
            amount: words.amount(),
            ttl: words.seconds("ttl"),
        },
        "commit" => commit(play, &mut words),
        "release" => Operation::Release { hold: play.hold(words.next()) },
        "deduct" => Operation::Deduct {
            amount: words.amount(),
            on_insufficient: match (words.has("record"), words.has("cap")) {
                (true, _) => OnInsufficient::Record,
                (_, true) => OnInsufficient::Cap,
                _ => OnInsufficient::Refuse,
            },
        },
        "adjust" => Operation::Adjust { amount: words.amount() },
        "write_off" => Operation::WriteOff { amount: words.amount() },
        "reverse" => Operation::Reverse {
            transaction: i64::try_from(number(words.next(), '#')).unwrap(),
            amount: words.optional_amount(),
        },
        _ => panic!("no such command: {command}"),
    };
    (asked, event_type.to_owned())
}

fn owed_policy(words: &Words<'_>) -> OwedPolicy {
    match (words.has("only"), words.has("never")) {
        (true, _) => OwedPolicy::Only,
        (_, true) => OwedPolicy::Never,
        _ => OwedPolicy::RepayFirst,
    }
}

fn grant(words: &mut Words<'_>) -> NewGrant {
    let source = match (words.has("allowance"), words.has("gift")) {
        (true, _) => GrantSource::Allowance,
        (_, true) => GrantSource::Promotion,
        _ => GrantSource::Purchase,
    };
    NewGrant {
        amount: words.amount(),
        source,
        priority: words.named("priority").map_or(100, |w| w.parse().unwrap()),
        effective_at: words.seconds("from").map(|at| START + at),
        expires_at: words.seconds("until").map(|at| START + at),
        event_types: words
            .named("for")
            .map_or_else(Vec::new, |list| list.split(',').map(str::to_owned).collect()),
        paid: words
            .named("paid")
            .map(|nanos| Paid { nanos: nanos.parse().unwrap(), currency: "USD".to_owned() }),
        cost_basis: i64::try_from(words.number("basis")).unwrap(),
        owed_policy: owed_policy(words),
        period_end: words.seconds("period").map(|at| START + at),
    }
}

fn renewal(play: &Play, words: &mut Words<'_>) -> Renewal {
    Renewal {
        grant: named_grant(play, words.next()),
        amount: words.amount(),
        period_end: START + words.seconds("period").expect("a renewal names its period's end"),
        expires_at: words.seconds("until").map(|at| START + at),
        rollover_cap: words.named("cap").map_or(Credits::ZERO, |cap| cap.parse().unwrap()),
        roll_again: words.has("again"),
        paid: None,
        cost_basis: i64::try_from(words.number("basis")).unwrap(),
        owed_policy: owed_policy(words),
    }
}

fn named_grant(play: &Play, name: &str) -> GrantId {
    if name == "G?" { GrantId([9; 16]) } else { play.grant(name) }
}

fn revoke(play: &Play, words: &mut Words<'_>) -> Operation {
    let grant = named_grant(play, words.next());
    let shortfall = match (words.has("owe"), words.has("others")) {
        (true, _) => RevokeShortfall::Owe,
        (_, true) => RevokeShortfall::OtherGrants,
        _ => RevokeShortfall::Waive,
    };
    Operation::Revoke { grant, amount: words.optional_amount(), shortfall }
}

fn commit(play: &Play, words: &mut Words<'_>) -> Operation {
    Operation::Commit {
        hold: play.hold(words.next()),
        total: words.amount(),
        close: if words.has("part") { CommitClose::KeepOpen } else { CommitClose::Final },
        on_overrun: match (words.has("cap"), words.has("reject")) {
            (true, _) => OnOverrun::Cap,
            (_, true) => OnOverrun::Reject,
            _ => OnOverrun::Record,
        },
    }
}
