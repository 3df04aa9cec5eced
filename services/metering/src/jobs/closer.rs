//! Closes authorizations whose hold has ended: with parts, as an event at its last totals; without, as expired.
//! A late settlement of an expired one is still accepted.

use std::time::Duration;

use crate::domain::authorization::AuthorizationState;
use crate::pipeline::{Command, Desk, Item};
use crate::store::Result;

/// The longest grace a tenant may set: within it a settlement is still an ordinary one.
const AFTER_EXPIRY: Duration = Duration::from_secs(600);
/// Authorizations closed at a time.
const AUTHORIZATIONS: usize = 500;

/// One round; answers how many were closed.
pub async fn close_once(desk: &Desk) -> Result<usize> {
    let tools = desk.tools();
    let now = tools.clock.now();
    let mut tx = tools.store.read().await?;
    let due = tx.due_authorizations(0, now - AFTER_EXPIRY, AUTHORIZATIONS).await?;
    tx.commit().await?;
    // A part's total is priced again; without books it waits.
    for stored in due.iter().filter(|stored| stored.state == AuthorizationState::Partly) {
        tools.replicas.ensure(&stored.content.tenant).await;
    }
    let items: Vec<Item> = due
        .into_iter()
        .map(|stored| Item {
            place: stored.place,
            tenant: stored.content.tenant.as_str().into(),
            event_id: stored.content.event_id,
            command: Command::Close,
            early: None,
        })
        .collect();
    let answers = desk.submit_many(items, None).await;
    Ok(answers.iter().filter(|answer| matches!(answer, Ok(Ok(_)))).count())
}
