//! Prices, pure: rules and versions, the exact evaluation, provider costs, and the replica that the
//! pricing service and metering both price from. Nothing here reads a clock or a database, and no float
//! touches a price: the same input gives the same price everywhere, for ever.
//!
//! In reading order: [`amount`] (exact numbers), [`tokens`], [`rule`], [`version`] (matching and one
//! evaluation), [`evaluate`] (the formulas), [`explain`], [`validate`] (what publishing checks),
//! [`cost`] (what providers charge), [`replica`] (everything one tenant has).

pub mod amount;
pub mod as_text;
pub mod cost;
pub mod evaluate;
pub mod explain;
pub mod replica;
pub mod rule;
pub mod tokens;
pub mod validate;
pub mod version;

pub use amount::{Exact, ProviderPrice, Quantity, RangeError, UnitPrice};
pub use cost::{CostAnswer, CostLine, CostTable, ModelCost};
pub use evaluate::PriceError;
pub use explain::{Explanation, Step};
pub use replica::{Assignment, Book, Decision, EventType, PriceRequest, Replica};
pub use rule::{Charge, ChargeKind, Rule, Tier, TierMode, TokenPrices};
pub use tokens::{Pool, Tokens};
pub use validate::{Finding, validate};
pub use version::{PriceBookVersion, Priced, Usage, VersionHeader};
