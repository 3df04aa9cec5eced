//! Wallets and lists: what is asked, what was found, where a list goes on.

use std::collections::HashMap;

use chit_api::wallet::v1 as proto;
use chit_rpc::{Caller, PageTokens, Violations};
use chit_types::{Shard, WalletId, shard_of};
use futures_util::{StreamExt, TryStreamExt, stream};
use tonic::Status;

use super::convert::{Page, grant_to_proto, hold_to_proto, wallet_from_proto, wallet_to_proto};
use super::desk::Edge;
use super::status::read_fault_to_status;
use crate::domain::{Grant, GrantId, Hold, HoldId, Wallet};
use crate::engine::{ClosedGrants, ReadFault, WalletRef};

/// Transactions looked up at once for what grants say of themselves.
const LOOK_UPS: usize = 8;

impl Edge {
    /// A wallet, now or as of a past time.
    pub async fn get_wallet(
        &self,
        caller: &Caller,
        request: proto::GetWalletRequest,
    ) -> Result<proto::GetWalletResponse, Status> {
        let mut faults = Violations::new();
        let wallet = wallet_from_proto(&mut faults, caller, request.customer_id, request.unit);
        let as_of = faults.optional_timestamp("as_of", request.as_of.as_ref());
        if as_of.is_some_and(|at| at > self.clock.now()) {
            faults.field("as_of", "is ahead of the present");
        }
        faults.optional_key("event_type", &request.event_type);
        faults.finish()?;
        let found = match as_of {
            Some(at) => self.reader.wallet_as_of(&wallet, at).await,
            None => self.reader.wallet(&wallet).await,
        };
        let found = found.map_err(|fault| self.failed(&fault))?;
        let mut told = wallet_to_proto(&found.wallet, &request.event_type);
        if as_of.is_some() {
            leave_out_what_only_the_present_knows(&mut told);
        }
        Ok(proto::GetWalletResponse { wallet: Some(told) })
    }

    /// A page of the tenant's wallets.
    pub async fn list_wallets(
        &self,
        caller: &Caller,
        request: &proto::ListWalletsRequest,
    ) -> Result<proto::ListWalletsResponse, Status> {
        let mut faults = Violations::new();
        let size = faults.page_size("page_size", request.page_size);
        faults.finish()?;
        let tokens = PageTokens::new("ListWallets", &caller.tenant, &[]);
        let page = Page::open(size, &request.page_token, tokens)?;
        let after = page.after::<18>()?.map(read_place);
        let found = self.reader.wallets(&caller.tenant, after, page.wanted()).await;
        let mut wallets = found.map_err(|fault| self.failed(&fault))?;
        Ok(proto::ListWalletsResponse {
            next_page_token: page.close(&mut wallets, place_of),
            wallets: wallets.iter().map(|wallet| wallet_to_proto(wallet, "")).collect(),
        })
    }

    /// A page of a wallet's grants.
    pub async fn list_grants(
        &self,
        caller: &Caller,
        request: proto::ListGrantsRequest,
    ) -> Result<proto::ListGrantsResponse, Status> {
        let mut faults = Violations::new();
        let wallet = wallet_from_proto(&mut faults, caller, request.customer_id, request.unit);
        let size = faults.page_size("page_size", request.page_size);
        faults.finish()?;
        let (closed, filter) =
            if request.open_only { (ClosedGrants::LeaveOut, "open") } else { (ClosedGrants::Include, "all") };
        let tokens = PageTokens::new("ListGrants", &caller.tenant, &[&wallet.customer, &wallet.unit, filter]);
        let page = Page::open(size, &request.page_token, tokens)?;
        let after = page.after()?.map(GrantId);
        let found = self.reader.grants(&wallet, closed, after, page.size as u64).await;
        let found = found.map_err(|fault| self.failed(&fault))?;
        let references = self.references(&wallet, &found.grants).await?;
        let shard = self.shard(&wallet);
        let told = |grant: &Grant| {
            let reference = references.get(&grant.opened_by);
            grant_to_proto(shard, grant, reference.map_or("", String::as_str))
        };
        Ok(proto::ListGrantsResponse {
            grants: found.grants.iter().map(told).collect(),
            next_page_token: found.next.map(|last| page.token(&last.0)).unwrap_or_default(),
        })
    }

