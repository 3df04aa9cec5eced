//! The ledger held against itself and against metering: every wallet's chain and equation by `VerifyLedger`, and each
//! event's transactions against each of metering's transactions, both ways.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chit_api::metering::v1::{Event, EventState, ListEventsRequest, UsageClass};
use chit_api::types::v1::{Account, ErrorReason, Origin, TransactionKind};
use chit_api::wallet::v1::{
    LedgerFinding, ListTransactionsRequest, Transaction, VerifiedWallet, VerifyLedgerRequest,
};
use chit_rpc::Refused;
use chit_types::Credits;
use serde::Serialize;
use tonic::Status;

use crate::client::{Metering, Wallet};
use crate::output::amount;

/// The largest page of a list.
const PAGE_SIZE: i32 = 1_000;
/// Events may be recorded between our reading events and transactions, or moments after their transaction: what is
/// found is looked at again before it is told.
const LOOKS: u32 = 3;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Something wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The customer.
    pub customer_id: String,
    /// The unit.
    pub unit: String,
    /// The event; empty where it concerns none.
    pub event_id: String,
    /// The transaction; 0 where it concerns none.
    pub transaction: i64,
    /// What was compared.
    pub check: String,
    /// What is wrong.
    pub detail: String,
}

/// One wallet held against metering.
#[derive(Clone, Debug, Default)]
pub struct Crossed {
    /// Its customer's events in its unit.
    pub events: Vec<Event>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// What `VerifyLedger` told.
#[derive(Clone, Debug, Default)]
pub struct Chains {
    /// The wallets it recomputed.
    pub wallets: Vec<VerifiedWallet>,
    /// Transactions it recomputed.
    pub transactions: i64,
    /// What it found.
    pub findings: Vec<Finding>,
}

/// Recomputes one customer's wallet, or with an empty customer all of the tenant's. A wallet that does not exist is
/// none at all.
pub async fn chains(wallet: &Wallet, customer_id: &str, unit: &str) -> Result<Chains, Status> {
    let request = VerifyLedgerRequest { customer_id: customer_id.to_owned(), unit: unit.to_owned() };
    let mut pages = match wallet.clone().verify_ledger(request).await {
        Ok(pages) => pages.into_inner(),
        Err(status) if is_missing(&status) => return Ok(Chains::default()),
        Err(status) => return Err(status),
    };
    let mut chains = Chains::default();
    loop {
        match pages.message().await {
            Ok(Some(page)) => {
                chains.transactions = page.transactions;
                chains.wallets.extend(page.verified);
                chains.findings.extend(page.findings.into_iter().map(Finding::from));
            }
            Ok(None) => return Ok(chains),
            Err(status) if is_missing(&status) => return Ok(Chains::default()),
            Err(status) => return Err(status),
        }
    }
}

/// Holds one customer's wallet in a unit against the customer's events in it.
pub async fn cross(
    wallet: &Wallet,
    metering: &Metering,
    customer: &str,
    unit: &str,
) -> Result<Crossed, Status> {
    let mut look = 1;
    loop {
        let (transactions, events) =
            tokio::try_join!(transactions(wallet, customer, unit), events(metering, customer, unit))?;
        let findings = cross_check(customer, unit, &events, &transactions);
        if findings.is_empty() || look == LOOKS {
            return Ok(Crossed { events, findings });
        }
        look += 1;
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

async fn transactions(wallet: &Wallet, customer_id: &str, unit: &str) -> Result<Vec<Transaction>, Status> {
    let mut request = ListTransactionsRequest {
        customer_id: customer_id.to_owned(),
        unit: unit.to_owned(),
        page_size: PAGE_SIZE,
        ..ListTransactionsRequest::default()
    };
    let (mut wallet, mut found) = (wallet.clone(), Vec::new());
    loop {
        let page = match wallet.list_transactions(request.clone()).await {
            Ok(page) => page.into_inner(),
            Err(status) if is_missing(&status) => return Ok(found),
            Err(status) => return Err(status),
        };
        found.extend(page.transactions);
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        request.page_token = page.next_page_token;
    }
}

async fn events(metering: &Metering, customer_id: &str, unit: &str) -> Result<Vec<Event>, Status> {
    let mut request = ListEventsRequest {
        customer_id: customer_id.to_owned(),
        page_size: PAGE_SIZE,
        ..ListEventsRequest::default()
    };
    let (mut metering, mut found) = (metering.clone(), Vec::new());
    loop {
        let page = metering.list_events(request.clone()).await?.into_inner();
        found.extend(page.events.into_iter().filter(|event| unit_of(event) == unit));
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        request.page_token = page.next_page_token;
    }
}

fn unit_of(event: &Event) -> &str {
    match event.content.as_ref().map(|content| content.unit.as_str()) {
        None | Some("") => "credits",
        Some(unit) => unit,
    }
}

fn is_missing(status: &Status) -> bool {
    Refused::of(status).reason == ErrorReason::WalletNotFound
}

impl From<LedgerFinding> for Finding {
    fn from(found: LedgerFinding) -> Finding {
        Finding {
            customer_id: found.customer_id,
            unit: found.unit,
            event_id: String::new(),
            transaction: found.transaction,
            check: found.check,
            detail: found.detail,
        }
    }
}

/// Each settled event names exactly one closing Deduct or Commit, and its transactions sum to its credits; each Deduct
/// or Commit of metering's origin is named by exactly one event.
pub fn cross_check(
    customer: &str,
    unit: &str,
    events: &[Event],
    transactions: &[Transaction],
) -> Vec<Finding> {
    let by_seq: HashMap<i64, &Transaction> = transactions.iter().map(|each| (each.seq, each)).collect();
    let ended: HashSet<&str> =
        transactions.iter().filter(|each| ends_hold(each)).map(|each| each.hold_id.as_str()).collect();
    let finding = |event_id: &str, transaction: i64, check: &str, detail: String| Finding {
        customer_id: customer.to_owned(),
        unit: unit.to_owned(),
        event_id: event_id.to_owned(),
        transaction,
        check: check.to_owned(),
        detail,
    };
    let mut findings = Vec::new();
    let mut named: HashMap<i64, u32> = HashMap::new();
    for event in events {
        let id = event.content.as_ref().map_or("", |content| content.event_id.as_str());
        let mut charges = Vec::new();
        for number in event.transactions.iter().copied().filter(|&number| number > 0) {
            *named.entry(number).or_default() += 1;
            let Some(transaction) = by_seq.get(&number) else {
                let detail = "names a transaction that the wallet does not have".to_owned();
                findings.push(finding(id, number, "event", detail));
                continue;
            };
            charges.push(*transaction);
        }
        findings.extend(event_fault(event, &charges, &ended).map(|detail| finding(id, 0, "event", detail)));
    }
    let ours = |each: &&Transaction| each.origin() == Origin::Metering && is_charge(each);
    for transaction in transactions.iter().filter(ours) {
        let count = named.get(&transaction.seq).copied().unwrap_or(0);
        if count != 1 {
            let detail = format!("is named by {count} events instead of one");
            findings.push(finding("", transaction.seq, "transaction", detail));
        }
    }
    findings
}

fn event_fault(event: &Event, charges: &[&Transaction], ended_holds: &HashSet<&str>) -> Option<String> {
    let told = amount(event.credits.as_ref());
    let Some(spent) =
        charges.iter().map(|each| net_spent(each)).try_fold(Credits::ZERO, Credits::checked_add)
    else {
        return Some("its transactions sum beyond the range of an amount".to_owned());
    };
    if spent != told {
        return Some(format!("says {told} credits, and its transactions sum to {spent}"));
    }
    if !is_settled(event) {
        return None;
    }
    if !is_customers(event) {
        return (!charges.is_empty()).then(|| "is not the customer's use, and names transactions".to_owned());
    }
    let closing = charges.iter().filter(|each| is_closing(each)).count();
    // A stream whose hold was released or ran out is settled at its last part, without a Commit of its own.
    let last_part = || {
        charges
            .iter()
            .rfind(|each| is_charge(each))
            .is_some_and(|each| ended_holds.contains(each.hold_id.as_str()))
    };
    match closing {
        1 => None,
        0 if last_part() => None,
        count => Some(format!("is settled and names {count} closing transactions instead of one")),
    }
}

fn is_settled(event: &Event) -> bool {
    matches!(event.state(), EventState::Settled | EventState::Reversed)
}

fn is_customers(event: &Event) -> bool {
    let class = event.content.as_ref().map_or(UsageClass::Unspecified, |content| content.usage_class());
    matches!(class, UsageClass::Unspecified | UsageClass::Customer)
}

fn is_charge(transaction: &Transaction) -> bool {
    matches!(transaction.kind(), TransactionKind::Deduct | TransactionKind::Commit)
}

fn is_closing(transaction: &Transaction) -> bool {
    match transaction.kind() {
        TransactionKind::Deduct => true,
        TransactionKind::Commit => transaction.closed_hold || transaction.late,
        _ => false,
    }
}

fn ends_hold(transaction: &Transaction) -> bool {
    matches!(transaction.kind(), TransactionKind::Release | TransactionKind::ExpireHold)
}

/// What its legs brought to `spent`, less what they took from it.
fn net_spent(transaction: &Transaction) -> Credits {
    transaction.postings.iter().fold(Credits::ZERO, |sum, posting| {
        let moved = amount(posting.amount.as_ref());
        match (posting.from(), posting.to()) {
            (_, Account::Spent) => sum + moved,
            (Account::Spent, _) => sum - moved,
            _ => sum,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chit_api::metering::v1::UsageEvent;
    use chit_api::wallet::v1::Posting;
    use chit_rpc::credits_to_proto;

    fn charge(seq: i64, kind: TransactionKind, credits: i64, closes: bool) -> Transaction {
        let posting = Posting {
            from: Account::Held.into(),
            to: Account::Spent.into(),
            amount: Some(credits_to_proto(Credits::whole(credits))),
            ..Posting::default()
        };
        Transaction {
            seq,
            kind: kind.into(),
            origin: Origin::Metering.into(),
            postings: vec![posting],
            hold_id: "hd_1".to_owned(),
            closed_hold: closes,
            ..Transaction::default()
        }
    }

    fn event(id: &str, credits: i64, transactions: &[i64]) -> Event {
        Event {
            content: Some(UsageEvent { event_id: id.to_owned(), ..UsageEvent::default() }),
            state: EventState::Settled.into(),
            credits: Some(credits_to_proto(Credits::whole(credits))),
            transactions: transactions.to_vec(),
            ..Event::default()
        }
    }

    fn check(events: &[Event], transactions: &[Transaction], expect: &[&str]) {
        let found = cross_check("c", "credits", events, transactions);
        let details: Vec<_> = found.iter().map(|finding| finding.detail.as_str()).collect();
        assert_eq!(details.len(), expect.len(), "{details:?}");
        for (detail, expect) in details.iter().zip(expect) {
            assert!(detail.contains(expect), "{details:?}");
        }
    }

    #[test]
    fn events_and_transactions_that_name_each_other_are_sound() {
        use TransactionKind::{Commit, Deduct};
        let transactions =
            [charge(2, Deduct, 4, false), charge(4, Commit, 1, false), charge(5, Commit, 2, true)];
        check(&[event("a", 4, &[2]), event("b", 3, &[4, 5])], &transactions, &[]);
    }

    #[test]
    fn what_was_planted_is_found() {
        use TransactionKind::{Commit, Deduct, Release};
        let deduct = [charge(2, Deduct, 4, false)];
        check(&[event("a", 5, &[2])], &deduct, &["says 5 credits, and its transactions sum to 4"]);
        check(&[], &deduct, &["named by 0 events"]);
        check(&[event("a", 4, &[2]), event("b", 4, &[2])], &deduct, &["named by 2 events"]);
        check(&[event("a", 0, &[])], &[], &["names 0 closing"]);
        check(&[event("a", 4, &[3])], &[], &["does not have", "sum to 0"]);
        let twice = [charge(2, Deduct, 4, false), charge(3, Deduct, 4, false)];
        check(&[event("a", 8, &[2, 3])], &twice, &["names 2 closing"]);
        let open = [charge(2, Commit, 4, false)];
        check(&[event("a", 4, &[2])], &open, &["names 0 closing"]);
        let released = [charge(2, Commit, 4, false), charge(3, Release, 0, true)];
        check(&[event("a", 4, &[2])], &released, &[]);
    }

    #[test]
    fn others_transactions_and_others_use_are_left_alone() {
        let mut by_client = charge(2, TransactionKind::Deduct, 4, false);
        by_client.origin = Origin::Client.into();
        let mut internal = event("a", 0, &[]);
        if let Some(content) = internal.content.as_mut() {
            content.usage_class = UsageClass::Internal.into();
        }
        check(&[internal], &[by_client], &[]);
    }
}
