//! The promise that an action may start: a priced estimate and a hold, settled once or in cumulative parts.

use chit_pricebook::Replica;
use chit_types::{Credits, Encoder, Fingerprint, IdKind, PublicId, Shard, Timestamp};
use serde::{Deserialize, Serialize};

use super::event::{Content, ProviderCost, signed};
use super::fact::{EventState, Fact, FactKind};
use super::micros;
use super::names::{Place, wallet_key};
use super::pending::{OnOverrun, Pending, WalletOp};
use super::price::{PriceStamp, costing, price, stamped_version};
use super::refusal::Refusal;

/// The wallet's reasons after which a settlement can never succeed: `HOLD_CLOSED`, `HOLD_NOT_FOUND`.
const ENDING_REASONS: [i32; 2] = [9, 8];

/// Where an authorization stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthorizationState {
    /// Stored; its Reserve is under way.
    #[default]
    Pending,
    /// The wallet said no; the same one may be sent again.
    Declined,
    /// Holding.
    Open,
    /// Holding, with parts charged.
    Partly,
    /// Settled for good.
    Settled,
    /// Given back.
    Voided,
    /// The hold ran out before anything was charged.
    Expired,
    /// The hold was ended elsewhere.
    Closed,
}

impl AuthorizationState {
    /// The word in SQL.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            AuthorizationState::Pending => "pending",
            AuthorizationState::Declined => "declined",
            AuthorizationState::Open => "open",
            AuthorizationState::Partly => "partly",
            AuthorizationState::Settled => "settled",
            AuthorizationState::Voided => "voided",
            AuthorizationState::Expired => "expired",
            AuthorizationState::Closed => "closed",
        }
    }

    /// The event's state as callers see it.
    #[must_use]
    pub const fn event_state(self) -> EventState {
        match self {
            AuthorizationState::Pending | AuthorizationState::Open => EventState::Authorized,
            AuthorizationState::Declined | AuthorizationState::Closed => EventState::Refused,
            AuthorizationState::Partly => EventState::PartlySettled,
            AuthorizationState::Settled => EventState::Settled,
            AuthorizationState::Voided => EventState::Voided,
            AuthorizationState::Expired => EventState::Expired,
        }
    }
}

/// What has been settled so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// The last part.
    pub part: i32,
    /// The quantity, where a part was settled.
    pub quantity_micros: u64,
    /// The tokens.
    pub tokens: [u64; 7],
    /// The price of these totals.
    #[serde(with = "micros")]
    pub price: Credits,
    /// Explicit credits, where said.
    #[serde(with = "micros::option")]
    pub credits: Option<Credits>,
    /// The provider's cost.
    pub cost: Option<ProviderCost>,
    /// A model was named whose cost is not known.
    pub uncosted: bool,
    /// What the wallet charged.
    #[serde(with = "micros")]
    pub charged: Credits,
}

/// An authorization as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// Where it lives.
    pub place: Place,
    /// Our id's UUID.
    pub uuid: [u8; 16],
    /// What was said, with the estimate.
    pub content: Content,
    /// Its state.
    pub state: AuthorizationState,
    /// When it was stored; price and reporting day of the event.
    #[serde(with = "micros")]
    pub created_at: Timestamp,
    /// The pinned price of the estimate; none with explicit credits.
    pub stamp: Option<PriceStamp>,
    /// The stored Reserve; none for use that is not charged.
    pub reserve: Option<WalletOp>,
    /// What it reserves.
    #[serde(with = "micros")]
    pub reserved: Credits,
    /// The wallet's hold; empty before it is known, and for use that is not charged.
    pub hold: String,
    /// When the hold runs out.
    #[serde(with = "micros")]
    pub expires_at: Timestamp,
    /// What has been settled.
    pub totals: Totals,
}

/// A settlement as the caller sent it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settle {
    /// 0 for the only one.
    pub part: i32,
    /// More follow.
    pub keep_open: bool,
    /// The quantity so far, where said.
    pub quantity_micros: Option<u64>,
    /// The tokens so far, where said.
    pub tokens: Option<[u64; 7]>,
    /// Explicit credits so far, where said.
    pub credits: Option<Credits>,
    /// The provider's cost so far, where said.
    pub provider_cost: Option<ProviderCost>,
    /// What to do with a total above the hold; no part of the content.
    pub on_overrun: OnOverrun,
}

