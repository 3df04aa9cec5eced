//! Runs services: a [`Service`] is a value (what to mount, its jobs, when it is ready, how it drains), and
//! [`serve`] hosts one or many of them on one port, from the first connection to an orderly stop. The
//! same path serves a pod and a laptop.

mod channel;
mod health;
mod job;
mod logging;
mod server;
mod service;
mod stop;

pub use channel::{in_process, in_process_channel, lazy_loopback_channel};
pub use job::{Job, Next};
pub use logging::{LogFormat, LoggingError, init_logging};
pub use server::{RuntimeError, ServeOptions, serve};
pub use service::Service;
pub use tokio_util::sync::CancellationToken as Shutdown;
