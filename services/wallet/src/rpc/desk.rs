//! From a read request to its answer: submitted to the engine, told from what was done.

use std::sync::Arc;
use std::time::Duration;

use chit_api::wallet::v1 as proto;
use chit_api::wallet::v1::operation::Operation;
use chit_rpc::{Caller, Violations};
use chit_types::{Clock, Credits, Shard, ShardCount};
use tokio::time::Instant;
use tonic::Status;

use super::answers::{Answered, Told, grants_to_look_up};
use super::convert::{Asked, Call, ask};
use super::status::{Subject, fault_to_status, unavailable};
use super::stream::result_to_proto;
use crate::domain::{Settings, explain};
use crate::engine::{Answer, Command, Desk, Fault, Reader, WalletRef};

/// The engine as the rpcs see it.
#[derive(Clone)]
pub struct Edge {
    /// Takes commands.
    pub desk: Desk,
    /// Answers reads.
    pub reader: Reader,
    /// The installation's shards.
    pub shards: ShardCount,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// How often streams look for what other pods did.
    pub poll: Duration,
}

/// An operation of a batch or stream, ready to be submitted.
pub struct Prepared {
    /// What is asked, and of whom.
    pub asked: Asked,
    /// Builds its answer.
    pub tell: fn(&Told<'_>) -> proto::operation_result::Result,
}

/// What is remembered of a submitted operation until its answer is built.
pub struct Ticket {
    shard: Shard,
    key: String,
}

impl Asked {
    /// Splits it into what the engine takes and what the answer needs.
    pub fn submit_as(self, tenant: &Arc<str>) -> (WalletRef, Command, Ticket) {
        let wallet = WalletRef { tenant: Arc::clone(tenant), customer: self.customer, unit: self.unit };
        let ticket = Ticket { shard: self.shard, key: self.key };
        (wallet, Command::Apply(self.envelope), ticket)
    }
}

impl Edge {
    /// Carries out one mutation.
    pub async fn mutate<M: Answered>(
        &self,
        caller: &Caller,
        deadline: Option<Instant>,
        request: M,
    ) -> Result<M::Answer, Status> {
        let settings = match request.names_money() {
            true => Some(self.settings(caller).await?),
            false => None,
        };
        let asked = ask(request, &self.call(caller, settings.as_deref()))?;
        let (wallet, command, ticket) = asked.submit_as(&caller.tenant);
        let done = self.desk.submit(wallet, command, deadline).await;
        self.tell(&ticket, done, M::answer).await
    }

    /// Carries out a batch, each operation by itself: one answer each, in their order.
    pub async fn batch(
        &self,
        caller: &Caller,
        deadline: Option<Instant>,
        operations: Vec<proto::Operation>,
    ) -> Result<Vec<proto::OperationResult>, Status> {
        let settings = self.settings(caller).await?;
        let mut commands = Vec::with_capacity(operations.len());
        let mut waiting = Vec::with_capacity(operations.len());
        for operation in operations {
            waiting.push(self.prepare(caller, &settings, Some(operation)).map(|prepared| {
                let (wallet, command, ticket) = prepared.asked.submit_as(&caller.tenant);
                commands.push((wallet, command));
                (ticket, prepared.tell)
            }));
        }
        let mut done = self.desk.submit_many(commands, deadline).await.into_iter();
        let mut results = Vec::with_capacity(waiting.len());
        for waiting in waiting {
            let answer = match waiting {
                Ok((ticket, tell)) => {
                    let done = done.next().expect("one answer for each command submitted");
                    self.tell(&ticket, done, tell).await
                }
                Err(status) => Err(status),
            };
            results.push(result_to_proto(answer));
        }
        Ok(results)
    }

