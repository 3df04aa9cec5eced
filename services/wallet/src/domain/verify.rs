//! Verification: a wallet recomputed from its transactions alone, and compared with everything that is stored.

use std::collections::BTreeMap;

use chit_types::{Account, Credits, Hash, Timestamp};

use super::encoding;
use super::grant::{Grant, GrantId};
use super::hold::{Hold, HoldId, HoldState};
use super::transaction::{Posting, Transaction};
use super::wallet::Wallet;

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

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct GrantSums {
    rest: Credits,
    held: Credits,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct HoldSums {
    held: Credits,
    borrowed: Credits,
}

/// Takes a wallet's transactions in order, page by page, then compares.
pub struct Verifier {
    hash: Hash,
    seq: i64,
    at: Timestamp,
    sums: [Credits; 10],
    grants: BTreeMap<GrantId, GrantSums>,
    holds: BTreeMap<HoldId, HoldSums>,
    lots: BTreeMap<i64, Credits>,
    spent: BTreeMap<i64, Credits>,
    findings: Vec<Finding>,
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
            spent: BTreeMap::new(),
            findings: Vec::new(),
        }
    }

    fn find(&mut self, check: &'static str, detail: String) {
        self.findings.push(Finding {
            seq: self.seq,
            check,
            detail,
        });
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
        for posting in &t.postings {
            self.fold(posting);
        }
        self.check_balances(t);
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
                self.find(
                    "reversal",
                    format!("more of transaction {lot} is reversed than it spent"),
                );
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
        let target = self.grants.entry(p.to_grant.unwrap_or(id)).or_default();
        if is_rest(p.to) {
            target.rest += p.amount;
        }
        if p.to == Account::Held {
            target.held += p.amount;
        }
        let below = [id, p.to_grant.unwrap_or(id)].iter().any(|g| {
            self.grants
                .get(g)
                .is_some_and(|s| s.rest.is_negative() || s.held.is_negative())
        });
        if below {
            self.find(
                "grant",
                "a grant's rest or its part in holds is below zero".to_owned(),
            );
        }
    }

    fn fold_hold(&mut self, p: &Posting) {
        let Some(id) = p.hold else { return };
        let hold = self.holds.entry(id).or_default();
        let part = if p.grant.is_some() {
            &mut hold.held
        } else {
            &mut hold.borrowed
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
        let signed = if matches!(account, Account::Issued | Account::Owed) {
            -by
        } else {
            by
        };
        self.sums[usize::from(account.number())] += signed;
    }

    fn sum(&self, account: Account) -> Credits {
        self.sums[usize::from(account.number())]
    }

    fn check_balances(&mut self, t: &Transaction) {
        let stored = [
            (Account::Available, t.available),
            (Account::Held, t.held),
            (Account::Owed, t.owed),
        ];
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
        let assets = [
            Account::Available,
            Account::Scheduled,
            Account::Frozen,
            Account::Held,
        ];
        let right = assets.into_iter().map(|a| self.sum(a)).sum::<Credits>() - self.sum(Account::Owed);
        if left != right {
            self.find("equation", format!("{left} is not {right}"));
        }
        if Account::ALL.iter().any(|a| self.sum(*a).is_negative()) {
            self.find("balance", "an account is below zero".to_owned());
        }
    }

    /// Compares with what is stored: the wallet's row, rows of grants that are not in it, and holds. Transactions
    /// after the row's head are a fault too.
    #[must_use]
    pub fn finish(mut self, wallet: &Wallet, closed_grants: &[Grant], holds: &[Hold]) -> Vec<Finding> {
        self.seq = if self.seq == wallet.head { 0 } else { wallet.head };
        if self.seq != 0 {
            self.find(
                "sequence",
                format!("the wallet's last transaction is {}", wallet.head),
            );
        }
        self.seq = 0;
        if self.hash != wallet.hash {
            self.find(
                "wallet",
                format!(
                    "its hash is {}, its last transaction's {}",
                    wallet.hash, self.hash
                ),
            );
        }
        let stored = [
            (Account::Issued, wallet.granted),
            (Account::Available, wallet.available),
            (Account::Scheduled, wallet.scheduled),
            (Account::Frozen, wallet.frozen),
            (Account::Held, wallet.held),
            (Account::Owed, wallet.owed),
            (Account::Spent, wallet.spent),
            (Account::Expired, wallet.expired),
            (Account::Revoked, wallet.revoked),
        ];
        for (account, stored) in stored {
            let sum = self.sum(account);
            if sum != stored {
                self.find(
                    "wallet",
                    format!("{} is stored as {stored}, its postings say {sum}", account.word()),
                );
            }
        }
        self.finish_grants(wallet, closed_grants);
        self.finish_holds(holds);
        self.finish_lots(wallet);
        self.findings
    }

    fn finish_grants(&mut self, wallet: &Wallet, closed: &[Grant]) {
        let open = wallet.grants.iter();
        let mut stored: BTreeMap<_, _> = closed
            .iter()
            .chain(open)
            .map(|g| {
                (
                    g.id,
                    GrantSums {
                        rest: g.rest,
                        held: g.held,
                    },
                )
            })
            .collect();
        for (id, sums) in std::mem::take(&mut self.grants) {
            let found = stored.remove(&id).unwrap_or_default();
            if found != sums {
                self.find(
                    "grant",
                    format!("{id:?} is stored as {found:?}, its postings say {sums:?}"),
                );
            }
        }
        for (id, found) in stored {
            if found != GrantSums::default() {
                self.find("grant", format!("{id:?} has {found:?} and no postings"));
            }
        }
    }

    fn finish_holds(&mut self, holds: &[Hold]) {
        let open = holds.iter().filter(|h| h.state == HoldState::Open);
        let mut stored: BTreeMap<_, _> = open
            .map(|h| {
                (
                    h.id,
                    HoldSums {
                        held: h.held() - h.borrowed,
                        borrowed: h.borrowed,
                    },
                )
            })
            .collect();
        for (id, sums) in std::mem::take(&mut self.holds) {
            let found = stored.remove(&id).unwrap_or_default();
            if found != sums {
                self.find(
                    "hold",
                    format!("{id:?} is stored as {found:?}, its postings say {sums:?}"),
                );
            }
        }
        for (id, found) in stored {
            if found != HoldSums::default() {
                self.find("hold", format!("{id:?} has {found:?} and no postings"));
            }
        }
    }

    fn finish_lots(&mut self, wallet: &Wallet) {
        let stored: BTreeMap<_, _> = wallet.lots.iter().map(|l| (l.seq, l.rest)).collect();
        self.lots.retain(|_, rest| !rest.is_zero());
        if stored != self.lots {
            let detail = format!("lots are stored as {stored:?}, postings say {:?}", self.lots);
            self.find("lot", detail);
        }
    }
}
