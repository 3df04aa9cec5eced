//! A service as a value.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::{Request, Response};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::{Routes, RoutesBuilder};

use crate::job::Job;

pub(crate) type Readiness = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;
pub(crate) type DrainHook = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;
type Mount = Box<dyn Fn(&mut RoutesBuilder) + Send + Sync>;

/// What [`serve`](crate::serve) hosts.
pub struct Service {
    pub(crate) name: &'static str,
    pub(crate) grpc_names: Vec<&'static str>,
    mounts: Vec<Mount>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) readiness: Readiness,
    pub(crate) drain: Option<DrainHook>,
}

impl Service {
    /// A service of this short name, such as `wallet`, that mounts nothing yet and is always ready.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            grpc_names: Vec::new(),
            mounts: Vec::new(),
            jobs: Vec::new(),
            readiness: Arc::new(|| Box::pin(async { Ok(()) })),
            drain: None,
        }
    }

    /// The short name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Mounts a generated server. Its health is told under its full name and under the short one.
    #[must_use]
    pub fn grpc<S>(mut self, server: S) -> Self
    where
        S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
        S: NamedService + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        self.grpc_names.push(S::NAME);
        self.mounts.push(Box::new(move |routes| {
            routes.add_service(server.clone());
        }));
        self
    }

    /// Adds a job that runs as long as the service is served.
    #[must_use]
    pub fn job(mut self, job: Job) -> Self {
        self.jobs.push(job);
        self
    }

    /// Asks `check` again and again whether the service can do its work (schema, database); while the
    /// answer is an error, health says NOT_SERVING and the log says why.
    #[must_use]
    pub fn ready<F, Fut>(mut self, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.readiness = Arc::new(move || Box::pin(check()));
        self
    }

    /// Runs `hook` at the stop, after the last call was answered and before the jobs end: empty the lanes.
    #[must_use]
    pub fn drain<F, Fut>(mut self, hook: F) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.drain = Some(Box::new(move || Box::pin(hook())));
        self
    }

    /// The service's routes alone, for tests and in-process callers.
    #[must_use]
    pub fn routes(&self) -> Routes {
        let mut builder = Routes::builder();
        self.mount(&mut builder);
        builder.routes()
    }

    pub(crate) fn mount(&self, builder: &mut RoutesBuilder) {
        for mount in &self.mounts {
            mount(builder);
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("name", &self.name)
            .field("grpc_names", &self.grpc_names)
            .field("jobs", &self.jobs)
            .finish_non_exhaustive()
    }
}
