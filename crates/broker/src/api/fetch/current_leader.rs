//! The leader that is named beside an error about it (KIP-951).

use crate::fetch_session::FetchPartitionKey;
use crate::leader_hint::LeaderHints;
use protocol::ErrorCode;
use protocol::messages::fetch_response::LeaderIdAndEpoch;

/// The first version that names the current leader beside an error about it.
const LEADERS_FROM: i16 = 16;

/// The one in the image, as what the error has to be answered with; nothing beside other errors.
pub(super) fn current_leader(
    hints: &mut LeaderHints<'_>,
    version: i16,
    key: &FetchPartitionKey,
    error: ErrorCode,
) -> LeaderIdAndEpoch {
    let is_about_leader = matches!(error, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch);
    if version < LEADERS_FROM || !is_about_leader {
        return LeaderIdAndEpoch::default();
    }
    let topic = hints.topic(&key.topic, key.topic_id);
    let (leader, epoch) = hints.name(topic, key.index);
    LeaderIdAndEpoch { leader_id: leader.0, leader_epoch: epoch.0 }
}
