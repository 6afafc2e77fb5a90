//! The coordinators of groups: each a partition of `__consumer_offsets`.

pub(crate) mod ask;
mod tenant;
pub(crate) mod topics_deleted;