    /// Reads one operation of a batch or stream. Where it fails, that is its answer.
    pub fn prepare(
        &self,
        caller: &Caller,
        settings: &Settings,
        operation: Option<proto::Operation>,
    ) -> Result<Prepared, Status> {
        let call = self.call(caller, Some(settings));
        let Some(operation) = operation.and_then(|operation| operation.operation) else {
            let mut faults = Violations::new();
            faults.field("operation", "is missing");
            faults.finish()?;
            unreachable!("a fault was just noted");
        };
        if let Some(scope) = scope_beside_spending(&operation) {
            caller.require(scope)?;
        }
        match operation {
            Operation::Grant(request) => prepared(request, &call),
            Operation::RenewGrant(request) => prepared(request, &call),
            Operation::RevokeGrant(request) => prepared(request, &call),
            Operation::Reserve(request) => prepared(request, &call),
            Operation::ExtendHold(request) => prepared(request, &call),
            Operation::Commit(request) => prepared(request, &call),
            Operation::Release(request) => prepared(request, &call),
            Operation::Deduct(request) => prepared(request, &call),
            Operation::Adjust(request) => prepared(request, &call),
            Operation::WriteOff(request) => prepared(request, &call),
            Operation::Reverse(request) => prepared(request, &call),
        }
    }

    /// The tenant's settings.
    pub async fn settings(&self, caller: &Caller) -> Result<Arc<Settings>, Status> {
        let settings = self.desk.settings().of(&caller.tenant).await;
        settings.map_err(unavailable)
    }

    /// Builds the answer of what was submitted. Looks up what the wallet's row does not have any more: grants that
    /// are closed, earlier reversals.
    pub async fn tell<T>(
        &self,
        ticket: &Ticket,
        done: Result<Answer, Fault>,
        build: fn(&Told<'_>) -> T,
    ) -> Result<T, Status> {
        let subject = Subject { shard: ticket.shard, key: &ticket.key };
        let answer = done.map_err(|fault| fault_to_status(&fault, subject))?;
        let (mut closed_grants, mut reversed_total) = (Vec::new(), Credits::ZERO);
        let effect = answer.applied.transaction.as_ref().map(explain::effect).unwrap_or_default();
        if let Some(transaction) = &answer.applied.transaction {
            let missing = grants_to_look_up(transaction, &effect, &answer.wallet);
            if !missing.is_empty() {
                closed_grants = self.grants_by_id(&wallet_of(&answer), &missing).await?;
            }
            if let Some(number) = transaction.reverses {
                reversed_total = self.reversed(&wallet_of(&answer), number, transaction.seq).await?;
            }
        }
        Ok(build(&Told {
            shard: ticket.shard,
            wallet: &answer.wallet,
            transaction: answer.applied.transaction.as_ref(),
            effect: &effect,
            hold: answer.applied.hold.as_ref(),
            closed_grants: &closed_grants,
            reversed_total,
            replayed: answer.replayed,
            hash: answer.hash,
        }))
    }

    fn call<'a>(&self, caller: &'a Caller, settings: Option<&'a Settings>) -> Call<'a> {
        Call {
            caller,
            shards: self.shards,
            currency: settings.map_or("", |settings| &settings.reporting_currency),
        }
    }
}

fn prepared<M: Answered>(request: M, call: &Call<'_>) -> Result<Prepared, Status> {
    Ok(Prepared { asked: ask(request, call)?, tell: |told| M::result(M::answer(told)) })
}

/// The scope that an operation of a batch needs beside the batch's own: that of its rpc.
fn scope_beside_spending(operation: &Operation) -> Option<&'static str> {
    match operation {
        Operation::Grant(_) | Operation::RenewGrant(_) | Operation::RevokeGrant(_) => Some("wallet.grant"),
        Operation::Adjust(_) | Operation::WriteOff(_) | Operation::Reverse(_) => Some("wallet.admin"),
        Operation::Reserve(_)
        | Operation::ExtendHold(_)
        | Operation::Commit(_)
        | Operation::Release(_)
        | Operation::Deduct(_) => None,
    }
}

fn wallet_of(answer: &Answer) -> WalletRef {
    let wallet = &answer.wallet;
    WalletRef::new(wallet.tenant.as_str(), wallet.customer.as_str(), wallet.unit.as_str())
}
