//! The cluster's metadata: the records of `__cluster_metadata` and the immutable picture they add up to.
//!
//! A [`MetadataImage`] is built of persistent maps: a clone costs a few reference counts and shares everything with the
//! original, so the newest (uncommitted) image of a controller and the committed one it publishes are two values of the
//! same type, and taking back uncommitted records means dropping a clone.

pub mod apply;
pub mod bootstrap;
pub mod delta;
pub mod describe_configs;
pub mod feature;
pub mod image;
pub mod loader;
pub mod metadata_version;
pub mod published;
pub mod record_version;
pub mod snapshot;
pub mod topic_name;

pub use apply::ApplyError;
pub use image::MetadataImage;
pub use loader::Loader;
pub use metadata_version::MetadataVersion;
pub use published::Published;
