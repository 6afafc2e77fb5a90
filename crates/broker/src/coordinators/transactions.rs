//! The coordinators of transactions: each a partition of `__transaction_state`.

pub(crate) mod agreed;
pub(crate) mod ask;
mod destination;
pub(crate) mod markers;
pub(crate) mod take_part;
mod tenant;
pub(crate) mod verification;
pub(crate) mod write_markers;
