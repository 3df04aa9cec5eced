//! `chit wallet show|grant|statement`

use chit_api::types::v1::{Origin, TransactionKind};
use chit_api::wallet::v1::{
    CreditGrant, GetStatementRequest, GetWalletRequest, GetWalletResponse, GrantRequest, GrantResponse,
    GrantSource, GrantState, Hold, ListGrantsRequest, ListHoldsRequest, OperationDetails, StatementLine,
    Wallet,
};
use chit_rpc::{Money, credits_to_proto, money_to_proto, timestamp_to_proto};
use chit_types::{Decimal, Timestamp};
use serde_json::{Value, json};

use crate::args::{GrantArgs, GrantSourceArg, WalletCommand, WalletName};
use crate::client::Server;
use crate::commands::fresh_id;
use crate::json;
use crate::output::{Format, count, facts, say, say_json, shown, table, time, word};

/// Grants and holds shown with a wallet; the rest is a list of its own.
const SHOWN_MAX: i32 = 100;
/// The largest page of a list.
const PAGE_MAX: usize = 1_000;

/// Runs it.
pub async fn run(command: WalletCommand, server: &Server, format: Format) -> anyhow::Result<()> {
    match command {
        WalletCommand::Show { wallet, as_of } => show(wallet, as_of, server, format).await,
        WalletCommand::Grant(args) => grant(args, server, format).await,
        WalletCommand::Statement { wallet, limit } => statement(wallet, limit, server, format).await,
    }
}

async fn show(
    name: WalletName,
    as_of: Option<Timestamp>,
    server: &Server,
    format: Format,
) -> anyhow::Result<()> {
    let mut client = server.wallet()?;
    let (customer_id, unit) = (name.customer, name.unit);
    let request = GetWalletRequest {
        customer_id: customer_id.clone(),
        unit: unit.clone(),
        as_of: as_of.map(timestamp_to_proto),
        ..GetWalletRequest::default()
    };
    let answer = client.get_wallet(request).await?.into_inner();
    if as_of.is_some() {
        return show_past(&answer, format);
    }
    let grants = ListGrantsRequest {
        customer_id: customer_id.clone(),
        unit: unit.clone(),
        open_only: true,
        page_size: SHOWN_MAX,
        ..ListGrantsRequest::default()
    };
    let grants = client.list_grants(grants).await?.into_inner().grants;
    let holds = ListHoldsRequest { customer_id, unit, page_size: SHOWN_MAX, ..ListHoldsRequest::default() };
    let holds = client.list_holds(holds).await?.into_inner().holds;
    let wallet = answer.wallet.unwrap_or_default();
    match format {
        Format::Json => say_json(&wallet_json(&wallet, &grants, &holds)),
        Format::Text => {
            say(wallet_facts(&wallet));
            say(grants_table(&grants));
            if !holds.is_empty() {
                say(holds_table(&holds));
            }
        }
    }
    Ok(())
}

fn show_past(answer: &GetWalletResponse, format: Format) -> anyhow::Result<()> {
    let wallet = answer.wallet.clone().unwrap_or_default();
    let balance = wallet.balance.unwrap_or_default();
    match format {
        Format::Json => say_json(&json::of("chit.wallet.v1.Wallet", &wallet)),
        Format::Text => say(facts([
            ("available", shown(balance.available.as_ref())),
            ("held", shown(balance.held.as_ref())),
            ("owed", shown(balance.owed.as_ref())),
        ])
        .to_string()),
    }
    Ok(())
}

fn wallet_json(wallet: &Wallet, grants: &[CreditGrant], holds: &[Hold]) -> Value {
    let grants: Vec<_> = grants.iter().map(|grant| json::of("chit.wallet.v1.CreditGrant", grant)).collect();
    let holds: Vec<_> = holds.iter().map(|hold| json::of("chit.wallet.v1.Hold", hold)).collect();
    json!({ "wallet": json::of("chit.wallet.v1.Wallet", wallet), "grants": grants, "holds": holds })
}

fn wallet_facts(wallet: &Wallet) -> String {
    let balance = wallet.balance.unwrap_or_default();
    let totals = wallet.totals.unwrap_or_default();
    facts([
        ("customer", wallet.customer_id.clone()),
        ("unit", wallet.unit.clone()),
        ("available", shown(balance.available.as_ref())),
        ("held", shown(balance.held.as_ref())),
        ("owed", shown(balance.owed.as_ref())),
        ("overdraft limit", shown(wallet.overdraft_limit.as_ref())),
        ("granted in all", shown(totals.granted.as_ref())),
        ("spent in all", shown(totals.spent.as_ref())),
        ("next expiry", time(balance.next_expiry.as_ref())),
        ("frozen since", time(wallet.frozen_since.as_ref())),
        ("transactions", count(wallet.head)),
    ])
    .to_string()
}

fn grants_table(grants: &[CreditGrant]) -> String {
    let mut table =
        table(&["grant", "source", "state", ">amount", ">rest", ">held", ">priority", "expires", "only for"]);
    for grant in grants {
        table.add_row(vec![
            grant.grant_id.clone(),
            word(grant.source().as_str_name(), "GRANT_SOURCE_"),
            word(grant.state().as_str_name(), "GRANT_STATE_"),
            shown(grant.amount.as_ref()),
            shown(grant.rest.as_ref()),
            shown(grant.held.as_ref()),
            grant.priority.to_string(),
            time(grant.expires_at.as_ref()),
            grant.event_types.join(", "),
        ]);
    }
    table.to_string()
}

