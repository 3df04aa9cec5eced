//! Page tokens: where a list goes on.

use chit_api::types::v1::ErrorReason;
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use tonic::Status;

use crate::error::refuse;

const VERSION: u8 = 1;
const CONTEXT_BYTES: usize = 12;
const CHECKSUM_BYTES: usize = 4;

/// Makes and reads the tokens of one list: this method, this tenant, this filter. A token of another is
/// refused, as it would point to a place that means nothing here. It guards against mistakes and not
/// against forgers: a cursor is only ever a position within what the caller may read.
#[derive(Clone, Debug)]
pub struct PageTokens {
    context: [u8; CONTEXT_BYTES],
}

impl PageTokens {
    /// The tokens of `list` (the rpc's name) for `tenant` with `filter`: every field of the request that
    /// decides what is listed, in a fixed order.
    #[must_use]
    pub fn new(list: &str, tenant: &str, filter: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        for part in [list, tenant].iter().chain(filter) {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        let mut context = [0; CONTEXT_BYTES];
        context.copy_from_slice(&hasher.finalize()[..CONTEXT_BYTES]);
        Self { context }
    }

    /// The token for the page that begins after `cursor`.
    #[must_use]
    pub fn seal(&self, cursor: &[u8]) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.context);
        bytes.extend_from_slice(cursor);
        bytes.extend_from_slice(&checksum(&bytes));
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// The cursor in `token`; `None` for the empty token, which asks for the first page. Fails with
    /// PAGE_TOKEN_INVALID.
    pub fn open(&self, token: &str) -> Result<Option<Vec<u8>>, Status> {
        if token.is_empty() {
            return Ok(None);
        }
        let cursor = self.read(token).ok_or_else(Self::invalid)?;
        Ok(Some(cursor))
    }

    /// The refusal for a token that is not of this list; for services too, where a cursor does not read.
    #[must_use]
    pub fn invalid() -> Status {
        let message = "page_token is not of this list; ask for the first page again";
        refuse(ErrorReason::PageTokenInvalid, message).status()
    }

    fn read(&self, token: &str) -> Option<Vec<u8>> {
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_BYTES)?)?;
        let (version, rest) = body.split_first()?;
        let (context, cursor) = rest.split_at_checked(CONTEXT_BYTES)?;
        (sum == checksum(body) && *version == VERSION && context == self.context).then(|| cursor.to_vec())
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(&Sha256::digest(bytes)[..CHECKSUM_BYTES]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refused::Refused;

    #[test]
    fn a_token_belongs_to_one_list_tenant_and_filter() {
        let tokens = PageTokens::new("ListWallets", "acme", &["a", "b"]);
        let token = tokens.seal(&[0, 255, 7]);
        assert_eq!(tokens.open(&token).unwrap(), Some(vec![0, 255, 7]));
        assert_eq!(tokens.open("").unwrap(), None);
        assert_eq!(tokens.open(&tokens.seal(&[])).unwrap(), Some(vec![]));
        for other in [
            PageTokens::new("ListGrants", "acme", &["a", "b"]),
            PageTokens::new("ListWallets", "other", &["a", "b"]),
            PageTokens::new("ListWallets", "acme", &["ab"]),
            PageTokens::new("ListWallets", "acme", &["a", "c"]),
        ] {
            let refused = Refused::of(&other.open(&token).unwrap_err());
            assert_eq!(refused.reason, ErrorReason::PageTokenInvalid);
        }
    }

    #[test]
    fn a_damaged_token_is_refused() {
        let tokens = PageTokens::new("ListWallets", "acme", &[]);
        let token = tokens.seal(b"cursor");
        for index in 0..token.len() {
            let mut damaged = token.clone().into_bytes();
            damaged[index] = if damaged[index] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(damaged).unwrap();
            assert!(tokens.open(&damaged).is_err(), "{damaged}");
            assert!(tokens.open(&token[..index]).is_err() || index == 0);
        }
        assert!(tokens.open("no base64!").is_err());
    }
}
