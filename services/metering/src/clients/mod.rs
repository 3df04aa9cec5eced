//! What metering asks of the wallet.

mod currencies;
mod wallet;

pub use currencies::Currencies;
pub use wallet::{Call, WalletClient};
