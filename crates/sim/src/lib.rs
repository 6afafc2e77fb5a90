//! What the seeded simulations share: running seeds one after the other, virtual time, and a trace by which two histories
//! are told apart. The worlds themselves, their faults and their checks, belong to the crates that they are about.

mod disk;
mod seeds;
mod timeline;
mod trace;

pub use disk::Disk;
pub use seeds::seeds;
pub use timeline::Timeline;
pub use trace::Trace;
