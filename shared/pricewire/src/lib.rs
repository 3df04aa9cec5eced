//! Price books between the contract and `chit-pricebook`, in both directions: the one translation that
//! the pricing service and metering share, so that a replica built from the stream prices as the service
//! does.
//!
//! From the contract: `…_from_proto` collects every fault into `chit_rpc::Violations`. To it: `…_to_proto`. What
//! [`apply`] reads comes from our own service and is trusted to be whole; a fault there is an error.

pub mod amounts;
pub mod explain;
pub mod follow;
pub mod resources;
pub mod rules;

pub use amounts::{check_dimensions, check_name, quantity_from_proto, tokens_from_proto, tokens_to_proto};
pub use explain::{cost_answer_to_proto, explanation_to_proto};
pub use follow::{WireError, apply, resource_key};
pub use resources::{
    assignment_from_proto, assignment_to_proto, book_from_proto, cost_table_from_proto, cost_table_to_proto,
    event_type_from_proto, model_cost_from_proto, model_cost_to_proto, version_from_proto,
};
pub use rules::{rounding_to_proto, rule_from_proto, rule_to_proto};
