//! Sockets to requests: listeners, connections, frames, and the one table that says which APIs a node answers.
//!
//! A connection is one task. It reads frames, hands them one at a time to a [`Service`], and writes the answers in
//! order, as Kafka does: the next request of a connection is not looked at before the one before it is answered. An answer
//! may be [`Reply::Later`], though: then requests of the same API go on meanwhile, so that what a producer has in flight
//! shares one flush.

pub mod alarm;
pub mod api;
mod client_software;
mod connection;
pub mod context;
pub mod counts;
pub mod frame;
pub mod listener;
mod owed;
pub mod page;
mod send;
pub mod service;
#[cfg(feature = "simulated")]
pub mod simulated;
pub mod socket;
pub mod thread;
pub mod throttle;
pub mod tick;

pub use alarm::Alarm;
pub use api::ApiRange;
pub use client_software::ClientSoftware;
pub use context::{ConnectionContext, Life, Principal, RequestContext};
pub use counts::{ConnectionCounts, ConnectionLimits, IpRates, ListenerCounts, ListenerLimits, Share};
pub use listener::{Listener, ListenerError, ListenerSettings};
pub use service::{Admission, Later, Reply, Service};
pub use throttle::Throttle;
