//! The indexes of a segment.

pub mod txn;
