//! How a call's headers become a [`Caller`].

use std::sync::Arc;

use chit_api::types::v1::ErrorReason;
use chit_types::{Origin, limits};
use http::HeaderMap;
use tonic::Status;

use crate::caller::{Caller, Scopes};
use crate::error::refuse;

/// Names the tenant where no identity is configured.
pub const TENANT_HEADER: &str = "x-chit-tenant";
/// Names the origin where no identity is configured.
pub const ORIGIN_HEADER: &str = "x-chit-origin";
/// The tenant of a call that names none.
pub const DEFAULT_TENANT: &str = "dev";

/// How callers prove who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// They do not: metadata is believed and every scope granted. Only for a port that nobody but this
    /// machine can reach; the runtime refuses to serve any other without identity.
    Loopback,
}

impl Identity {
    /// The caller that `headers` tell of, or UNAUTHENTICATED.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Caller, Status> {
        match self {
            Identity::Loopback => believe(headers),
        }
    }
}

fn believe(headers: &HeaderMap) -> Result<Caller, Status> {
    let tenant = text(headers, TENANT_HEADER)?.unwrap_or(DEFAULT_TENANT);
    if !is_tenant(tenant) {
        let message = format!(
            "{TENANT_HEADER} is not a tenant: 1 to 128 of letters, digits, dot, underscore and hyphen"
        );
        return Err(refuse(ErrorReason::Unauthenticated, message).into());
    }
    let origin = text(headers, ORIGIN_HEADER)?.unwrap_or(Origin::Client.word());
    let Some(origin) = Origin::from_word(origin) else {
        let message = format!("{ORIGIN_HEADER} is not one of client, metering, payments and system");
        return Err(refuse(ErrorReason::Unauthenticated, message).into());
    };
    Ok(Caller { tenant: Arc::from(tenant), principal: Arc::from("loopback"), scopes: Scopes::All, origin })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Status> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    value
        .to_str()
        .map(Some)
        .map_err(|_| refuse(ErrorReason::Unauthenticated, format!("{name} is not text")).into())
}

fn is_tenant(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !text.is_empty() && text.len() <= limits::KEY_BYTES && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &str)], expect: Option<(&str, Origin)>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let caller = Identity::Loopback.caller(&map);
        match (&caller, expect) {
            (Ok(caller), Some((tenant, origin))) => {
                assert_eq!((&*caller.tenant, caller.origin), (tenant, origin), "{headers:?}");
            }
            (Err(status), None) => assert_eq!(status.code(), tonic::Code::Unauthenticated),
            _ => panic!("{headers:?} gave {caller:?}"),
        }
    }

    #[test]
    fn loopback_callers_are_believed_within_the_limits() {
        let longest = "a".repeat(128);
        check(&[], Some(("dev", Origin::Client)));
        check(&[(TENANT_HEADER, "acme.eu_1-x")], Some(("acme.eu_1-x", Origin::Client)));
        check(&[(TENANT_HEADER, &longest)], Some((&longest, Origin::Client)));
        check(&[(TENANT_HEADER, &"a".repeat(129))], None);
        check(&[(TENANT_HEADER, "")], None);
        check(&[(TENANT_HEADER, "a b")], None);
        check(&[(TENANT_HEADER, "ä")], None);
        check(&[(ORIGIN_HEADER, "metering")], Some(("dev", Origin::Metering)));
        check(&[(ORIGIN_HEADER, "payments")], Some(("dev", Origin::Payments)));
        check(&[(ORIGIN_HEADER, "system")], Some(("dev", Origin::System)));
        check(&[(ORIGIN_HEADER, "Client")], None);
        check(&[(ORIGIN_HEADER, "")], None);
    }
}
