//! How postings, grants, holds and rare facts stand in text columns: short JSON arrays that SQL reads.
//!
//! Measured against packed bytes, this costs under a tenth of a deduct and leaves the ledger legible; see the views in
//! `migrations/`. Ids are 32 hexadecimal digits, which PostgreSQL casts to `uuid` as they are.

mod free_text;

use std::fmt::Write as _;
use std::time::Duration;

use chit_types::{Account, Credits, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::operation::RevokeShortfall;
use crate::domain::{
    Draw, Grant, GrantId, GrantSource, GrantState, GrantTerms, HoldId, HoldTerms, Lot, OwedPolicy, Paid,
    Posting, Transaction,
};

pub use free_text::{read_text, text};

/// A column that does not hold what we wrote there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column} cannot be read: {what}")]
pub struct Unreadable {
    /// The column.
    pub column: &'static str,
    /// What is wrong.
    pub what: String,
}

fn unreadable(column: &'static str, what: impl ToString) -> Unreadable {
    Unreadable { column, what: what.to_string() }
}

pub(super) fn parse<'a, T: Deserialize<'a>>(column: &'static str, text: &'a str) -> Result<T, Unreadable> {
    serde_json::from_str(text).map_err(|error| unreadable(column, error))
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

fn push_id(out: &mut String, id: &[u8; 16]) {
    out.push('"');
    for byte in id {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out.push('"');
}

fn hex(id: &[u8; 16]) -> String {
    let mut out = String::with_capacity(34);
    push_id(&mut out, id);
    out[1..33].to_owned()
}

pub(super) fn id_of(column: &'static str, text: &str) -> Result<[u8; 16], Unreadable> {
    let digits = text.as_bytes();
    let mut id = [0; 16];
    if digits.len() != 32 {
        return Err(unreadable(column, "an id of another length"));
    }
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        let (Some(high), Some(low)) = (digit(0), digit(1)) else {
            return Err(unreadable(column, "an id that is not hexadecimal"));
        };
        *byte = u8::try_from(high << 4 | low).expect("two hexadecimal digits");
    }
    Ok(id)
}

fn push_int(out: &mut String, value: i64) {
    write!(out, "{value}").expect("text grows");
}

/// `[[from, to, amount, grant, to grant, hold (true: the transaction's), owed_seq], …]`, absent ends left out.
#[must_use]
pub fn postings(transaction: &Transaction) -> String {
    let mut out = String::with_capacity(2 + 56 * transaction.postings.len());
    out.push('[');
    for (place, posting) in transaction.postings.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        push_posting(&mut out, posting, transaction.hold);
    }
    out.push(']');
    out
}

fn push_posting(out: &mut String, posting: &Posting, own: Option<HoldId>) {
    out.push('[');
    push_int(out, i64::from(posting.from.number()));
    out.push(',');
    push_int(out, i64::from(posting.to.number()));
    out.push(',');
    push_int(out, posting.amount.micros());
    let given = [
        posting.grant.is_some(),
        posting.to_grant.is_some(),
        posting.hold.is_some(),
        posting.owed_seq.is_some(),
    ];
    let length = given.iter().rposition(|given| *given).map_or(0, |last| last + 1);
    let optional_id = |out: &mut String, id: Option<[u8; 16]>| match id {
        Some(id) => push_id(out, &id),
        None => out.push_str("null"),
    };
    for place in 0..length {
        out.push(',');
        match place {
            0 => optional_id(out, posting.grant.map(|id| id.0)),
            1 => optional_id(out, posting.to_grant.map(|id| id.0)),
            2 if posting.hold.is_some() && posting.hold == own => out.push_str("true"),
            2 => optional_id(out, posting.hold.map(|id| id.0)),
            _ => push_int(out, posting.owed_seq.unwrap_or_default()),
        }
    }
    out.push(']');
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Leg<'a> {
    Int(i64),
    Own(bool),
    Id(&'a str),
}

/// Reads [`postings`].
pub fn read_postings(text: &str, own: Option<HoldId>) -> Result<Vec<Posting>, Unreadable> {
    const COLUMN: &str = "postings";
    let legs: Vec<Vec<Option<Leg<'_>>>> = parse(COLUMN, text)?;
    let int = |leg: Option<&Option<Leg<'_>>>| match leg {
        Some(Some(Leg::Int(value))) => Ok(Some(*value)),
        None | Some(None) => Ok(None),
        Some(Some(_)) => Err(unreadable(COLUMN, "no number where one belongs")),
    };
    let id = |leg: Option<&Option<Leg<'_>>>| match leg {
        Some(Some(Leg::Id(text))) => id_of(COLUMN, text).map(Some),
        Some(Some(Leg::Own(true))) => Ok(own.map(|id| id.0)),
        None | Some(None) => Ok(None),
        Some(Some(_)) => Err(unreadable(COLUMN, "no id where one belongs")),
    };
    let account = |leg| {
        let number = int(leg)?.and_then(|number| u8::try_from(number).ok());
        number.and_then(Account::from_number).ok_or_else(|| unreadable(COLUMN, "no such account"))
    };
    legs.iter()
        .map(|leg| {
            Ok(Posting {
                from: account(leg.first())?,
                to: account(leg.get(1))?,
                amount: Credits::from_micros(int(leg.get(2))?.unwrap_or_default()),
                grant: id(leg.get(3))?.map(GrantId),
                to_grant: id(leg.get(4))?.map(GrantId),
                hold: id(leg.get(5))?.map(HoldId),
                owed_seq: int(leg.get(6))?,
            })
        })
        .collect()
}

