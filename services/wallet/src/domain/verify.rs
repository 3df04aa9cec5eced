//! Verification: a wallet recomputed from its transactions alone. `verify_stored` compares the result with everything
//! that is stored.

use std::collections::{BTreeMap, BTreeSet};

use chit_types::{Account, Credits, Hash, Timestamp, TransactionKind};

use super::encoding;
use super::grant::GrantId;
use super::hold::{HoldId, HoldState};
use super::operation::RevokeShortfall;
use super::transaction::{GrantTerms, HoldTerms, Posting, Transaction};
use super::wallet::{Repayment, Wallet};

/// Something wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The transaction it was found at; 0 where it concerns the wallet.
    pub seq: i64,
    /// What was compared: `hash`, `sequence`, `balance`, `equation`, `grant`, `hold`, `lot`, `wallet`, `reversal`.
    pub check: &'static str,
    /// What was stored and what was recomputed.
    pub detail: String,
}

/// A grant as its transactions tell it.
#[derive(Clone, Debug, Default)]
pub(super) struct GrantStory {
    pub rest: Credits,
    pub held: Credits,
    pub removed: Credits,
    pub rest_in: Option<Account>,
    pub terms: Option<GrantTerms>,
    pub opened_by: i64,
    pub renewed: bool,
    pub revoked: Option<RevokeShortfall>,
}

/// A hold as its transactions tell it, until it is closed.
#[derive(Clone, Debug)]
pub(super) struct HoldStory {
    pub state: HoldState,
    pub held: BTreeMap<GrantId, Credits>,
    pub borrowed: Credits,
    pub amount: Credits,
    pub committed: Credits,
    pub charged: Credits,
    pub terms: Option<HoldTerms>,
    pub parts: Vec<i64>,
}

/// Takes a wallet's transactions in order, page by page, then compares.
pub struct Verifier {
    pub(super) hash: Hash,
    pub(super) seq: i64,
    pub(super) at: Timestamp,
    sums: [Credits; 10],
    pub(super) grants: BTreeMap<GrantId, GrantStory>,
    pub(super) holds: BTreeMap<HoldId, HoldStory>,
    pub(super) lots: BTreeMap<i64, Credits>,
    pub(super) repayments: BTreeSet<Repayment>,
    pub(super) reversals: BTreeSet<(i64, i64)>,
    spent: BTreeMap<i64, Credits>,
    pub(super) findings: Vec<Finding>,
}

impl Verifier {
    /// For the wallet with this id.
    #[must_use]
    pub fn new(wallet: &Wallet) -> Self {
        Self {
            hash: Hash::of(&[&wallet.id.0]),
            seq: 0,
            at: Timestamp::EPOCH,
            sums: [Credits::ZERO; 10],
            grants: BTreeMap::new(),
            holds: BTreeMap::new(),
            lots: BTreeMap::new(),
            repayments: BTreeSet::new(),
            reversals: BTreeSet::new(),
            spent: BTreeMap::new(),
            findings: Vec::new(),
        }
    }

    pub(super) fn find(&mut self, check: &'static str, detail: String) {
        self.findings.push(Finding { seq: self.seq, check, detail });
    }

    /// The next transaction.
    pub fn take(&mut self, t: &Transaction) {
        let expected = self.seq + 1;
        self.seq = t.seq;
        if t.seq != expected {
            self.find("sequence", format!("number {} follows {}", t.seq, expected - 1));
        }
        if t.at < self.at {
            self.find("sequence", format!("dated {}, before the one before it", t.at));
        }
        self.at = t.at;
        let hash = encoding::hash(&self.hash, t);
        if hash != t.hash {
            self.find("hash", format!("stored {}, recomputed {hash}", t.hash));
        }
        self.hash = t.hash;
        if let Some(text) = &t.text
            && Some(encoding::text_hash(text)) != t.text_hash
        {
            self.find("hash", "the text differs from its hash".to_owned());
        }
        self.open(t);
        for (posting, ordinal) in t.postings.iter().zip(1..) {
            self.fold(posting);
            self.link(posting, ordinal);
        }
        self.close(t);
        self.check_balances(t);
    }

    /// What a transaction fixes of grants and holds, before its postings.
    fn open(&mut self, t: &Transaction) {
        for terms in &t.grants {
            let story = GrantStory { terms: Some(terms.clone()), opened_by: t.seq, ..GrantStory::default() };
            if self.grants.insert(terms.id, story).is_some() {
                self.find("grant", format!("{:?} is opened twice", terms.id));
            }
        }
        if let Some(grant) = t.grant.and_then(|id| self.grants.get_mut(&id)) {
            grant.renewed |= t.kind == TransactionKind::Renew;
            grant.revoked = grant.revoked.or(t.shortfall);
        }
        let (Some(id), Some(terms)) = (t.hold, t.hold_terms) else {
            return;
        };
        let hold = self.holds.entry(id).or_insert_with(|| HoldStory {
            state: HoldState::Open,
            held: BTreeMap::new(),
            borrowed: Credits::ZERO,
            amount: Credits::ZERO,
            committed: Credits::ZERO,
            charged: Credits::ZERO,
            terms: None,
            parts: Vec::new(),
        });
        hold.amount += t.amount;
        hold.terms = Some(terms);
    }

