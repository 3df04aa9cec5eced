//! Nouns and rules of a wallet. Pure: state, operation and time come in; a changed state, a
//! transaction and its postings, or a named refusal come out.
//!
//! Reading order: the nouns (`wallet`, `grant`, `hold`, `transaction`, `settings`), what is asked
//! (`operation`), what is answered (`outcome`, `refusal`), then the rules.

pub mod apply;
pub mod commit;
pub mod deduct;
pub mod draft;
pub mod due;
pub mod encoding;
pub mod explain;
pub mod grant;
pub mod grants;
pub mod hold;
pub mod holds;
pub mod needs;
pub mod operation;
pub mod order;
pub mod outcome;
pub mod refusal;
pub mod renew;
pub mod reverse;
pub mod revoke;
pub mod settings;
pub mod statement;
pub mod transaction;
pub mod verify;
pub mod verify_stored;
pub mod wallet;

pub use apply::{Context, apply};
pub use due::book_due;
pub use grant::{Grant, GrantId, GrantSource, GrantState, OwedPolicy, Paid};
pub use hold::{Draw, Hold, HoldId, HoldState};
pub use holds::hold_now;
pub use needs::{Needs, more_needs, needs};
pub use operation::{Details, Envelope, Operation};
pub use order::{next_expiry, spendable};
pub use outcome::{Applied, Changes, Signal};
pub use refusal::Refusal;
pub use settings::{ExpiredReversal, Settings, Unit};
pub use transaction::{GrantTerms, HoldTerms, Posting, Text, Transaction};
pub use wallet::{Lot, Past, Wallet, WalletState};

#[cfg(test)]
mod tests;
