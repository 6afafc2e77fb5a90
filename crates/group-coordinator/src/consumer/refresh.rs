//! The group's epoch: it moves on when what the members read changes, or the topics behind it.

use super::draft::Draft;
use crate::desk::Desk;
use crate::record::ConsumerRecord;
use std::sync::Arc;

/// Whether the epoch is to move on in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bump {
    /// It is.
    Always,
    /// Only if the topics have changed.
    IfTopicsChanged,
}

/// Whether the topics behind the group may have changed since they were last looked at. What was looked at for an epoch
/// that was lost does not count.
pub(crate) fn is_due(desk: &Desk, draft: &Draft) -> bool {
    let looked_at = desk.refreshed.get(&draft.id);
    looked_at.is_none_or(|epoch| draft.group.epoch < *epoch)
}

/// Looks at the topics, and moves the epoch on if it is to.
pub(crate) fn refresh(desk: &mut Desk, draft: &mut Draft, bump: Bump) {
    let hash = desk.picture.topics.hash(draft.group.index().topics.keys());
    if bump == Bump::Always || hash != draft.group.metadata_hash {
        let epoch = draft.group.epoch.saturating_add(1);
        draft.write_epoch(epoch, hash);
        tracing::debug!(group = %draft.id, epoch, "the group's epoch moves on");
    }
    desk.refreshed.insert(Arc::clone(&draft.id), draft.group.epoch);
    if draft.group.has_partition_metadata {
        draft.write(ConsumerRecord::PartitionMetadata(None));
    }
}