fn holds_table(holds: &[Hold]) -> String {
    let mut table = table(&["open hold", "for", "by", ">held", ">committed", "expires"]);
    for hold in holds {
        table.add_row(vec![
            hold.hold_id.clone(),
            hold.event_type.clone(),
            word(Origin::try_from(hold.origin).unwrap_or_default().as_str_name(), "ORIGIN_"),
            shown(hold.held.as_ref()),
            shown(hold.committed.as_ref()),
            time(hold.expires_at.as_ref()),
        ]);
    }
    table.to_string()
}

async fn grant(args: GrantArgs, server: &Server, format: Format) -> anyhow::Result<()> {
    let key = args.key.clone().unwrap_or_else(|| fresh_id("grant"));
    let request = GrantRequest {
        customer_id: args.customer.clone(),
        unit: args.unit,
        amount: Some(credits_to_proto(args.amount)),
        idempotency_key: key.clone(),
        source: source(args.source).into(),
        priority: args.priority,
        expires_at: args.expires.map(timestamp_to_proto),
        event_types: args.event_types,
        paid: args.paid.as_ref().map(money_to_proto),
        details: Some(OperationDetails { reference: args.reference, ..OperationDetails::default() }),
        ..GrantRequest::default()
    };
    let answer = server.wallet()?.grant(request).await?.into_inner();
    match format {
        Format::Json => {
            let mut value = json::of("chit.wallet.v1.GrantResponse", &answer);
            value["idempotency_key"] = json!(key);
            say_json(&value);
        }
        Format::Text => say(granted(&args.customer, &key, &answer)),
    }
    Ok(())
}

fn granted(customer: &str, key: &str, answer: &GrantResponse) -> String {
    let grant = answer.grant.clone().unwrap_or_default();
    let outcome = answer.outcome.clone().unwrap_or_default();
    let balance = outcome.balance.unwrap_or_default();
    let state = match (outcome.replayed, grant.state()) {
        (true, _) => "was granted before with this key",
        (false, GrantState::Scheduled) => "granted, scheduled",
        (false, _) => "granted",
    };
    facts([
        (state, shown(grant.amount.as_ref())),
        ("to", customer.to_owned()),
        ("grant", grant.grant_id),
        ("key", key.to_owned()),
        ("available now", shown(balance.available.as_ref())),
        ("owed now", shown(balance.owed.as_ref())),
    ])
    .to_string()
}

fn source(source: GrantSourceArg) -> GrantSource {
    match source {
        GrantSourceArg::Promotion => GrantSource::Promotion,
        GrantSourceArg::Purchase => GrantSource::Purchase,
        GrantSourceArg::Bonus => GrantSource::Bonus,
        GrantSourceArg::Allowance => GrantSource::Allowance,
        GrantSourceArg::Compensation => GrantSource::Compensation,
    }
}

async fn statement(name: WalletName, limit: usize, server: &Server, format: Format) -> anyhow::Result<()> {
    let mut client = server.wallet()?;
    let mut request = GetStatementRequest {
        customer_id: name.customer,
        unit: name.unit,
        page_size: page_size(limit),
        ..GetStatementRequest::default()
    };
    let mut lines: Vec<StatementLine> = Vec::new();
    loop {
        let page = client.get_statement(request.clone()).await?.into_inner();
        lines.extend(page.lines);
        if lines.len() >= limit || page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    lines.truncate(limit);
    match format {
        Format::Json => {
            say_json(&lines.iter().map(|line| json::of("chit.wallet.v1.StatementLine", line)).collect());
        }
        Format::Text => say(statement_table(&lines)),
    }
    Ok(())
}

fn page_size(limit: usize) -> i32 {
    i32::try_from(limit.clamp(1, PAGE_MAX)).unwrap_or(SHOWN_MAX)
}

fn statement_table(lines: &[StatementLine]) -> String {
    let mut table = table(&[">no.", "when", "kind", "what", ">change", ">balance", "reference"]);
    for line in lines {
        table.add_row(vec![
            line.transaction.to_string(),
            time(line.at.as_ref()),
            word(TransactionKind::try_from(line.kind).unwrap_or_default().as_str_name(), "TRANSACTION_KIND_"),
            line.what.clone(),
            shown(line.change.as_ref()),
            shown(line.balance.as_ref()),
            line.reference.clone(),
        ]);
    }
    table.to_string()
}

/// Reads `10.00 USD`.
pub fn money(text: &str) -> Result<Money, String> {
    const WRONG: &str = "is not an amount and currency such as `10.00 USD`";
    let (amount, currency) = text.trim().split_once(' ').ok_or(WRONG)?;
    let amount: Decimal = amount.parse().map_err(|_| WRONG)?;
    let nanos = amount.at_scale(9).and_then(|nanos| i64::try_from(nanos).ok()).ok_or(WRONG)?;
    Ok(Money { currency: currency.trim().to_owned(), nanos })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_a_currency_and_at_most_nine_decimals() {
        assert_eq!(money("10.5 USD"), Ok(Money { currency: "USD".to_owned(), nanos: 10_500_000_000 }));
        for bad in ["10", "USD", "ten USD", "0.0000000001 USD"] {
            assert!(money(bad).is_err(), "{bad}");
        }
    }
}
