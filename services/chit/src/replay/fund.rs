//! Funding a replay: every customer's grants, made before the first event and found again by their reference.
//! Their effective time is the run's base time, so that a repeated run says the same of every event.

use anyhow::Context;
use chit_api::types::v1::ErrorReason;
use chit_api::wallet::v1::operation::Operation as Kind;
use chit_api::wallet::v1::operation_result::Result as Answer;
use chit_api::wallet::v1::{
    BatchApplyRequest, GrantRequest, GrantSource, ListGrantsRequest, Operation, OperationDetails,
};
use chit_rpc::{Money, Refused, credits_to_proto, money_to_proto, timestamp_from_proto, timestamp_to_proto};
use chit_types::{Credits, Timestamp};
use tonic::Status;

use crate::client::Wallet;
use crate::replay::args::Funds;
use crate::replay::assign::{CUSTOMERS, RunName};
use crate::replay::patience::{Patience, may_pass};

/// The largest page of a list.
const PAGE_SIZE: i32 = 1_000;
/// Grants of one call; at most 1,000 operations are taken.
const BATCH: usize = 500;
/// What a credit is sold for, in billionths of a US dollar: one cent.
const CREDIT_PRICE_NANOS: i64 = 10_000_000;
/// Given away to everybody before they buy.
const WELCOME: Credits = Credits::whole(25);
/// Bought with scarce funds.
const SCARCE: Credits = Credits::whole(100);
/// Bought with ample funds for each row of the trace, as if one customer had sent them all …
const AMPLE_PER_ROW: i64 = 1_000;
/// … but no less than this.
const AMPLE_MIN: i64 = 100_000;
/// Another replay of the same trace and seed may begin at the same moment; one of us then sees its base time.
const ATTEMPTS: u32 = 3;

/// Who gets what.
pub struct Funding<'a> {
    /// Names everything.
    pub run: &'a RunName,
    /// How much.
    pub funds: Funds,
    /// Rows of the trace.
    pub rows: usize,
}

impl Funding<'_> {
    /// Funds every customer and tells the run's base time: the first run's, or `base` where this is the first.
    pub async fn ensure(
        &self,
        wallet: &Wallet,
        base: Timestamp,
        patience: &Patience,
    ) -> anyhow::Result<Timestamp> {
        for _ in 0..ATTEMPTS {
            let base = self.earlier_base(wallet, patience).await?.unwrap_or(base);
            // The first customer's first grant settles the base time before any other grant is made.
            let first = self.grants(0, base).swap_remove(0);
            match patience.insist(|| async { wallet.clone().grant(first.clone()).await }).await {
                Ok(_) => {
                    self.grant_all(wallet, base, patience).await?;
                    return Ok(base);
                }
                Err(status) if Refused::of(&status).reason == ErrorReason::IdempotencyKeyReused => {}
                Err(status) => return Err(status).context("the replay's customers cannot be funded"),
            }
        }
        anyhow::bail!("other replays of this trace and seed are being started; try again")
    }

    /// The base time of the first run, from the effective time of its grants.
    async fn earlier_base(&self, wallet: &Wallet, patience: &Patience) -> anyhow::Result<Option<Timestamp>> {
        let reference = self.run.funding();
        let mut request = ListGrantsRequest {
            customer_id: self.run.customer(0),
            page_size: PAGE_SIZE,
            ..ListGrantsRequest::default()
        };
        let mut found = None;
        loop {
            let page = patience.insist(|| async { wallet.clone().list_grants(request.clone()).await }).await;
            let page = match page {
                Ok(page) => page.into_inner(),
                Err(status) if Refused::of(&status).reason == ErrorReason::WalletNotFound => return Ok(None),
                Err(status) => return Err(status).context("the replay's earlier grants cannot be read"),
            };
            let ours = page.grants.iter().filter(|grant| grant.reference == reference);
            let times = ours.filter_map(|grant| grant.effective_at.as_ref().and_then(timestamp_from_proto));
            found = times.chain(found).min();
            if page.next_page_token.is_empty() {
                return Ok(found);
            }
            request.page_token = page.next_page_token;
        }
    }

    async fn grant_all(&self, wallet: &Wallet, base: Timestamp, patience: &Patience) -> anyhow::Result<()> {
        let grants: Vec<_> = (0..CUSTOMERS).flat_map(|customer| self.grants(customer, base)).collect();
        for chunk in grants.chunks(BATCH) {
            patience
                .insist(|| async { apply(wallet.clone(), chunk).await })
                .await
                .context("the replay's customers cannot be funded")?;
        }
        Ok(())
    }

    fn grants(&self, customer: usize, base: Timestamp) -> Vec<GrantRequest> {
        let bought = match self.funds {
            Funds::Scarce => SCARCE,
            Funds::Ample => self.ample(),
        };
        let welcome = self.grant(customer, base, "welcome", WELCOME, GrantSource::Promotion);
        let purchase = self.grant(customer, base, "purchase", bought, GrantSource::Purchase);
        vec![welcome, GrantRequest { paid: Some(money_to_proto(&price(bought))), ..purchase }]
    }

    fn ample(&self) -> Credits {
        let rows = i64::try_from(self.rows).unwrap_or(i64::MAX);
        let whole = rows.saturating_mul(AMPLE_PER_ROW).max(AMPLE_MIN);
        Credits::whole(whole.min(Credits::MAX_AMOUNT.to_parts().0))
    }

    fn grant(
        &self,
        customer: usize,
        base: Timestamp,
        lot: &str,
        amount: Credits,
        source: GrantSource,
    ) -> GrantRequest {
        GrantRequest {
            customer_id: self.run.customer(customer),
            amount: Some(credits_to_proto(amount)),
            idempotency_key: format!("{}-{}-{lot}", self.run.funding(), self.funds.word()),
            source: source.into(),
            effective_at: Some(timestamp_to_proto(base)),
            details: Some(OperationDetails {
                reference: self.run.funding(),
                description: format!("{lot} credits of a replay"),
                ..OperationDetails::default()
            }),
            ..GrantRequest::default()
        }
    }
}

