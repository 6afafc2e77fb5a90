//! What a log has changed besides its last segment's data since its last flush.

use crate::segment::Segment;
use base::Offset;
use std::path::PathBuf;
use std::sync::Arc;

/// What the next flush puts on stable storage beside the last segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unsynced {
    /// Segments that were completed; their indexes are complete too.
    pub(crate) sealed: Vec<Arc<Segment>>,
    /// Producer snapshots that were written.
    pub(crate) snapshots: Vec<PathBuf>,
    /// Whether the partition's directory has new names in it.
    pub(crate) names: Names,
    /// Whether `leader-epoch-checkpoint` lags behind.
    pub(crate) epochs: Epochs,
    /// Where the first epoch begins that the file does not name.
    pub(crate) epochs_from: Option<Offset>,
}

/// Whether a directory has entries that are not safe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Names {
    /// All are safe.
    #[default]
    Synced,
    /// Files were created.
    Changed,
    /// The directory itself is new as well.
    NewDirectory,
}

/// Whether the file of leader epochs is up to date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Epochs {
    /// It is.
    #[default]
    Written,
    /// An epoch began that it does not name.
    Due,
}

impl Unsynced {
    /// Whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.has_only_epochs() && self.epochs == Epochs::Written
    }

    /// Whether there is nothing but epochs.
    pub(crate) fn has_only_epochs(&self) -> bool {
        self.sealed.is_empty() && self.snapshots.is_empty() && self.names == Names::Synced
    }

    /// An epoch begins at `offset`, or may do so after it.
    pub(crate) fn epoch_begins(&mut self, offset: Offset) {
        self.epochs = Epochs::Due;
        self.epochs_from = Some(self.epochs_from.map_or(offset, |known| known.min(offset)));
    }

    /// The file names all epochs.
    pub(crate) fn epochs_written(&mut self) {
        self.epochs = Epochs::Written;
        self.epochs_from = None;
    }

    /// A file was created in the partition's directory.
    pub(crate) fn names_changed(&mut self) {
        if self.names == Names::Synced {
            self.names = Names::Changed;
        }
    }
}
