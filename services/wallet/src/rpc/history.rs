//! A wallet's history: the ledger itself, the owner's view of it, why, and whether it is right.

use std::sync::Arc;

use chit_api::types::v1::ErrorReason;
use chit_api::wallet::v1 as proto;
use chit_rpc::{Caller, Drain, PageTokens, Violations, credits_to_proto, refuse};
use chit_types::{Credits, Timestamp, limits};
use futures_util::stream;
use tonic::Status;

use super::answers::share_to_proto;
use super::convert::{
    Page, finding_to_proto, line_to_proto, transaction_to_proto, verified_to_proto, wallet_from_proto,
};
use super::desk::Edge;
use super::ongoing::{Answers, Ongoing, answers};
use crate::domain::{GrantId, Transaction, explain, statement};
use crate::engine::{Span, Verification, WalletRef};

/// Transactions that one call for a statement looks through at most: of a wallet with nothing but holds, a page may be
/// short, or empty, and still go on.
const SCAN_MOST: usize = 10 * limits::PAGE_SIZE_MAX;
/// Wallets verified for one message.
const VERIFIED_AT_ONCE: u64 = 100;

impl Edge {
    /// A page of a wallet's transactions.
    pub async fn list_transactions(
        &self,
        caller: &Caller,
        request: proto::ListTransactionsRequest,
    ) -> Result<proto::ListTransactionsResponse, Status> {
        let mut faults = Violations::new();
        let wallet = wallet_from_proto(&mut faults, caller, request.customer_id, request.unit);
        let first = faults.count("after", request.after);
        let size = faults.page_size("page_size", request.page_size);
        faults.finish()?;
        let filter = [wallet.customer.as_str(), wallet.unit.as_str(), &first.to_string()];
        let tokens = PageTokens::new("ListTransactions", &caller.tenant, &filter);
        let page = Page::open(size, &request.page_token, tokens)?;
        let after = page.after()?.map_or(first, i64::from_be_bytes);
        let found = self.reader.transactions(&wallet, after, page.wanted()).await;
        let mut found = found.map_err(|fault| self.failed(&fault))?;
        let shard = self.shard(&wallet);
        Ok(proto::ListTransactionsResponse {
            next_page_token: page.close(&mut found, |last: &Transaction| last.seq.to_be_bytes().to_vec()),
            transactions: found.iter().map(|one| transaction_to_proto(shard, one)).collect(),
        })
    }

    /// A page of the owner's view.
    pub async fn get_statement(
        &self,
        caller: &Caller,
        request: proto::GetStatementRequest,
    ) -> Result<proto::GetStatementResponse, Status> {
        let mut faults = Violations::new();
        let wallet = wallet_from_proto(&mut faults, caller, request.customer_id, request.unit);
        let from = faults.optional_timestamp("from", request.from.as_ref());
        let until = faults.optional_timestamp("until", request.until.as_ref());
        if from.is_some() && until.is_some() && until <= from {
            faults.field("until", "is not after from");
        }
        let size = faults.page_size("page_size", request.page_size);
        faults.finish()?;
        let shown = |at: Option<Timestamp>| at.map_or_else(String::new, |at| at.micros().to_string());
        let filter = [wallet.customer.as_str(), wallet.unit.as_str(), &shown(from), &shown(until)];
        let tokens = PageTokens::new("GetStatement", &caller.tenant, &filter);
        let page = Page::open(size, &request.page_token, tokens)?;
        let before = page.after()?.map(i64::from_be_bytes);
        let (lines, next) = self.lines(&wallet, Span { before, from, until }, page.size).await?;
        Ok(proto::GetStatementResponse {
            lines,
            next_page_token: next.map(|last| page.token(&last.to_be_bytes())).unwrap_or_default(),
        })
    }

    /// Lines, newest first, and the last number looked at if there may be more.
    async fn lines(
        &self,
        wallet: &WalletRef,
        mut span: Span,
        size: usize,
    ) -> Result<(Vec<proto::StatementLine>, Option<i64>), Status> {
        let mut lines = Vec::with_capacity(size.min(limits::PAGE_SIZE_DEFAULT));
        let mut looked_at = 0;
        loop {
            let wanted = size.max(limits::PAGE_SIZE_DEFAULT);
            let found = self.reader.newest(wallet, span, wanted as u64).await;
            let found = found.map_err(|fault| self.failed(&fault))?;
            for transaction in &found {
                if lines.len() == size || looked_at == SCAN_MOST {
                    return Ok((lines, span.before));
                }
                span.before = Some(transaction.seq);
                looked_at += 1;
                if statement::is_line(transaction) {
                    lines.push(line_to_proto(transaction));
                }
            }
            if found.len() < wanted {
                return Ok((lines, None));
            }
        }
    }