fn price(credits: Credits) -> Money {
    let (whole, _) = credits.to_parts();
    Money { currency: "USD".to_owned(), nanos: whole.saturating_mul(CREDIT_PRICE_NANOS) }
}

/// One call; items that may pass fail it whole, so that it is repeated with the same keys.
async fn apply(mut wallet: Wallet, grants: &[GrantRequest]) -> Result<(), Status> {
    let operations = grants.iter().map(|grant| Operation { operation: Some(Kind::Grant(grant.clone())) });
    let request = BatchApplyRequest { operations: operations.collect() };
    for result in wallet.batch_apply(request).await?.into_inner().results {
        if let Some(Answer::Error(error)) = result.result {
            let refused = Refused::of_item(&error);
            if may_pass(&refused) {
                return Err(Status::unavailable(refused.message));
            }
            return Err(Status::new(refused.code, format!("{}: {}", refused.reason_word(), refused.message)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chit_types::Hash;

    #[test]
    fn grants_are_found_by_reference_and_made_once_per_funding() {
        let run = RunName::of(Hash([7; 32]), 1);
        let grants = |funds, rows| Funding { run: &run, funds, rows }.grants(4, Timestamp::EPOCH);
        let (ample, scarce) = (grants(Funds::Ample, 19_366), grants(Funds::Scarce, 19_366));
        assert_eq!(ample[1].amount, Some(credits_to_proto(Credits::whole(19_366_000))));
        assert_eq!(scarce[1].amount, Some(credits_to_proto(SCARCE)));
        assert_eq!(scarce[1].paid.as_ref().map(|paid| paid.units), Some(1));
        assert_ne!(ample[0].idempotency_key, scarce[0].idempotency_key);
        let references =
            ample.iter().chain(&scarce).map(|grant| grant.details.as_ref().unwrap().reference.clone());
        assert!(references.into_iter().all(|reference| reference == run.funding()));
        assert_eq!(ample[0].customer_id, run.customer(4));
    }

    #[test]
    fn ample_funds_stay_within_what_a_grant_may_hold() {
        let run = RunName::of(Hash([7; 32]), 1);
        let ample = |rows| Funding { run: &run, funds: Funds::Ample, rows }.ample();
        assert_eq!(ample(1), Credits::whole(AMPLE_MIN));
        assert_eq!(ample(usize::MAX), Credits::MAX_AMOUNT);
    }
}