    /// The references that callers gave where they opened these grants, by transaction.
    async fn references(&self, wallet: &WalletRef, grants: &[Grant]) -> Result<HashMap<i64, String>, Status> {
        let mut numbers: Vec<i64> = grants.iter().map(|grant| grant.opened_by).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let found = stream::iter(numbers)
            .map(|number| self.reader.transaction(wallet, number))
            .buffered(LOOK_UPS)
            .try_collect::<Vec<_>>();
        let found = found.await.map_err(|fault| self.failed(&fault))?;
        let told = found.into_iter().flatten();
        let reference = told.filter_map(|one| Some((one.seq, one.text?.reference)));
        Ok(reference.collect())
    }

    /// A page of a wallet's open holds.
    pub async fn list_holds(
        &self,
        caller: &Caller,
        request: proto::ListHoldsRequest,
    ) -> Result<proto::ListHoldsResponse, Status> {
        let mut faults = Violations::new();
        let wallet = wallet_from_proto(&mut faults, caller, request.customer_id, request.unit);
        let size = faults.page_size("page_size", request.page_size);
        faults.finish()?;
        let tokens = PageTokens::new("ListHolds", &caller.tenant, &[&wallet.customer, &wallet.unit]);
        let page = Page::open(size, &request.page_token, tokens)?;
        let after = page.after()?.map(HoldId);
        let found = self.reader.holds(&wallet, after, page.wanted()).await;
        let mut holds = found.map_err(|fault| self.failed(&fault))?;
        let shard = self.shard(&wallet);
        Ok(proto::ListHoldsResponse {
            next_page_token: page.close(&mut holds, |hold: &Hold| hold.id.0.to_vec()),
            holds: holds.iter().map(|hold| hold_to_proto(shard, hold)).collect(),
        })
    }

    /// The status of a read that failed.
    pub fn failed(&self, fault: &ReadFault) -> Status {
        read_fault_to_status(fault, self.clock.now())
    }

    /// Where a wallet lives.
    pub fn shard(&self, wallet: &WalletRef) -> Shard {
        shard_of(&wallet.tenant, &wallet.customer, self.shards)
    }

    /// Grants, open or closed.
    pub async fn grants_by_id(&self, wallet: &WalletRef, ids: &[GrantId]) -> Result<Vec<Grant>, Status> {
        let looked_up = stream::iter(ids.to_vec())
            .map(|id| self.reader.grant(wallet, id))
            .buffered(LOOK_UPS)
            .try_collect::<Vec<_>>();
        let found: Result<Vec<_>, ReadFault> = looked_up.await;
        let found = found.map_err(|fault| self.failed(&fault))?;
        Ok(found.into_iter().flatten().collect())
    }
}

/// Grants are known as they are now, not as they were.
fn leave_out_what_only_the_present_knows(wallet: &mut proto::Wallet) {
    wallet.totals = None;
    if let Some(balance) = &mut wallet.balance {
        balance.spendable = None;
        balance.next_expiry = None;
        balance.scheduled = None;
        balance.frozen = None;
    }
}

/// The place of a wallet among the tenant's: shard, then id.
fn place_of(wallet: &Wallet) -> Vec<u8> {
    [&wallet.shard.0.to_be_bytes()[..], &wallet.id.0[..]].concat()
}

fn read_place(bytes: [u8; 18]) -> (Shard, WalletId) {
    let mut id = [0; 16];
    id.copy_from_slice(&bytes[2..]);
    (Shard(u16::from_be_bytes([bytes[0], bytes[1]])), WalletId(id))
}
