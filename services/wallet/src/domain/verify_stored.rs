//! What a wallet's transactions tell, compared with its row, its grants, holds and lots, and the rows that link them.

use std::collections::{BTreeMap, BTreeSet};

use chit_types::{Account, Credits};

use super::grant::{Grant, GrantId, GrantState};
use super::hold::{Hold, HoldState};
use super::transaction::GrantTerms;
use super::verify::{Finding, GrantStory, HoldStory, Verifier};
use super::wallet::{Repayment, Wallet};

impl Verifier {
    /// Compares the rows that say which lot was repaid and which transaction was undone by which, all of them, in any
    /// order. A reversal is decided on them.
    pub fn compare_links(&mut self, repayments: &[Repayment], reversals: &[(i64, i64)]) {
        let (seq, repaid) = (self.seq, std::mem::take(&mut self.repayments));
        let stored: BTreeSet<_> = repayments.iter().copied().collect();
        for one in repaid.symmetric_difference(&stored) {
            self.seq = one.seq;
            let where_from = if stored.contains(one) { "stored" } else { "posted" };
            self.find("lot", format!("only {where_from}: a repayment {one:?}"));
        }
        let undone = std::mem::take(&mut self.reversals);
        let stored: BTreeSet<_> = reversals.iter().copied().collect();
        for (of, by) in undone.symmetric_difference(&stored) {
            self.seq = *by;
            let where_from = if stored.contains(&(*of, *by)) { "stored" } else { "posted" };
            self.find("reversal", format!("only {where_from}: it undoes transaction {of}"));
        }
        self.seq = seq;
    }

    /// Compares with what is stored: the wallet's row, rows of grants that are not in it, and holds, those that ran
    /// out where they are kept. Transactions after the row's head are a fault too.
    #[must_use]
    pub fn finish(mut self, wallet: &Wallet, closed_grants: &[Grant], holds: &[Hold]) -> Vec<Finding> {
        if self.seq != wallet.head {
            self.seq = wallet.head;
            self.find("sequence", format!("the wallet's last transaction is {}", wallet.head));
        }
        self.seq = 0;
        self.finish_row(wallet);
        self.finish_grants(wallet, closed_grants);
        self.finish_holds(holds);
        self.finish_lots(wallet);
        self.findings
    }

    fn finish_row(&mut self, wallet: &Wallet) {
        if self.hash != wallet.hash {
            let detail = format!("its hash is {}, its last transaction's {}", wallet.hash, self.hash);
            self.find("wallet", detail);
        }
        if self.at != wallet.last_at {
            let detail = format!("its last time is {}, its last transaction's {}", wallet.last_at, self.at);
            self.find("wallet", detail);
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
    }

    fn finish_grants(&mut self, wallet: &Wallet, closed: &[Grant]) {
        let all = closed.iter().chain(&wallet.grants);
        let mut stored: BTreeMap<GrantId, &Grant> = all.map(|g| (g.id, g)).collect();
        for (id, story) in std::mem::take(&mut self.grants) {
            match stored.remove(&id) {
                Some(grant) => {
                    if let Some(detail) = differs(grant, &story) {
                        self.find("grant", format!("{id:?}: {detail}"));
                    }
                }
                None => self.find("grant", format!("{id:?} has postings and is not stored")),
            }
        }
        for id in stored.into_keys() {
            self.find("grant", format!("{id:?} is stored and was never opened"));
        }
    }

    fn finish_holds(&mut self, holds: &[Hold]) {
        let mut stored: BTreeMap<_, _> = holds.iter().map(|h| (h.id, h)).collect();
        for (id, story) in std::mem::take(&mut self.holds) {
            match stored.remove(&id) {
                Some(hold) => {
                    if let Some(detail) = hold_differs(hold, &story) {
                        self.find("hold", format!("{id:?}: {detail}"));
                    }
                }
                // One that ran out is kept for late Commits, then forgotten.
                None if story.state == HoldState::Expired => {}
                None => self.find("hold", format!("{id:?} is open and not stored")),
            }
        }
        for id in stored.into_keys() {
            self.find("hold", format!("{id:?} is stored and was closed or never made"));
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

/// The first thing in which a stored grant is not what its transactions tell.
fn differs(grant: &Grant, story: &GrantStory) -> Option<String> {
    let sums = [
        ("rest", grant.rest, story.rest),
        ("held", grant.held, story.held),
        ("removed", grant.removed, story.removed),
    ];
    for (what, stored, told) in sums {
        if stored != told {
            return Some(format!("{what} is stored as {stored}, its postings say {told}"));
        }
    }
    if Some(terms_of(grant)) != story.terms || grant.opened_by != story.opened_by {
        return Some(format!("its terms are not those it was opened with: {grant:?}"));
    }
    let ends = (grant.renewed, grant.revoke_shortfall);
    if ends != (story.renewed, story.revoked) {
        return Some("its renewal or revocation is not as posted".to_owned());
    }
    let expected = match grant.state {
        GrantState::Scheduled => Some(Account::Scheduled),
        GrantState::Live => Some(Account::Available),
        GrantState::Frozen => Some(Account::Frozen),
        GrantState::Spent | GrantState::Expired | GrantState::Revoked => None,
    };
    let misplaced = grant.rest.is_positive() && expected != story.rest_in;
    if misplaced || (grant.state == GrantState::Revoked) != story.revoked.is_some() {
        return Some(format!("it is stored as {:?}", grant.state));
    }
    None
}

fn terms_of(grant: &Grant) -> GrantTerms {
    GrantTerms {
        id: grant.id,
        source: grant.source,
        amount: grant.amount,
        priority: grant.priority,
        effective_at: grant.effective_at,
        expires_at: grant.expires_at,
        event_types: grant.event_types.clone(),
        cost_basis: grant.cost_basis,
        owed_policy: grant.owed_policy,
        period_end: grant.period_end,
        rollover: grant.rollover,
        paid: grant.paid.clone(),
    }
}

/// The first thing in which a stored hold is not what its transactions tell.
fn hold_differs(hold: &Hold, story: &HoldStory) -> Option<String> {
    let sums = [
        ("amount", hold.amount, story.amount),
        ("borrowed", hold.borrowed, story.borrowed),
        ("committed", hold.committed, story.committed),
        ("uncharged", hold.uncharged, story.committed - story.charged),
    ];
    for (what, stored, told) in sums {
        if stored != told {
            return Some(format!("{what} is stored as {stored}, its postings say {told}"));
        }
    }
    let mut held: BTreeMap<GrantId, Credits> = BTreeMap::new();
    for draw in &hold.draws {
        *held.entry(draw.grant).or_default() += draw.held;
    }
    held.retain(|_, part| !part.is_zero());
    let told = story.held.iter().filter(|(_, part)| !part.is_zero());
    if !told.eq(held.iter()) {
        return Some(format!("it is stored with {held:?}, its postings say {:?}", story.held));
    }
    let terms = story.terms.map(|t| (t.expires_at, t.grace, t.created_at));
    if terms != Some((hold.expires_at, hold.grace, hold.created_at)) {
        return Some("its times are not those it was given".to_owned());
    }
    if hold.state != story.state || hold.parts != story.parts {
        return Some(format!("it is stored as {:?} with the parts {:?}", hold.state, hold.parts));
    }
    None
}
