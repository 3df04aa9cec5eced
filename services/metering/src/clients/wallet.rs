//! The wallet: operations in batches, and present balances.

use std::time::Duration;

use chit_api::types::v1 as types;
use chit_api::wallet::v1 as wallet;
use chit_rpc::{Refused, call_as, credits_from_proto, credits_to_proto, timestamp_from_proto};
use chit_types::limits::BATCH_ITEMS;
use chit_types::{Credits, Hash, Origin, Timestamp};
use futures_util::future::join_all;
use tonic::Code;
use tonic::transport::Channel;
use wallet::operation::Operation as Op;
use wallet::operation_result::Result as Res;
use wallet::wallet_service_client::WalletServiceClient;

use crate::domain::fact::{Draw, Fact};
use crate::domain::pending::{Balance, OnInsufficient, OnOverrun, WalletAnswer, WalletOp, WalletOutcome};
use crate::domain::refusal::WalletRefusal;

/// The wallet answers a full batch in a second; after this long it counts as away, and the settler sends again.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A reader waits less: present balances are a courtesy on a repeated call.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// One operation with what it is about.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Whose event it belongs to.
    pub fact: &'a Fact,
    /// The operation.
    pub operation: &'a WalletOp,
}

/// A client of the wallet. Clones share its channel.
#[derive(Clone, Debug)]
pub struct WalletClient {
    client: WalletServiceClient<Channel>,
}