    /// What a transaction did to its hold, after its postings.
    fn close(&mut self, t: &Transaction) {
        let Some(hold) = t.hold.and_then(|id| self.holds.get_mut(&id)) else {
            return;
        };
        if t.kind == TransactionKind::Commit {
            hold.committed = t.committed.unwrap_or_default();
            hold.parts.push(t.seq);
        }
        if !t.closed_hold {
            return;
        }
        hold.held.retain(|_, held| !held.is_zero());
        let left = !hold.held.is_empty() || !hold.borrowed.is_zero();
        if t.kind == TransactionKind::ExpireHold {
            hold.state = HoldState::Expired;
        } else if let Some(id) = t.hold {
            self.holds.remove(&id);
        }
        if left {
            self.find("hold", "a hold was closed with something left in it".to_owned());
        }
    }

    /// Which lot a posting repaid, which transaction it undid.
    fn link(&mut self, p: &Posting, ordinal: u32) {
        let Some(of) = p.owed_seq else { return };
        match (p.from, p.to) {
            (Account::Available | Account::Issued, Account::Owed) => {
                self.repayments.insert(Repayment {
                    owed_seq: of,
                    seq: self.seq,
                    ordinal,
                    grant: p.grant,
                    amount: p.amount,
                });
            }
            (Account::Spent, _) => {
                self.reversals.insert((of, self.seq));
            }
            _ => {}
        }
    }

    fn fold(&mut self, p: &Posting) {
        if !p.amount.is_positive() {
            self.find("balance", format!("a posting of {}", p.amount));
        }
        self.shift(p.from, -p.amount);
        self.shift(p.to, p.amount);
        self.fold_grant(p);
        self.fold_hold(p);
        let lot = p.owed_seq.unwrap_or_default();
        match (p.from, p.to, p.owed_seq) {
            // The borrowed part of a hold becomes a lot when it is committed.
            (Account::Owed, _, Some(_)) | (Account::Held, Account::Spent, Some(_)) => {
                *self.lots.entry(lot).or_default() += p.amount;
            }
            (_, Account::Owed, Some(_)) => *self.lots.entry(lot).or_default() -= p.amount,
            _ => {}
        }
        if p.to == Account::Spent {
            *self.spent.entry(self.seq).or_default() += p.amount;
        }
        if p.from == Account::Spent {
            let rest = self.spent.entry(lot).or_default();
            *rest -= p.amount;
            if rest.is_negative() {
                self.find("reversal", format!("more of transaction {lot} is reversed than it spent"));
            }
        }
    }

    fn fold_grant(&mut self, p: &Posting) {
        let Some(id) = p.grant else { return };
        let is_rest = |a: Account| matches!(a, Account::Available | Account::Scheduled | Account::Frozen);
        let source = self.grants.entry(id).or_default();
        if is_rest(p.from) {
            source.rest -= p.amount;
        }
        if p.from == Account::Held {
            source.held -= p.amount;
        }
        let ends = matches!(p.to, Account::Expired | Account::Revoked) && p.from != Account::Owed;
        if ends || (is_rest(p.from) && p.to_grant.is_some()) {
            source.removed += p.amount;
        }
        let mut below = source.rest.is_negative() || source.held.is_negative();
        let target = self.grants.entry(p.to_grant.unwrap_or(id)).or_default();
        if is_rest(p.to) {
            target.rest += p.amount;
            target.rest_in = Some(p.to);
        }
        if p.to == Account::Held {
            target.held += p.amount;
        }
        below |= target.rest.is_negative() || target.held.is_negative();
        if below {
            self.find("grant", "a grant's rest or its part in holds is below zero".to_owned());
        }
    }

    fn fold_hold(&mut self, p: &Posting) {
        let moves = p.from == Account::Held || p.to == Account::Held;
        let Some(hold) = p.hold.and_then(|id| self.holds.get_mut(&id)) else {
            if moves {
                self.find("hold", "a posting of a hold that is not open".to_owned());
            }
            return;
        };
        if p.to == Account::Spent {
            hold.charged += p.amount;
        }
        let part = match p.grant {
            Some(grant) => hold.held.entry(grant).or_default(),
            None => &mut hold.borrowed,
        };
        if p.from == Account::Held {
            *part -= p.amount;
        }
        if p.to == Account::Held {
            *part += p.amount;
        }
        if part.is_negative() {
            self.find("hold", "a hold gave more than it held".to_owned());
        }
    }

    fn shift(&mut self, account: Account, by: Credits) {
        let signed = if matches!(account, Account::Issued | Account::Owed) { -by } else { by };
        self.sums[usize::from(account.number())] += signed;
    }

    pub(super) fn sum(&self, account: Account) -> Credits {
        self.sums[usize::from(account.number())]
    }

    fn check_balances(&mut self, t: &Transaction) {
        let stored = [(Account::Available, t.available), (Account::Held, t.held), (Account::Owed, t.owed)];
        for (account, stored) in stored {
            let sum = self.sum(account);
            if sum != stored {
                self.find(
                    "balance",
                    format!("{} is stored as {stored}, its postings say {sum}", account.word()),
                );
            }
        }
        let left = self.sum(Account::Issued)
            - self.sum(Account::Spent)
            - self.sum(Account::Expired)
            - self.sum(Account::Revoked);
        let assets = [Account::Available, Account::Scheduled, Account::Frozen, Account::Held];
        let right = assets.into_iter().map(|a| self.sum(a)).sum::<Credits>() - self.sum(Account::Owed);
        if left != right {
            self.find("equation", format!("{left} is not {right}"));
        }
        if Account::ALL.iter().any(|a| self.sum(*a).is_negative()) {
            self.find("balance", "an account is below zero".to_owned());
        }
    }
}
