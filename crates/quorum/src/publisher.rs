//! Shows the committed metadata to the rest of the node.

use base::Offset;
use controller::ControllerState;
use metadata::Published;
use protocol::metadata_records::MetadataRecord;
use std::sync::Arc;
use tokio::sync::watch;

/// The sending end of what [`crate::QuorumNode`] shows.
#[derive(Debug)]
pub(crate) struct Publisher {
    published: watch::Sender<Published>,
    /// The end of the last write that changes the image.
    changed_up_to: Offset,
    /// Everything below is in the image shown.
    shown_up_to: Offset,
}

impl Publisher {
    /// Shows `state`, the fold of everything below `end`.
    pub(crate) fn new(state: &ControllerState, end: Offset, kraft_version: i16) -> (Self, watch::Receiver<Published>) {
        let image = Arc::new(state.published().clone());
        let (published, receiver) = watch::channel(Published {
            image,
            end,
            kraft_version,
        });
        (
            Self {
                published,
                changed_up_to: end,
                shown_up_to: end,
            },
            receiver,
        )
    }

    /// Takes note of what is written below `end`: no-op records move the offset, but are no reason to look again.
    pub(crate) fn note(&mut self, records: &[MetadataRecord], end: Offset) {
        if records.iter().any(|record| !matches!(record, MetadataRecord::NoOp(_))) {
            self.changed_up_to = end;
        }
    }

    /// Everything below `end` is committed, and `state` is its fold.
    pub(crate) fn publish(&mut self, state: &ControllerState, end: Offset, kraft_version: i16) {
        let image = if self.changed_up_to > self.shown_up_to {
            self.shown_up_to = end.min(self.changed_up_to);
            Arc::new(state.published().clone())
        } else {
            Arc::clone(&self.published.borrow().image)
        };
        self.published.send_replace(Published {
            image,
            end,
            kraft_version,
        });
    }
}