/// What is fixed of a grant: id, source, amount, priority, effective, expires, event types, cost basis, owed policy,
/// period end, rollover, paid nanos, paid currency, renewed, revoke shortfall, opened by.
#[derive(Serialize, Deserialize)]
struct Terms<'a>(
    &'a str,
    u8,
    i64,
    u16,
    i64,
    Option<i64>,
    Vec<String>,
    i64,
    u8,
    Option<i64>,
    u8,
    Option<i64>,
    Option<String>,
    u8,
    Option<u8>,
    i64,
);

fn terms<'a>(id: &'a str, grant: &Grant) -> Terms<'a> {
    Terms(
        id,
        grant.source.number(),
        grant.amount.micros(),
        grant.priority,
        grant.effective_at.micros(),
        grant.expires_at.map(Timestamp::micros),
        grant.event_types.clone(),
        grant.cost_basis,
        grant.owed_policy.number(),
        grant.period_end.map(Timestamp::micros),
        u8::from(grant.rollover),
        grant.paid.as_ref().map(|paid| paid.nanos),
        grant.paid.as_ref().map(|paid| paid.currency.clone()),
        u8::from(grant.renewed),
        grant.revoke_shortfall.map(|shortfall| shortfall as u8),
        grant.opened_by,
    )
}

fn grant(terms: Terms<'_>) -> Result<Grant, Unreadable> {
    const COLUMN: &str = "grants_terms";
    Ok(Grant {
        id: GrantId(id_of(COLUMN, terms.0)?),
        source: source(terms.1)?,
        amount: Credits::from_micros(terms.2),
        rest: Credits::ZERO,
        held: Credits::ZERO,
        priority: terms.3,
        effective_at: Timestamp::from_micros(terms.4),
        expires_at: terms.5.map(Timestamp::from_micros),
        event_types: terms.6,
        cost_basis: terms.7,
        owed_policy: owed_policy(terms.8)?,
        period_end: terms.9.map(Timestamp::from_micros),
        rollover: terms.10 != 0,
        paid: terms.11.zip(terms.12).map(|(nanos, currency)| Paid { nanos, currency }),
        state: GrantState::Live,
        renewed: terms.13 != 0,
        revoke_shortfall: terms.14.map(shortfall).transpose()?,
        removed: Credits::ZERO,
        opened_by: terms.15,
    })
}

/// The source with this number.
pub fn source(number: u8) -> Result<GrantSource, Unreadable> {
    GrantSource::from_number(number).ok_or_else(|| unreadable("source", number))
}

/// The policy with this number.
pub fn owed_policy(number: u8) -> Result<OwedPolicy, Unreadable> {
    OwedPolicy::from_number(number).ok_or_else(|| unreadable("owed_policy", number))
}

/// The state with this number.
pub fn grant_state(number: u8) -> Result<GrantState, Unreadable> {
    GrantState::from_number(number).ok_or_else(|| unreadable("state", number))
}

