//! How one service of ours calls another.

use chit_types::Origin;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::service::Interceptor;
use tonic::{Request, Status};

use crate::error::internal;
use crate::identity::{ORIGIN_HEADER, TENANT_HEADER};

/// `message` as a request made for `tenant` by `origin`, where calls of one client serve many tenants.
pub fn call_as<T>(message: T, tenant: &str, origin: Origin) -> Result<Request<T>, Status> {
    let mut request = Request::new(message);
    CallAs::new(tenant, origin)?.write(request.metadata_mut());
    Ok(request)
}

/// An interceptor for a client whose every call is made for one tenant by one origin. Metadata that a
/// request carries already is kept.
#[derive(Clone, Debug)]
pub struct CallAs {
    tenant: AsciiMetadataValue,
    origin: AsciiMetadataValue,
}

impl CallAs {
    /// Calls for `tenant` as `origin`. Fails only where the tenant is not a tenant's name.
    pub fn new(tenant: &str, origin: Origin) -> Result<Self, Status> {
        let ascii = tenant.parse().map_err(|_| internal("a tenant's name is not ASCII"))?;
        Ok(Self { tenant: ascii, origin: AsciiMetadataValue::from_static(origin.word()) })
    }

    fn write(&self, metadata: &mut MetadataMap) {
        for (name, value) in [(TENANT_HEADER, &self.tenant), (ORIGIN_HEADER, &self.origin)] {
            if metadata.get(name).is_none() {
                metadata.insert(name, value.clone());
            }
        }
    }
}

impl Interceptor for CallAs {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        self.write(request.metadata_mut());
        Ok(request)
    }
}
