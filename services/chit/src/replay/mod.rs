//! `chit replay`: a recorded trace driven through the public API as a product would, then verified. In reading order:
//! [`trace`], [`assign`], [`fund`], [`calls`], [`drive`], [`verify`], [`report`].

pub mod args;
pub mod assign;
pub mod calls;
pub mod drive;
pub mod fund;
pub mod patience;
pub mod report;
pub mod trace;
pub mod verify;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use chit_api::metering::v1::Event;
use chit_api::wallet::v1::VerifiedWallet;
use chit_types::{Clock, Hash, SystemClock, Timestamp};
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use crate::client::{Metering, Server, Wallet};
use crate::failure::Failure;
use crate::output::{Format, say, say_json};
use crate::replay::args::ReplayArgs;
use crate::replay::assign::{Action, CUSTOMERS, RunName, assign};
use crate::replay::drive::{Drive, Tally};
use crate::replay::fund::Funding;
use crate::replay::patience::Patience;
use crate::replay::report::{Recorded, Report, Run, Verdict, faults_text};
use crate::replay::trace::Trace;
use crate::replay::verify::{Chains, Crossed, Finding, chains, cross};

/// Wallets verified side by side.
const SIDE_BY_SIDE: usize = 8;
/// The replay pays in the default unit.
const UNIT: &str = "credits";

/// Runs it. Fails where the ledger does not verify.
pub async fn run(args: ReplayArgs, server: &Server, format: Format) -> anyhow::Result<()> {
    let started = Instant::now();
    let trace = Trace::open(&args.trace).map_err(|error| Failure::input(format!("{error:#}")))?;
    if let Some(text) = faults_text(&trace.faults) {
        eprintln!("{text}");
    }
    let name = RunName::of(trace.digest, args.seed);
    let base = base_time(&args, &trace, &name, server).await?;
    let drive = Arc::new(Drive {
        server: server.clone(),
        actions: assign(&trace, args.seed, base),
        customers: (0..CUSTOMERS).map(|index| name.customer(index)).collect(),
        base,
        speed: args.speed,
        patience: Patience::default(),
        progress: progress(trace.rows.len(), format),
        started: Instant::now(),
        tally: Mutex::new(Tally::default()),
    });
    let tally = drive.run().await?;
    drive.progress.finish_and_clear();
    let driving = started.elapsed();
    let (recorded, verdict) = verify_all(&drive, &tally).await?;
    let report = Report {
        run: Run::of(&trace, args.seed, args.funds, base),
        tally,
        recorded,
        verdict,
        wall: started.elapsed(),
        driving,
    };
    match format {
        Format::Json => say_json(&report.json()),
        Format::Text => say(report.text()),
    }
    if report.ledger_verified() {
        return Ok(());
    }
    Err(Failure::refused(format!("{} findings: the ledger does not verify", report.verdict.findings.len())))
}

/// Funds the customers, and so settles when the first event happened.
async fn base_time(
    args: &ReplayArgs,
    trace: &Trace,
    name: &RunName,
    server: &Server,
) -> anyhow::Result<Timestamp> {
    let now = SystemClock.now();
    let latest = now - trace.span();
    if let Some(start) = args.start.filter(|&start| start > latest) {
        let message =
            format!("--start {start}: the trace's last event would be ahead of now; at most {latest}");
        return Err(Failure::input(message));
    }
    let funding = Funding { run: name, funds: args.funds, rows: trace.rows.len() };
    let wanted = args.start.unwrap_or(latest);
    let base = funding.ensure(&server.wallet()?, wanted, &Patience::default()).await?;
    match args.start {
        Some(start) if start != base => Err(Failure::input(format!(
            "--start {start}: this trace and seed were replayed before, from {base} on; leave it out to repeat that run, \
             or take another --seed"
        ))),
        _ => Ok(base),
    }
}

