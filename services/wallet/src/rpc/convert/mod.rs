//! Messages of the contract to what the wallet is asked, and what it answered back to messages. Every
//! fault of a request is told at once; nothing here decides anything.

mod admin;
mod feed;
mod fields;
mod history;
mod lists;
mod mutations;
mod paid;
mod resources;
mod spending;
mod transaction;

pub use admin::{ChangeOfSettings, ChangeOfWallet, NewWallet, settings_to_proto};
pub use feed::event_to_proto;
pub use fields::{Asked, Call, Mutation, ask};
pub use history::{finding_to_proto, line_to_proto, verified_to_proto};
pub use lists::{Page, wallet_from_proto};
pub use resources::{
    balance_to_proto, grant_id_to_proto, grant_to_proto, hold_id_to_proto, hold_to_proto, source_to_proto,
    wallet_to_proto,
};
pub use transaction::transaction_to_proto;