/// What a stored settlement or void does to its authorization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settling {
    /// The state after it.
    pub state: AuthorizationState,
    /// The totals after it.
    pub totals: Totals,
    /// Whether a fact is recorded of it.
    pub is_recorded: bool,
}

impl Settling {
    /// After the wallet charged so much.
    #[must_use]
    pub fn charged(mut self, charged: Credits) -> Self {
        self.totals.charged += charged;
        self
    }

    /// After the wallet said that the hold was ended elsewhere.
    #[must_use]
    pub fn closed(mut self) -> Self {
        self.state = AuthorizationState::Closed;
        self
    }

    /// Whether a refusal for this reason ends the authorization.
    #[must_use]
    pub fn ends_with(&self, reason: i32) -> bool {
        ENDING_REASONS.contains(&reason)
    }
}

impl Settle {
    /// What the caller sent, without how to handle it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut encoder = Encoder::new();
        encoder
            .int(1, i64::from(self.part))
            .int(2, i64::from(self.keep_open))
            .int_if_set(3, self.quantity_micros.map(signed));
        for (number, tokens) in (4..).zip(self.tokens.unwrap_or_default()) {
            encoder.int_if_set(number, self.tokens.map(|_| signed(tokens)));
        }
        encoder.int_if_set(20, self.credits.map(Credits::micros));
        if let Some(cost) = &self.provider_cost {
            encoder.text(21, &cost.currency).int(22, cost.picos);
        }
        encoder.fingerprint()
    }
}

impl Authorization {
    /// The public id.
    #[must_use]
    pub fn id(&self) -> PublicId {
        PublicId { kind: IdKind::Authorization, shard: Shard(self.place.shard), uuid: self.uuid }
    }

    /// Decides a settlement that is not a repetition.
    pub fn settle(&self, settle: &Settle, replica: &Replica) -> Result<Pending, Refusal> {
        self.check_open()?;
        self.check_part(settle)?;
        let content = self.settled_content(settle);
        let pinned = self.stamp.as_ref().and_then(stamped_version);
        let price = price(replica, &content, self.created_at, pinned)?;
        let costing = costing(Some(replica), &content, self.created_at);
        let mut fact = Fact::first(&content, self.place, self.created_at, &costing);
        let before = &self.totals;
        let cost = self.cost_so_far(costing.cost.clone());
        fact.ordinal = i32::from(before.part == 0);
        fact.kind = if settle.keep_open { FactKind::Part } else { FactKind::Settled };
        fact.part = settle.part;
        fact.currency = cost.as_ref().map_or_else(String::new, |cost| cost.currency.clone());
        fact.sums.set_cost(picos(cost.as_ref()) - picos(before.cost.as_ref()));
        if before.part > 0 {
            fact.sums.events = 0;
            fact.sums.uncosted -= i64::from(before.uncosted);
            fact.sums.quantity_micros -= signed(before.quantity_micros);
            for (now, then) in fact.sums.tokens.iter_mut().zip(before.tokens) {
                *now -= signed(then);
            }
        }
        fact.body.price = price.stamp;
        fact.body.price_credits = Some(price.credits);
        fact.body.step_fingerprint = settle.fingerprint().to_string();
        fact.body.authorization = self.id().to_string();
        let settling = Settling {
            state: if settle.keep_open { AuthorizationState::Partly } else { AuthorizationState::Settled },
            totals: Totals {
                part: settle.part.max(before.part + 1),
                quantity_micros: content.quantity().micros(),
                tokens: content.tokens,
                price: price.credits,
                credits: content.credits,
                cost,
                uncosted: costing.is_missing,
                charged: before.charged,
            },
            is_recorded: true,
        };
        Ok(self.pending(format!("settle:{}", settle.part), fact, settle, price.credits, settling))
    }

    /// Decides a void: what parts have charged stays, and the event is then settled at its last totals.
    pub fn void(&self) -> Result<Pending, Refusal> {
        if self.state != AuthorizationState::Expired {
            self.check_open()?;
        }
        let has_parts = self.totals.part > 0;
        let mut fact = self.zero_fact();
        fact.body.step_fingerprint = "void".to_string();
        let state = if has_parts { AuthorizationState::Settled } else { AuthorizationState::Voided };
        let release = || WalletOp::Release { key: self.content.event_id.clone(), hold: self.hold.clone() };
        Ok(Pending {
            step: "void".to_string(),
            fact,
            operations: self.is_held().then(release).into_iter().collect(),
            settling: Some(Settling { state, totals: self.totals.clone(), is_recorded: has_parts }),
            would_cost: Credits::ZERO,
            stored_at: Timestamp::EPOCH,
        })
    }

