//! The cluster's metadata: the records of `__cluster_metadata` and the immutable picture they add up to.
//!
//! A [`MetadataImage`] is built of persistent maps: a clone costs a few reference counts and shares everything with the
//! original, so the newest (uncommitted) image of a controller and the committed one it publishes are two values of the
//! same type, and taking back uncommitted records means dropping a clone.

pub mod feature;
pub mod image;
pub mod metadata_version;

pub use image::MetadataImage;
pub use metadata_version::MetadataVersion;