fn progress(rows: usize, format: Format) -> ProgressBar {
    let target = match format {
        Format::Json => ProgressDrawTarget::hidden(),
        // Hides itself where standard error is no terminal.
        Format::Text => ProgressDrawTarget::stderr(),
    };
    let bar = ProgressBar::with_draw_target(Some(rows as u64), target);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} events  {per_sec}  {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Every customer's wallet: chain and equation, and events against transactions.
async fn verify_all(drive: &Drive, tally: &Tally) -> anyhow::Result<(Recorded, Verdict)> {
    let (wallet, metering) = (drive.server.wallet()?, drive.server.metering()?);
    let checks = drive.customers.iter().map(|customer| check(&wallet, &metering, customer, &drive.patience));
    let checked: Vec<(Chains, Crossed)> = stream::iter(checks)
        .buffered(SIDE_BY_SIDE)
        .try_collect()
        .await
        .context("the ledger cannot be verified")?;
    let actions: HashMap<&str, &Action> =
        drive.actions.iter().map(|action| (action.event_id.as_str(), action)).collect();
    let (mut recorded, mut verdict) = (Recorded::default(), Verdict::default());
    let mut heads = Vec::new();
    for (chains, crossed) in checked {
        for event in &crossed.events {
            if let Some(action) = actions.get(event_id(event)) {
                recorded.add(event);
                verdict.findings.extend(token_fault(event, action));
            }
        }
        verdict.wallets += chains.wallets.len();
        verdict.transactions += chains.transactions;
        verdict.findings.extend(chains.findings);
        verdict.findings.extend(crossed.findings);
        heads.extend(chains.wallets);
    }
    verdict.head_hash = Some(head_hash(heads));
    verdict.findings.extend(count_fault(tally, &recorded));
    Ok((recorded, verdict))
}

async fn check(
    wallet: &Wallet,
    metering: &Metering,
    customer: &str,
    patience: &Patience,
) -> Result<(Chains, Crossed), tonic::Status> {
    patience
        .insist(|| async {
            tokio::try_join!(chains(wallet, customer, UNIT), cross(wallet, metering, customer, UNIT))
        })
        .await
}

fn event_id(event: &Event) -> &str {
    event.content.as_ref().map_or("", |content| content.event_id.as_str())
}

/// SHA-256 over the head hashes, in order of customer and unit.
fn head_hash(mut wallets: Vec<VerifiedWallet>) -> Hash {
    wallets.sort_by(|a, b| (&a.customer_id, &a.unit).cmp(&(&b.customer_id, &b.unit)));
    let hashes: Vec<&[u8]> = wallets.iter().map(|wallet| wallet.hash.as_ref()).collect();
    Hash::of(&hashes)
}

/// A charged event has the tokens that the trace recorded.
fn token_fault(event: &Event, action: &Action) -> Option<Finding> {
    use chit_api::metering::v1::EventState::{Reversed, Settled};
    let content = event.content.as_ref()?;
    let tokens = content.tokens.unwrap_or_default();
    let same = (tokens.input, tokens.output) == (action.input_tokens, action.output_tokens);
    (matches!(event.state(), Settled | Reversed) && !same).then(|| Finding {
        customer_id: content.customer_id.clone(),
        unit: UNIT.to_owned(),
        event_id: action.event_id.clone(),
        transaction: 0,
        check: "tokens".to_owned(),
        detail: format!(
            "has {}/{} tokens, the trace {}/{}",
            tokens.input, tokens.output, action.input_tokens, action.output_tokens
        ),
    })
}

/// As many events are recorded as charged as were answered so.
fn count_fault(tally: &Tally, recorded: &Recorded) -> Option<Finding> {
    (tally.settled != recorded.total.events).then(|| Finding {
        customer_id: String::new(),
        unit: UNIT.to_owned(),
        event_id: String::new(),
        transaction: 0,
        check: "events".to_owned(),
        detail: format!("{} were answered as charged, {} are recorded", tally.settled, recorded.total.events),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_hash_is_over_the_wallets_in_order() {
        let wallet = |customer: &str, byte| VerifiedWallet {
            customer_id: customer.to_owned(),
            unit: UNIT.to_owned(),
            head: 1,
            hash: vec![byte; 32].into(),
        };
        let expect = Hash::of(&[&[1; 32], &[2; 32]]);
        assert_eq!(head_hash(vec![wallet("b", 2), wallet("a", 1)]), expect);
    }
}