/// The shortfall with this number.
pub fn shortfall(number: u8) -> Result<RevokeShortfall, Unreadable> {
    [RevokeShortfall::Waive, RevokeShortfall::Owe, RevokeShortfall::OtherGrants]
        .into_iter()
        .find(|shortfall| *shortfall as u8 == number)
        .ok_or_else(|| unreadable("revoke_shortfall", number))
}

/// What is fixed of open grants.
#[must_use]
pub fn grants_terms(grants: &[Grant]) -> String {
    let ids: Vec<String> = grants.iter().map(|grant| hex(&grant.id.0)).collect();
    let all: Vec<Terms<'_>> = ids.iter().zip(grants).map(|(id, grant)| terms(id, grant)).collect();
    serde_json::to_string(&all).expect("numbers and texts")
}

/// Numbers a grant has in [`rests`].
const REST_COLUMNS: usize = 4;

/// `[rest, held, state, removed, rest, …]` of open grants.
#[must_use]
pub fn rests(grants: &[Grant]) -> String {
    let mut out = String::with_capacity(2 + 24 * grants.len());
    out.push('[');
    for (place, grant) in grants.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        let state = grant.state.number();
        write!(out, "{},{},{state},{}", grant.rest.micros(), grant.held.micros(), grant.removed.micros())
            .expect("text grows");
    }
    out.push(']');
    out
}

/// Reads [`grants_terms`] and [`rests`].
pub fn read_grants(terms: &str, rests: &str) -> Result<Vec<Grant>, Unreadable> {
    if terms == "[]" {
        return Ok(Vec::new());
    }
    let terms: Vec<Terms<'_>> = parse("grants_terms", terms)?;
    let rests = read_ints("rests", rests)?;
    if rests.len() != terms.len() * REST_COLUMNS {
        return Err(unreadable("rests", "not one rest, held, state and removed a grant"));
    }
    terms
        .into_iter()
        .zip(rests.chunks_exact(REST_COLUMNS))
        .map(|(terms, rest)| {
            let state = u8::try_from(rest[2]).map_err(|error| unreadable("rests", error))?;
            Ok(Grant {
                rest: Credits::from_micros(rest[0]),
                held: Credits::from_micros(rest[1]),
                state: grant_state(state)?,
                removed: Credits::from_micros(rest[3]),
                ..grant(terms)?
            })
        })
        .collect()
}

/// A flat array of whole numbers.
#[must_use]
pub fn ints(values: impl IntoIterator<Item = i64>) -> String {
    let mut out = String::from("[");
    for (place, value) in values.into_iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        push_int(&mut out, value);
    }
    out.push(']');
    out
}

/// Reads [`ints`].
pub fn read_ints(column: &'static str, text: &str) -> Result<Vec<i64>, Unreadable> {
    if text == "[]" { Ok(Vec::new()) } else { parse(column, text) }
}

/// `[seq, rest, seq, rest, …]`.
#[must_use]
pub fn lots(lots: &[Lot]) -> String {
    ints(lots.iter().flat_map(|lot| [lot.seq, lot.rest.micros()]))
}

/// Reads [`lots`].
pub fn read_lots(text: &str) -> Result<Vec<Lot>, Unreadable> {
    let pairs = read_ints("lots", text)?;
    Ok(pairs.chunks_exact(2).map(|pair| Lot { seq: pair[0], rest: Credits::from_micros(pair[1]) }).collect())
}

/// Texts, such as event types.
#[must_use]
pub fn texts(texts: &[String]) -> String {
    if texts.is_empty() { "[]".to_owned() } else { serde_json::to_string(texts).expect("texts") }
}

/// Reads [`texts`].
pub fn read_texts(column: &'static str, text: &str) -> Result<Vec<String>, Unreadable> {
    if text == "[]" { Ok(Vec::new()) } else { parse(column, text) }
}

/// `[[grant, held, spent], …]`.
#[must_use]
pub fn draws(draws: &[Draw]) -> String {
    let mut out = String::from("[");
    for (place, draw) in draws.iter().enumerate() {
        out.push_str(if place > 0 { ",[" } else { "[" });
        push_id(&mut out, &draw.grant.0);
        write!(out, ",{},{}]", draw.held.micros(), draw.spent.micros()).expect("text grows");
    }
    out.push(']');
    out
}

