//! What a batch writes, gathered by table, before either engine binds it.

use chit_types::{Shard, Timestamp, WalletId};

use super::lane::{GRANTS_IN_ROW, LOTS_IN_ROW, Pending, WalletWrite};
use crate::domain::wallet::Repayment;
use crate::domain::{Grant, Hold, HoldId, HoldState, Lot, Transaction, Wallet};

/// Which row of a per-wallet table.
#[derive(Clone, Copy, Debug)]
pub struct Of<T> {
    pub shard: Shard,
    pub wallet: WalletId,
    pub what: T,
}

/// A grant's row.
#[derive(Clone, Copy, Debug)]
pub struct GrantRow<'a> {
    pub grant: &'a Grant,
    pub overflow: bool,
}

/// Everything a batch writes.
#[derive(Debug, Default)]
pub struct RowsOut<'a> {
    pub new_wallets: Vec<&'a Wallet>,
    pub wallets: Vec<(&'a Wallet, bool)>,
    pub wallet_settings: Vec<&'a Wallet>,
    pub transactions: Vec<(Shard, &'a Transaction)>,
    pub new_holds: Vec<Of<&'a Hold>>,
    pub holds: Vec<Of<&'a Hold>>,
    pub holds_gone: Vec<Of<HoldId>>,
    pub grants: Vec<Of<GrantRow<'a>>>,
    pub lots: Vec<Of<Lot>>,
    pub lots_gone: Vec<Of<i64>>,
    pub repayments: Vec<Of<Repayment>>,
    pub reversals: Vec<Of<(i64, i64)>>,
    pub new_dues: Vec<Of<Timestamp>>,
    pub dues: Vec<Of<Timestamp>>,
    pub dues_gone: Vec<Of<()>>,
    pub pending: &'a [Pending],
}

impl<'a> RowsOut<'a> {
    /// Sorts what the wallets changed by table.
    pub fn gather(writes: &[WalletWrite<'a>], pending: &'a [Pending]) -> Self {
        let mut out = RowsOut { pending, ..RowsOut::default() };
        for write in writes {
            out.wallet(write);
            out.history(write);
            out.holds(write);
            out.overflow(write);
        }
        out
    }

    /// Nothing to write.
    pub fn is_empty(&self) -> bool {
        self.new_wallets.is_empty()
            && self.wallets.is_empty()
            && self.wallet_settings.is_empty()
            && self.pending.is_empty()
    }

    fn wallet(&mut self, write: &WalletWrite<'a>) {
        let wallet = &write.state.wallet;
        if write.is_new {
            self.new_wallets.push(wallet);
        } else {
            // A transaction changes the row; so does a lower bound of what is due that turned out too early.
            if !write.changes.transactions.is_empty() || write.due_before != wallet.next_due {
                self.wallets.push((wallet, write.terms_changed));
            }
            if write.settings_changed {
                self.wallet_settings.push(wallet);
            }
        }
        if write.due_before != wallet.next_due {
            match wallet.next_due {
                Some(due) if write.due_before.is_none() => self.new_dues.push(of(wallet, due)),
                Some(due) => self.dues.push(of(wallet, due)),
                None => self.dues_gone.push(of(wallet, ())),
            }
        }
    }

    fn history(&mut self, write: &WalletWrite<'a>) {
        let wallet = &write.state.wallet;
        self.transactions.extend(write.changes.transactions.iter().map(|one| (wallet.shard, one)));
        self.repayments.extend(write.changes.repayments.iter().map(|one| of(wallet, *one)));
        for (of_seq, reversals) in &write.changes.reversals {
            self.reversals.extend(reversals.iter().map(|seq| of(wallet, (*of_seq, *seq))));
        }
    }

    fn holds(&mut self, write: &WalletWrite<'a>) {
        let wallet = &write.state.wallet;
        let first = write.changes.transactions.first().map_or(i64::MAX, |one| one.seq);
        for id in &write.changes.holds {
            let hold = write.state.holds.get(id).filter(|hold| hold.state != HoldState::Closed);
            // Its id tells which transaction made it.
            let is_new = id.reserved_by() >= first;
            match hold {
                Some(hold) if is_new => self.new_holds.push(of(wallet, hold)),
                Some(hold) => self.holds.push(of(wallet, hold)),
                None if is_new => {}
                None => self.holds_gone.push(of(wallet, *id)),
            }
        }
    }

    /// Grants that opened or closed, and what a full row does not take.
    fn overflow(&mut self, write: &WalletWrite<'a>) {
        let wallet = &write.state.wallet;
        let beyond = wallet.grants.get(GRANTS_IN_ROW..).unwrap_or_default();
        let before = write.overflow_before.map_or(&[][..], |before| before.grants.as_slice());
        for id in &write.changes.grants {
            let open = wallet.grants.iter().find(|grant| grant.id == *id);
            if let Some(grant) = open.or_else(|| write.state.closed_grants.get(id)) {
                let overflow = beyond.iter().any(|grant| grant.id == *id);
                self.grants.push(of(wallet, GrantRow { grant, overflow }));
            }
        }
        let told = |id| write.changes.grants.contains(id);
        let was_beyond = before.get(GRANTS_IN_ROW..).unwrap_or_default();
        for grant in beyond.iter().filter(|grant| !told(&grant.id) && !was_beyond.contains(grant)) {
            self.grants.push(of(wallet, GrantRow { grant, overflow: true }));
        }
        // One that moved up into the row leaves a row that no longer counts.
        let in_row = &wallet.grants[..wallet.grants.len().min(GRANTS_IN_ROW)];
        for grant in in_row.iter().filter(|grant| !told(&grant.id)) {
            if was_beyond.iter().any(|before| before.id == grant.id) {
                self.grants.push(of(wallet, GrantRow { grant, overflow: false }));
            }
        }
        let lots = wallet.lots.get(LOTS_IN_ROW..).unwrap_or_default();
        let lots_before =
            write.overflow_before.and_then(|before| before.lots.get(LOTS_IN_ROW..)).unwrap_or_default();
        // Both are in order of their numbers, and a debtor may have thousands.
        let among =
            |lots: &[Lot], seq| lots.binary_search_by_key(&seq, |lot| lot.seq).ok().map(|at| lots[at]);
        self.lots.extend(
            lots.iter().filter(|lot| among(lots_before, lot.seq) != Some(**lot)).map(|lot| of(wallet, *lot)),
        );
        let gone = lots_before.iter().filter(|before| among(lots, before.seq).is_none());
        self.lots_gone.extend(gone.map(|lot| of(wallet, lot.seq)));
    }
}

fn of<T>(wallet: &Wallet, what: T) -> Of<T> {
    Of { shard: wallet.shard, wallet: wallet.id, what }
}

/// A wallet's grants and lots that go into its row.
pub fn in_row(wallet: &Wallet) -> (&[Grant], &[Lot]) {
    (
        &wallet.grants[..wallet.grants.len().min(GRANTS_IN_ROW)],
        &wallet.lots[..wallet.lots.len().min(LOTS_IN_ROW)],
    )
}
