//! Whole nodes, as `riverrun serve` runs them, several in one thread: their time, network, disks and power are a simulation's (ADR 16).
//!
//! Each host has a runtime of its own with paused time, and [`Cluster::tick`] runs every host for one millisecond of it. A host that
//! is killed loses its runtime with all that ran in it; a host whose power is cut loses what its disk had not synced, too.

mod clock;
mod cluster;
mod host;
mod node;

pub use clock::HostClock;
pub use cluster::Cluster;
pub use host::Life;
pub use network::simulated::Pace;
pub use node::LOG_DIRS;
