//! The edge of every service: who calls ([`Caller`]), what they may do, by when they want it done, how
//! we refuse ([`error`]) and how messages become domain values with every fault told at once
//! ([`Violations`]). Knows gRPC and the contract's shared words, and no business of one service.

mod caller;
mod convert;
mod deadline;
mod drain;
mod error;
mod identity;
mod layer;
mod outgoing;
mod page;
mod refused;
mod violations;
mod words;

pub use caller::{Caller, Scopes};
pub use convert::{
    Money, cost_from_proto, cost_to_proto, credits_from_proto, credits_to_proto, duration_from_proto,
    duration_to_proto, money_from_proto, money_to_proto, origin_to_proto, timestamp_from_proto,
    timestamp_to_proto,
};
pub use deadline::Deadline;
pub use drain::Drain;
pub use error::{ERROR_DOMAIN, RpcError, code_of, error, internal, refuse, status_to_proto};
pub use identity::{DEFAULT_TENANT, Identity, ORIGIN_HEADER, TENANT_HEADER};
pub use layer::{Edge, EdgeLayer, MAX_MESSAGE_BYTES};
pub use outgoing::{CallAs, call_as};
pub use page::PageTokens;
pub use refused::Refused;
pub use violations::{AmountRange, Violation, Violations};
