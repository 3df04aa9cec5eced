//! What reads have in common: a wallet's name, a page.

use std::sync::Arc;

use chit_api::types::v1::ErrorReason;
use chit_rpc::{Caller, PageTokens, Violations, refuse};
use tonic::Status;

use super::fields::unit_or_default;
use crate::engine::WalletRef;

/// Reads the name of a wallet.
pub fn wallet_from_proto(
    faults: &mut Violations,
    caller: &Caller,
    customer: String,
    unit: String,
) -> WalletRef {
    faults.key("customer_id", &customer);
    faults.unit("unit", &unit);
    WalletRef { tenant: Arc::clone(&caller.tenant), customer, unit: unit_or_default(unit) }
}

/// A page of one list, asked for.
pub struct Page {
    /// How many.
    pub size: usize,
    after: Option<Vec<u8>>,
    tokens: PageTokens,
}

impl Page {
    /// Reads where a page begins. Its token must be of this very list.
    pub fn open(size: usize, token: &str, tokens: PageTokens) -> Result<Self, Status> {
        Ok(Self { size, after: tokens.open(token)?, tokens })
    }

    /// The place after which it begins, of a known length; `None` for the first page.
    pub fn after<const BYTES: usize>(&self) -> Result<Option<[u8; BYTES]>, Status> {
        let Some(after) = &self.after else {
            return Ok(None);
        };
        let place = after.as_slice().try_into();
        // The checksum held, so it is a token of ours, of a version with other places.
        place.map(Some).map_err(|_| {
            refuse(
                ErrorReason::PageTokenInvalid,
                "page_token is of another version; ask for the first page again",
            )
            .status()
        })
    }

    /// How many to look for: one more than asked for, to know whether there are more.
    pub fn wanted(&self) -> u64 {
        self.size as u64 + 1
    }

    /// Cuts `found` to the page, and answers the token of the next one.
    pub fn close<T>(&self, found: &mut Vec<T>, place: impl FnOnce(&T) -> Vec<u8>) -> String {
        if found.len() <= self.size {
            return String::new();
        }
        found.truncate(self.size);
        found.last().map_or_else(String::new, |last| self.token(&place(last)))
    }

    /// The token of the page after a place.
    pub fn token(&self, place: &[u8]) -> String {
        self.tokens.seal(place)
    }
}
