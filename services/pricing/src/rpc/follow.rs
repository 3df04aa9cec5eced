//! The stream of `FollowPriceBooks`.

use std::sync::Arc;

use chit_api::pricing::v1 as proto;
use chit_pricewire::assignment_to_proto;
use chit_rpc::{Drain, PageTokens, Violations};
use proto::FollowPriceBooksResponse as Answer;
use proto::follow_price_books_response::Change as Sent;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::convert::{Rules, book_to_proto, event_type_to_proto, version_to_proto, whole_table_to_proto};
use super::status::refused;
use crate::app::{App, Follower};
use crate::domain::Change;

/// Answers made ahead of a slow follower; each may be megabytes.
const AHEAD: usize = 4;

/// The answers of one follower.
pub type Following = ReceiverStream<Result<Answer, Status>>;

/// Follows from a cursor on until the follower leaves or the server drains.
pub fn follow(app: &Arc<App>, tenant: &str, cursor: &str, drain: Drain) -> Result<Following, Status> {
    let cursors = Cursors(PageTokens::new("FollowPriceBooks", tenant, &[]));
    let position = cursors.read(cursor)?;
    let follower = app.follower(tenant, position);
    let (answers, following) = mpsc::channel(AHEAD);
    let sender = Sender { answers, cursors };
    let app = app.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = drain.begun() => {}
            () = sender.answers.closed() => {}
            ended = run(&app, follower, &sender) => {
                if let Err(status) = ended {
                    // The follower may have left meanwhile; then nobody needs to know.
                    let _ = sender.answers.send(Err(status)).await;
                }
            }
        }
    });
    Ok(ReceiverStream::new(following))
}

struct Cursors(PageTokens);

struct Sender {
    answers: mpsc::Sender<Result<Answer, Status>>,
    cursors: Cursors,
}

/// Tells what is new, and when there is nothing, that it lives.
async fn run(app: &App, mut follower: Follower, sender: &Sender) -> Result<(), Status> {
    let mut said_at: Option<Instant> = None;
    loop {
        let told = app.tell(&mut follower).await.map_err(refused)?;
        let quiet = told.changes.items.is_empty();
        for (revision, change) in told.changes.items {
            sender.say(revision, false, Some(to_proto(change))).await;
        }
        let due = said_at.is_none_or(|said| said.elapsed() >= app.heartbeat());
        if told.caught_up && (!quiet || due) {
            sender.say(told.changes.up_to, true, None).await;
            said_at = Some(Instant::now());
        }
        if told.caught_up {
            app.wait(&mut follower).await;
        }
    }
}

impl Sender {
    async fn say(&self, position: i64, caught_up: bool, change: Option<Sent>) {
        let answer = Answer { cursor: self.cursors.0.seal(&position.to_be_bytes()), caught_up, change };
        // A follower that left ends the task through `closed`.
        let _ = self.answers.send(Ok(answer)).await;
    }
}

impl Cursors {
    fn read(&self, cursor: &str) -> Result<i64, Status> {
        let opened = self.0.open(cursor).ok();
        let position = match opened {
            Some(None) => Some(0),
            Some(Some(bytes)) => <[u8; 8]>::try_from(bytes).ok().map(i64::from_be_bytes),
            None => None,
        };
        position.ok_or_else(|| {
            let mut violations = Violations::new();
            violations.field("cursor", "is not a cursor of this tenant's stream; leave it out to begin anew");
            violations.finish().expect_err("one violation was noted")
        })
    }
}

fn to_proto(change: Change) -> Sent {
    match change {
        Change::EventType(stored) => Sent::EventType(event_type_to_proto(stored)),
        Change::Book(stored) => Sent::PriceBook(book_to_proto(stored)),
        Change::Version(version) => Sent::Version(version_to_proto(&version, Rules::Shown)),
        Change::Assignment(assignment) => Sent::Assignment(assignment_to_proto(&assignment)),
        Change::CostTable(table) => Sent::ProviderCostTable(whole_table_to_proto(&table)),
    }
}
