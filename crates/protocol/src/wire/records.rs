//! Record batches on their way through: bytes in memory, or a piece of a file that is never read into memory.

use base::fs::FileRegion;
use bytes::Bytes;

/// The value of a `records` field.
#[derive(Clone, Debug, PartialEq)]
pub enum Records {
    /// Batches in memory.
    Bytes(Bytes),
    /// Batches in a file.
    File(FileRegion),
    /// Several pieces, one after the other.
    Many(Vec<Records>),
}

impl Records {
    /// No records.
    pub const EMPTY: Self = Self::Bytes(Bytes::new());

    /// The length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(region) => u64::from(region.len),
            Self::Many(pieces) => pieces.iter().map(Self::len).sum(),
        }
    }

    /// Whether there are no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, if they are all in memory in one piece; what a decoded message holds always is.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::File(_) | Self::Many(_) => None,
        }
    }
}

impl Default for Records {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl From<Bytes> for Records {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<FileRegion> for Records {
    fn from(region: FileRegion) -> Self {
        Self::File(region)
    }
}