impl WalletClient {
    /// Over a channel.
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        Self { client: WalletServiceClient::new(channel).max_decoding_message_size(64 << 20) }
    }

    /// Applies operations; one outcome each, in their order. Those of one tenant go in calls of at most 1,000, side
    /// by side; those of one wallet keep their order.
    pub async fn apply(&self, calls: &[Call<'_>]) -> Vec<WalletOutcome> {
        let mut outcomes = vec![WalletOutcome::Away; calls.len()];
        let batches = in_batches(calls);
        let answers = join_all(batches.iter().map(|batch| self.apply_in_order(calls, batch))).await;
        for (batch, answers) in batches.iter().zip(answers) {
            for (index, outcome) in batch.iter().zip(answers) {
                outcomes[*index] = outcome;
            }
        }
        outcomes
    }

    async fn apply_in_order(&self, calls: &[Call<'_>], batch: &[usize]) -> Vec<WalletOutcome> {
        let mut outcomes = Vec::with_capacity(batch.len());
        for part in batch.chunks(BATCH_ITEMS) {
            let operations = part.iter().map(|index| operation_to_proto(calls[*index])).collect();
            let tenant = &calls[part[0]].fact.tenant;
            let answered = self.batch_apply(tenant, operations).await;
            match answered {
                Ok(results) if results.len() == part.len() => {
                    outcomes.extend(results.into_iter().map(outcome_of));
                }
                Ok(results) => {
                    tracing::error!(
                        asked = part.len(),
                        answered = results.len(),
                        "the wallet left answers out"
                    );
                    break;
                }
                Err(status) => {
                    tracing::warn!(operations = part.len(), "wallet: {status}");
                    break;
                }
            }
        }
        // Order within a wallet: what follows a call without answer is not sent.
        outcomes.resize(batch.len(), WalletOutcome::Away);
        outcomes
    }

    async fn batch_apply(
        &self,
        tenant: &str,
        operations: Vec<wallet::Operation>,
    ) -> Result<Vec<wallet::OperationResult>, tonic::Status> {
        let mut request = call_as(wallet::BatchApplyRequest { operations }, tenant, Origin::Metering)?;
        request.set_timeout(TIMEOUT);
        Ok(self.client.clone().batch_apply(request).await?.into_inner().results)
    }

    /// A wallet's balances; none while the wallet is away or does not exist.
    pub async fn balance(
        &self,
        tenant: &str,
        customer_id: &str,
        unit: &str,
        event_type: &str,
    ) -> Option<Balance> {
        self.wallet(tenant, customer_id, unit, event_type)
            .await
            .ok()
            .flatten()
            .and_then(|found| found.balance)
            .map(|balance| balance_of(&balance))
    }

    /// A wallet as it stands; none where it does not exist.
    pub async fn wallet(
        &self,
        tenant: &str,
        customer_id: &str,
        unit: &str,
        event_type: &str,
    ) -> Result<Option<wallet::Wallet>, tonic::Status> {
        let message = wallet::GetWalletRequest {
            customer_id: customer_id.to_string(),
            unit: unit.to_string(),
            event_type: event_type.to_string(),
            ..wallet::GetWalletRequest::default()
        };
        let mut request = call_as(message, tenant, Origin::Metering)?;
        request.set_timeout(READ_TIMEOUT);
        match self.client.clone().get_wallet(request).await {
            Ok(found) => Ok(found.into_inner().wallet),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(status),
        }
    }

    /// The open grants of a wallet; none where it does not exist.
    pub async fn grants(
        &self,
        tenant: &str,
        customer_id: &str,
        unit: &str,
    ) -> Result<Vec<wallet::CreditGrant>, tonic::Status> {
        let message = wallet::ListGrantsRequest {
            customer_id: customer_id.to_string(),
            unit: unit.to_string(),
            page_size: 1_000,
            ..wallet::ListGrantsRequest::default()
        };
        let mut request = call_as(message, tenant, Origin::Metering)?;
        request.set_timeout(READ_TIMEOUT);
        match self.client.clone().list_grants(request).await {
            Ok(found) => Ok(found.into_inner().grants),
            Err(status) if status.code() == Code::NotFound => Ok(Vec::new()),
            Err(status) => Err(status),
        }
    }

    /// The tenant's reporting currency.
    pub async fn reporting_currency(&self, tenant: &str) -> Result<String, tonic::Status> {
        let mut request = call_as(wallet::GetSettingsRequest {}, tenant, Origin::Metering)?;
        request.set_timeout(READ_TIMEOUT);
        let settings = self.client.clone().get_settings(request).await?.into_inner().settings;
        let currency = settings.unwrap_or_default().reporting_currency;
        Ok(if currency.is_empty() { "USD".to_string() } else { currency })
    }
}

/// Indices of calls by tenant, spread so that a batch has about a full call, one customer in one batch.
fn in_batches(calls: &[Call<'_>]) -> Vec<Vec<usize>> {
    let mut tenants: std::collections::BTreeMap<&str, Vec<usize>> = std::collections::BTreeMap::new();
    for (index, call) in calls.iter().enumerate() {
        tenants.entry(&call.fact.tenant).or_default().push(index);
    }
    let mut batches = Vec::new();
    for indices in tenants.into_values() {
        let count = indices.len().div_ceil(BATCH_ITEMS);
        let mut spread: Vec<Vec<usize>> = vec![Vec::new(); count];
        for index in indices {
            let customer = calls[index].fact.place.customer;
            spread[usize::from(u16::from_be_bytes([customer[0], customer[1]])) % count].push(index);
        }
        batches.extend(spread.into_iter().filter(|batch| !batch.is_empty()));
    }
    batches
}

fn operation_to_proto(call: Call<'_>) -> wallet::Operation {
    let (fact, key) = (call.fact, call.operation.key().to_string());
    let operation = match call.operation {
        WalletOp::Deduct { amount, mode, .. } => Op::Deduct(wallet::DeductRequest {
            amount: Some(credits_to_proto(*amount)),
            on_insufficient: insufficient_to_proto(*mode) as i32,
            ..deduct(fact, key)
        }),
        WalletOp::Reserve { amount, ttl_seconds, .. } => {
            Op::Reserve(reserve(fact, key, *amount, *ttl_seconds))
        }
        WalletOp::Commit { hold, total, keep_open, mode, .. } => Op::Commit(wallet::CommitRequest {
            customer_id: fact.customer_id.clone(),
            unit: fact.unit.clone(),
            hold_id: hold.clone(),
            total: Some(credits_to_proto(*total)),
            keep_open: *keep_open,
            on_overrun: overrun_to_proto(*mode) as i32,
            idempotency_key: key,
            details: Some(details_to_proto(fact)),
        }),
        WalletOp::Release { hold, .. } => Op::Release(wallet::ReleaseRequest {
            customer_id: fact.customer_id.clone(),
            unit: fact.unit.clone(),
            hold_id: hold.clone(),
            idempotency_key: key,
            details: Some(details_to_proto(fact)),
        }),
        WalletOp::Reverse { transaction, amount, .. } => Op::Reverse(wallet::ReverseRequest {
            customer_id: fact.customer_id.clone(),
            unit: fact.unit.clone(),
            transaction: *transaction,
            amount: Some(credits_to_proto(*amount)),
            idempotency_key: key,
            details: Some(details_to_proto(fact)),
        }),
    };
    wallet::Operation { operation: Some(operation) }
}

fn deduct(fact: &Fact, idempotency_key: String) -> wallet::DeductRequest {
    wallet::DeductRequest {
        customer_id: fact.customer_id.clone(),
        unit: fact.unit.clone(),
        idempotency_key,
        details: Some(details_to_proto(fact)),
        ..wallet::DeductRequest::default()
    }
}

fn reserve(fact: &Fact, idempotency_key: String, amount: Credits, seconds: i64) -> wallet::ReserveRequest {
    wallet::ReserveRequest {
        customer_id: fact.customer_id.clone(),
        unit: fact.unit.clone(),
        amount: Some(credits_to_proto(amount)),
        idempotency_key,
        ttl: (seconds > 0).then_some(prost_types::Duration { seconds, nanos: 0 }),
        details: Some(details_to_proto(fact)),
    }
}

fn details_to_proto(fact: &Fact) -> wallet::OperationDetails {
    wallet::OperationDetails {
        event_type: fact.event_type.clone(),
        subjects: fact.body.details.subjects.clone(),
        // The event's id, so that every transaction of ours names its event; the caller's reference stays with it.
        reference: fact.event_id.clone(),
        description: fact.body.details.description.clone(),
        ..wallet::OperationDetails::default()
    }
}

const fn insufficient_to_proto(mode: OnInsufficient) -> types::OnInsufficient {
    match mode {
        OnInsufficient::Refuse => types::OnInsufficient::Refuse,
        OnInsufficient::Record => types::OnInsufficient::Record,
        OnInsufficient::Cap => types::OnInsufficient::Cap,
    }
}

const fn overrun_to_proto(mode: OnOverrun) -> types::OnOverrun {
    match mode {
        OnOverrun::Record => types::OnOverrun::Record,
        OnOverrun::Cap => types::OnOverrun::Cap,
        OnOverrun::Reject => types::OnOverrun::Reject,
    }
}

fn outcome_of(result: wallet::OperationResult) -> WalletOutcome {
    let answer = match result.result {
        Some(Res::Error(status)) => return refused_of(&status),
        Some(Res::Deduct(done)) => WalletAnswer {
            amount: credits(done.deducted.as_ref()),
            owed_added: credits(done.owed_added.as_ref()),
            forgiven: credits(done.forgiven.as_ref()),
            draws: done.draws.iter().map(draw_of).collect(),
            ..answer_of(done.outcome)
        },
        Some(Res::Commit(done)) => WalletAnswer {
            amount: credits(done.charged.as_ref()),
            owed_added: credits(done.owed_added.as_ref()),
            forgiven: credits(done.forgiven.as_ref()),
            late: done.late,
            draws: done.draws.iter().map(draw_of).collect(),
            hold: hold_of(done.hold),
            ..answer_of(done.outcome)
        },
        Some(Res::Reserve(done)) => WalletAnswer { hold: hold_of(done.hold), ..answer_of(done.outcome) },
        Some(Res::Release(done)) => WalletAnswer { hold: hold_of(done.hold), ..answer_of(done.outcome) },
        Some(Res::Reverse(done)) => WalletAnswer {
            amount: credits(done.reversed.as_ref()),
            draws: done.returns.iter().map(draw_of).collect(),
            ..answer_of(done.outcome)
        },
        _ => return WalletOutcome::Away,
    };
    WalletOutcome::Done(Box::new(answer))
}

/// A refusal is the wallet's last word; anything else may pass.
fn refused_of(status: &chit_api::google::rpc::Status) -> WalletOutcome {
    let code = Code::from_i32(status.code);
    let refused = Refused::of_item(status);
    match code {
        Code::FailedPrecondition
        | Code::NotFound
        | Code::AlreadyExists
        | Code::InvalidArgument
        | Code::OutOfRange
        | Code::PermissionDenied => WalletOutcome::Refused(WalletRefusal {
            code: status.code,
            reason: refused.reason as i32,
            message: refused.message,
            facts: refused.facts,
        }),
        _ => {
            tracing::warn!("wallet: {}", status.message);
            WalletOutcome::Away
        }
    }
}

fn answer_of(outcome: Option<wallet::Outcome>) -> WalletAnswer {
    let outcome = outcome.unwrap_or_default();
    let hash: Option<[u8; 32]> = outcome.hash[..].try_into().ok();
    WalletAnswer {
        seq: outcome.transaction,
        hash: hash.map_or_else(String::new, |hash| Hash(hash).to_string()),
        balance: outcome.balance.as_ref().map(balance_of).unwrap_or_default(),
        ..WalletAnswer::default()
    }
}

fn balance_of(balance: &types::Balance) -> Balance {
    Balance {
        available: credits(balance.available.as_ref()),
        spendable: credits(balance.spendable.as_ref()),
        held: credits(balance.held.as_ref()),
        owed: credits(balance.owed.as_ref()),
        debt: credits(balance.debt.as_ref()),
        scheduled: credits(balance.scheduled.as_ref()),
        frozen: credits(balance.frozen.as_ref()),
        next_expiry: balance.next_expiry.as_ref().and_then(timestamp_from_proto),
    }
}

fn hold_of(hold: Option<wallet::Hold>) -> Option<(String, Timestamp)> {
    let hold = hold?;
    let expires_at = hold.expires_at.as_ref().and_then(timestamp_from_proto)?;
    Some((hold.hold_id, expires_at))
}

fn draw_of(draw: &wallet::Draw) -> Draw {
    Draw { grant: draw.grant_id.clone(), amount: credits(draw.amount.as_ref()), cost_basis: draw.cost_basis }
}

/// What our own wallet says is within range; an amount that is not would show as zero and fail verification.
fn credits(amount: Option<&types::Credits>) -> Credits {
    amount.and_then(|amount| credits_from_proto(amount).ok()).unwrap_or(Credits::ZERO)
}
