//! The way of an event: priced, stored, deducted, recorded, answered; a lane's batch at a time.
//!
//! A batch goes through three stages, each one durable commit for all of it: [`admit`] decides duplicates and
//! stores what is owed to the wallet, the wallet applies it, [`finish`] records what came of it. No database
//! transaction is open while the wallet is asked. Whatever stops in between is found in `intake` and done again:
//! the wallet repeats its answers by their keys, and the deletion from `intake` decides who records.

mod admit;
mod decide;
mod desk;
mod finish;
mod item;
mod propose;
mod worker;

pub use desk::Desk;
pub use item::{Answer, Authorize, Authorized, Command, Early, Item, Meter, Outcome, Receipt};
pub use worker::{PipelineWorker, Tools};
