//! Who calls.

use std::collections::BTreeSet;
use std::sync::Arc;

use chit_api::types::v1::ErrorReason;
use chit_types::Origin;
use tonic::{Request, Status};

use crate::error::refuse;

/// The identity behind one call; the layer puts it into every request that names an rpc of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The company whose rows the call may touch.
    pub tenant: Arc<str>,
    /// Who acts, as the identity provider names it; shown in audits, decides nothing.
    pub principal: Arc<str>,
    /// What the caller may do.
    pub scopes: Scopes,
    /// Whose holds and transactions the caller's operations become.
    pub origin: Origin,
}

/// The scopes of a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scopes {
    /// Everything: the caller is on this machine and no identity is configured.
    All,
    /// These and no others.
    Only(Arc<BTreeSet<String>>),
}

impl Caller {
    /// The caller of `request`. Fails with UNAUTHENTICATED where no layer put one there.
    pub fn of<T>(request: &Request<T>) -> Result<&Caller, Status> {
        request
            .extensions()
            .get::<Caller>()
            .ok_or_else(|| refuse(ErrorReason::Unauthenticated, "the call has no identity").into())
    }

    /// Refuses callers without `scope`.
    pub fn require(&self, scope: &str) -> Result<(), Status> {
        if self.scopes.grants(scope) {
            return Ok(());
        }
        Err(refuse(ErrorReason::ScopeMissing, format!("this call needs the scope {scope}"))
            .fact("scope", scope)
            .into())
    }
}

impl Scopes {
    /// Whether `scope` is among them.
    #[must_use]
    pub fn grants(&self, scope: &str) -> bool {
        match self {
            Scopes::All => true,
            Scopes::Only(scopes) => scopes.contains(scope),
        }
    }
}
