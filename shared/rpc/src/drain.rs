//! Tells handlers that the server is stopping.

use tokio_util::sync::CancellationToken;
use tonic::Request;

/// A signal that the server drains: an item stream stops reading and answers what it read, a watch
/// stream ends. New calls are refused by the layer.
#[derive(Clone, Debug, Default)]
pub struct Drain(CancellationToken);

impl Drain {
    /// A server that does not drain yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The signal for the handler of `request`; one that never fires where no layer put it there.
    #[must_use]
    pub fn of<T>(request: &Request<T>) -> Drain {
        request.extensions().get::<Drain>().cloned().unwrap_or_default()
    }

    /// Starts draining. There is no way back.
    pub fn begin(&self) {
        self.0.cancel();
    }

    /// Whether the server drains.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until the server drains.
    pub async fn begun(&self) {
        self.0.cancelled().await;
    }
}