/// Reads [`draws`].
pub fn read_draws(text: &str) -> Result<Vec<Draw>, Unreadable> {
    let rows: Vec<(&str, i64, i64)> = parse("draws", text)?;
    rows.into_iter()
        .map(|(grant, held, spent)| {
            Ok(Draw {
                grant: GrantId(id_of("draws", grant)?),
                held: Credits::from_micros(held),
                spent: Credits::from_micros(spent),
            })
        })
        .collect()
}

/// What few transactions have.
#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Extra {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    grants: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<(i64, u64, i64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    committed: Option<i64>,
    #[serde(skip_serializing_if = "is_zero")]
    forgiven: i64,
    #[serde(skip_serializing_if = "is_zero")]
    waived: i64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    late: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    closed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<String>,
    #[serde(skip_serializing_if = "is_zero")]
    claimed: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    shortfall: Option<u8>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(value: &i64) -> bool {
    *value == 0
}

/// What few transactions have, as an object of what is set; `None` where nothing is.
#[must_use]
pub fn extra(transaction: &Transaction) -> Option<String> {
    let extra = Extra {
        grants: transaction.grants.iter().map(opened).collect(),
        hold: transaction
            .hold_terms
            .map(|terms| (terms.expires_at.micros(), terms.grace.as_secs(), terms.created_at.micros())),
        committed: transaction.committed.map(Credits::micros),
        forgiven: transaction.forgiven.micros(),
        waived: transaction.waived.micros(),
        late: transaction.late,
        closed: transaction.closed_hold,
        grant: transaction.grant.map(|id| hex(&id.0)),
        claimed: transaction.claimed.micros(),
        shortfall: transaction.shortfall.map(|shortfall| shortfall as u8),
    };
    (extra != Extra::default()).then(|| serde_json::to_string(&extra).expect("numbers and texts"))
}

fn opened(opened: &GrantTerms) -> serde_json::Value {
    let id = hex(&opened.id.0);
    let grant = grant_of(opened, 0);
    serde_json::to_value(terms(&id, &grant)).expect("numbers and texts")
}

/// A grant with these terms, as it is before anything is drawn.
#[must_use]
pub fn grant_of(terms: &GrantTerms, opened_by: i64) -> Grant {
    Grant {
        id: terms.id,
        source: terms.source,
        amount: terms.amount,
        rest: Credits::ZERO,
        held: Credits::ZERO,
        priority: terms.priority,
        effective_at: terms.effective_at,
        expires_at: terms.expires_at,
        event_types: terms.event_types.clone(),
        cost_basis: terms.cost_basis,
        owed_policy: terms.owed_policy,
        period_end: terms.period_end,
        rollover: terms.rollover,
        paid: terms.paid.clone(),
        state: GrantState::Live,
        renewed: false,
        revoke_shortfall: None,
        removed: Credits::ZERO,
        opened_by,
    }
}

/// Reads [`extra`] into a transaction.
pub fn read_extra(text: &str, transaction: &mut Transaction) -> Result<(), Unreadable> {
    let extra: Extra = parse("extra", text)?;
    for value in &extra.grants {
        let terms = Terms::deserialize(value).map_err(|error| unreadable("extra", error))?;
        let grant = grant(terms)?;
        transaction.grants.push(GrantTerms {
            id: grant.id,
            source: grant.source,
            amount: grant.amount,
            priority: grant.priority,
            effective_at: grant.effective_at,
            expires_at: grant.expires_at,
            event_types: grant.event_types,
            cost_basis: grant.cost_basis,
            owed_policy: grant.owed_policy,
            period_end: grant.period_end,
            rollover: grant.rollover,
            paid: grant.paid,
        });
    }
    transaction.hold_terms = extra.hold.map(|(expires, grace, created)| HoldTerms {
        expires_at: Timestamp::from_micros(expires),
        grace: Duration::from_secs(grace),
        created_at: Timestamp::from_micros(created),
    });
    transaction.committed = extra.committed.map(Credits::from_micros);
    transaction.forgiven = Credits::from_micros(extra.forgiven);
    transaction.waived = Credits::from_micros(extra.waived);
    transaction.late = extra.late;
    transaction.closed_hold = extra.closed;
    transaction.grant = extra.grant.map(|id| id_of("extra", &id)).transpose()?.map(GrantId);
    transaction.claimed = Credits::from_micros(extra.claimed);
    transaction.shortfall = extra.shortfall.map(shortfall).transpose()?;
    Ok(())
}
