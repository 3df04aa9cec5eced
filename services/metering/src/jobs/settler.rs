//! Sends again what a crash or an absent wallet left in intake. The wallet repeats what it has done by its
//! keys, and who takes the step out of intake records it: twice is as good as once.

use std::time::Duration;

use crate::domain::refusal::Refusal;
use crate::pipeline::{Command, Desk, Item};
use crate::store::Result;

/// Steps sent at a time.
const STEPS: usize = 1_000;

/// What one round did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Steps finished.
    pub finished: usize,
    /// The wallet, or a lane, could not take them now.
    pub is_wallet_away: bool,
    /// There is more.
    pub has_more: bool,
}

/// One round over steps that were stored at least `after` ago.
pub async fn settle_once(desk: &Desk, after: Duration) -> Result<Settled> {
    let tools = desk.tools();
    let until = tools.clock.now() - after;
    let mut tx = tools.store.read().await?;
    let left = tx.left_behind(until, STEPS).await?;
    tx.commit().await?;
    let count = left.len();
    let items = left.into_iter().map(|pending| Item {
        place: pending.fact.place,
        tenant: pending.fact.tenant.as_str().into(),
        event_id: pending.fact.event_id.clone(),
        command: Command::Resume(Box::new(pending)),
        early: None,
    });
    let answers = desk.submit_many(items.collect(), None).await;
    let is_away =
        |answer: &_| matches!(answer, Err(_) | Ok(Err(Refusal::Unavailable { what: "the wallet" })));
    let away = answers.iter().filter(|answer| is_away(answer)).count();
    if count > 0 {
        tracing::info!(steps = count, away, "steps left in intake were sent again");
    }
    Ok(Settled { finished: count - away, is_wallet_away: away > 0, has_more: count == STEPS })
}