    /// The settlement that closes an authorization whose hold ran out, at its last totals.
    #[must_use]
    pub fn closing(&self) -> Settle {
        Settle {
            part: self.totals.part + 1,
            keep_open: false,
            quantity_micros: Some(self.totals.quantity_micros),
            tokens: Some(self.totals.tokens),
            credits: self.totals.credits,
            provider_cost: self.totals.cost.clone(),
            // Parts that record have nothing left to charge; what parts left under CAP is not owed now.
            on_overrun: OnOverrun::Cap,
        }
    }

    fn pending(
        &self,
        step: String,
        fact: Fact,
        settle: &Settle,
        total: Credits,
        settling: Settling,
    ) -> Pending {
        let commit = || WalletOp::Commit {
            key: wallet_key(&self.content.event_id, &settle.part.to_string()),
            hold: self.hold.clone(),
            total,
            keep_open: settle.keep_open,
            mode: settle.on_overrun,
        };
        let is_charged = self.content.usage_class.is_charged();
        Pending {
            step,
            fact,
            operations: is_charged.then(commit).into_iter().collect(),
            settling: Some(settling),
            would_cost: if is_charged { Credits::ZERO } else { total - self.totals.price },
            stored_at: Timestamp::EPOCH,
        }
    }

    fn is_held(&self) -> bool {
        !self.hold.is_empty()
    }

    fn check_open(&self) -> Result<(), Refusal> {
        match self.state {
            AuthorizationState::Open | AuthorizationState::Partly | AuthorizationState::Expired => Ok(()),
            AuthorizationState::Pending
            | AuthorizationState::Declined
            | AuthorizationState::Settled
            | AuthorizationState::Voided
            | AuthorizationState::Closed => Err(self.closed()),
        }
    }

    /// The refusal of what comes too late.
    #[must_use]
    pub fn closed(&self) -> Refusal {
        Refusal::AuthorizationClosed {
            authorization: self.id().to_string(),
            state: self.state.word().to_string(),
        }
    }

    fn check_part(&self, settle: &Settle) -> Result<(), Refusal> {
        let expected = self.totals.part + 1;
        if settle.part == expected || (settle.part == 0 && expected == 1) {
            return Ok(());
        }
        Err(Refusal::PartOutOfOrder { part: settle.part, expected })
    }

    /// The totals so far as content, so that they are priced like any event.
    fn settled_content(&self, settle: &Settle) -> Content {
        let mut content = self.content.clone();
        content.provider_cost.clone_from(&settle.provider_cost);
        if settle.quantity_micros.is_none() && settle.tokens.is_none() && settle.credits.is_none() {
            return content;
        }
        content.quantity_micros = settle.quantity_micros.or(content.quantity_micros);
        content.tokens = settle.tokens.unwrap_or_default();
        content.credits = settle.credits.or(content.credits);
        content
    }

    /// A cost once counted in one currency is never counted again in another.
    fn cost_so_far(&self, cost: Option<ProviderCost>) -> Option<ProviderCost> {
        match (&self.totals.cost, cost) {
            (Some(before), Some(cost)) if before.currency == cost.currency => Some(cost),
            (Some(before), _) => Some(before.clone()),
            (None, cost) => cost,
        }
    }

    fn zero_fact(&self) -> Fact {
        let mut content = self.content.clone();
        content.quantity_micros = Some(self.totals.quantity_micros);
        content.tokens = self.totals.tokens;
        content.credits = self.totals.credits;
        let mut fact = Fact::first(&content, self.place, self.created_at, &super::price::Costing::default());
        fact.ordinal = 0;
        fact.sums = super::sums::Sums::default();
        fact.currency = self.totals.cost.as_ref().map_or_else(String::new, |cost| cost.currency.clone());
        fact.body.price_credits = Some(self.totals.price);
        fact.body.price.clone_from(&self.stamp);
        fact.body.authorization = self.id().to_string();
        fact
    }
}

fn picos(cost: Option<&ProviderCost>) -> i64 {
    cost.map_or(0, |cost| cost.picos)
}