    /// Why a transaction did what it did.
    pub async fn explain_transaction(
        &self,
        caller: &Caller,
        request: proto::ExplainTransactionRequest,
    ) -> Result<proto::ExplainTransactionResponse, Status> {
        let mut faults = Violations::new();
        let wallet = wallet_from_proto(&mut faults, caller, request.customer_id, request.unit);
        let number = request.transaction;
        if number < 1 {
            faults.field("transaction", "is not the number of a transaction: 1 or more");
        }
        faults.finish()?;
        let found = self.reader.transaction(&wallet, number).await;
        let transaction =
            found.map_err(|fault| self.failed(&fault))?.ok_or_else(|| no_transaction(number))?;
        let effect = explain::effect(&transaction);
        let named = effect.draws.iter().chain(&effect.returns).map(|(id, _)| *id);
        let grants = self.grants_by_id(&wallet, &named.collect::<Vec<_>>()).await?;
        let shard = self.shard(&wallet);
        let shares = |shares: &[(GrantId, Credits)]| {
            let told = shares.iter().map(|(id, amount)| {
                let grant = grants.iter().find(|grant| grant.id == *id);
                share_to_proto(shard, *id, *amount, grant)
            });
            told.collect()
        };
        let reversed_since = self.reversed(&wallet, number, i64::MAX).await?;
        Ok(proto::ExplainTransactionResponse {
            sentence: explain::sentence(&transaction),
            draws: shares(&effect.draws),
            returns: shares(&effect.returns),
            owed_added: Some(credits_to_proto(effect.owed_added)),
            repaid: Some(credits_to_proto(effect.repaid)),
            reversed_since: Some(credits_to_proto(reversed_since)),
            transaction: Some(transaction_to_proto(shard, &transaction)),
        })
    }

    /// What reversals of a transaction, up to one of them, undid.
    pub async fn reversed(&self, wallet: &WalletRef, number: i64, up_to: i64) -> Result<Credits, Status> {
        let reversals = self.reader.reversals(wallet, number).await;
        let reversals = reversals.map_err(|fault| self.failed(&fault))?;
        let counted = reversals.iter().filter(|reversal| reversal.seq <= up_to);
        Ok(counted.map(|reversal| explain::effect(reversal).unspent).sum())
    }

    /// Verdicts, a page of wallets each.
    pub fn verify_ledger(
        self: Arc<Self>,
        caller: Caller,
        drain: Drain,
        request: proto::VerifyLedgerRequest,
    ) -> Result<Answers<proto::VerifyLedgerResponse>, Status> {
        if request.customer_id.is_empty() {
            let all = Verifying {
                edge: self,
                caller,
                drain,
                told: proto::VerifyLedgerResponse::default(),
                after: None,
            };
            return Ok(answers(all));
        }
        let mut faults = Violations::new();
        let wallet = wallet_from_proto(&mut faults, &caller, request.customer_id, request.unit);
        faults.finish()?;
        Ok(Box::pin(stream::once(async move {
            let one = self.reader.verify(&wallet).await;
            let one = one.map_err(|fault| self.failed(&fault))?;
            let mut told = proto::VerifyLedgerResponse::default();
            add(&mut told, vec![one]);
            Ok(told)
        })))
    }
}

/// A verification of all of a tenant's wallets under way.
struct Verifying {
    edge: Arc<Edge>,
    caller: Caller,
    drain: Drain,
    told: proto::VerifyLedgerResponse,
    after: Option<(chit_types::Shard, chit_types::WalletId)>,
}

impl Ongoing for Verifying {
    type Told = proto::VerifyLedgerResponse;

    async fn next(&mut self) -> Result<Option<proto::VerifyLedgerResponse>, Status> {
        // A verdict cut short must not look like one that is complete.
        if self.drain.is_draining() {
            return Err(
                refuse(ErrorReason::Draining, "the server is stopping; verify again elsewhere").status()
            );
        }
        let page = self.edge.reader.verify_page(&self.caller.tenant, self.after, VERIFIED_AT_ONCE).await;
        let page = page.map_err(|fault| self.edge.failed(&fault))?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        self.after = Some((last.wallet.shard, last.wallet.id));
        add(&mut self.told, page);
        Ok(Some(self.told.clone()))
    }
}

/// Replaces the page told before; the counts go on.
fn add(told: &mut proto::VerifyLedgerResponse, page: Vec<Verification>) {
    told.wallets += i64::try_from(page.len()).unwrap_or(i64::MAX);
    told.transactions += page.iter().map(|one| one.wallet.head).sum::<i64>();
    told.verified = page.iter().map(|one| verified_to_proto(&one.wallet)).collect();
    told.findings = page
        .into_iter()
        .flat_map(|Verification { wallet, findings }| {
            let told = findings.into_iter().map(|finding| finding_to_proto(&wallet, finding));
            told.collect::<Vec<_>>()
        })
        .collect();
}

fn no_transaction(number: i64) -> Status {
    refuse(ErrorReason::TransactionNotFound, format!("there is no transaction {number} in this wallet"))
        .fact("transaction", number)
        .status()
}
