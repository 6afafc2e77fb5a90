//! Shows the committed metadata to the rest of the node.

use crate::settings_in_force::SettingsInForce;
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
    settings: SettingsInForce,
    /// The end of the last write that changes the image.
    changed_up_to: Offset,
    /// Everything below is in the image shown.
    shown_up_to: Offset,
}

impl Publisher {
    /// Shows nothing: what is committed is not known before a leader says so.
    pub(crate) fn new(settings: SettingsInForce) -> (Self, watch::Receiver<Published>) {
        let (published, receiver) = watch::channel(Published::nothing());
        let publisher = Self {
            published,
            settings,
            changed_up_to: Offset::ZERO,
            shown_up_to: Offset::NONE,
        };
        (publisher, receiver)
    }

    /// Takes note of what is written below `end`: no-op records move the offset, but are no reason to look again.
    pub(crate) fn note(&mut self, records: &[MetadataRecord], end: Offset) {
        if records.iter().any(|record| !matches!(record, MetadataRecord::NoOp(_))) {
            self.note_snapshot(end);
        }
    }

    /// Takes note that a snapshot replaces everything below `end`.
    pub(crate) fn note_snapshot(&mut self, end: Offset) {
        self.changed_up_to = end;
    }

    /// Everything below `end` is committed, and `state` is its fold. Nobody is woken for an end that moves alone, as it does
    /// twice a second: who looks sees it.
    pub(crate) fn publish(&mut self, state: &ControllerState, end: Offset, kraft_version: i16) {
        let changed = (self.changed_up_to > self.shown_up_to).then(|| {
            self.shown_up_to = end.min(self.changed_up_to);
            Arc::new(state.published().clone())
        });
        if let Some(image) = &changed {
            // Before the image: who finds a config there finds it in force.
            let before = Arc::clone(&self.published.borrow().image);
            self.settings.follow(&before, image);
        }
        self.published.send_if_modified(|shown| {
            let is_news = changed.is_some() || shown.kraft_version != kraft_version;
            shown.image = changed.unwrap_or_else(|| Arc::clone(&shown.image));
            (shown.end, shown.kraft_version) = (end, kraft_version);
            is_news
        });
    }
}
