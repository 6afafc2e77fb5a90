//! The committed metadata as a node's quorum shows it to the rest of the node.

use crate::MetadataImage;
use base::Offset;
use std::sync::Arc;

/// The committed metadata at one moment.
#[derive(Clone, Debug)]
pub struct Published {
    /// The cluster.
    pub image: Arc<MetadataImage>,
    /// The offset after the last committed record. It also moves when the image does not; who waits for changes is not told then.
    pub end: Offset,
    /// The level of `kraft.version`, which stands in the log's control records and not in the image.
    pub kraft_version: i16,
}

impl Published {
    /// Nothing is known yet.
    pub fn nothing() -> Self {
        Self {
            image: Arc::new(MetadataImage::default()),
            end: Offset::ZERO,
            kraft_version: 0,
        }
    }

    /// Whether everything that `other` shows is in this: its end may have moved on while its image stayed.
    pub fn covers(&self, other: &Self) -> bool {
        self.end >= other.end || Arc::ptr_eq(&self.image, &other.image)
    }
}
