//! The indexes of a segment.

pub(crate) mod entries;
pub(crate) mod file;
pub(crate) mod offset;
pub(crate) mod time;
pub mod txn;
