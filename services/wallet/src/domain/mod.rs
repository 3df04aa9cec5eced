//! Nouns and rules of a wallet. Pure: state, operation and time come in; a changed state, a
//! transaction and its postings, or a named refusal come out.
//!
//! Reading order: the nouns (`wallet`, `grant`, `hold`, `transaction`, `settings`), what is asked
//! (`operation`), what is answered (`outcome`, `refusal`), then the rules.

pub mod grant;
pub mod hold;
pub mod operation;
pub mod outcome;
pub mod refusal;
pub mod settings;
pub mod transaction;
pub mod wallet;

pub use grant::{Grant, GrantId, GrantSource, GrantState, OwedPolicy, Paid};
pub use hold::{Draw, Hold, HoldId, HoldState};
pub use operation::{Details, Envelope, Operation};
pub use outcome::{Applied, Changes, Signal};
pub use refusal::Refusal;
pub use settings::{ExpiredReversal, Settings, Unit};
pub use transaction::{GrantTerms, HoldTerms, Posting, Text, Transaction};
pub use wallet::{Lot, Past, Wallet, WalletState};
