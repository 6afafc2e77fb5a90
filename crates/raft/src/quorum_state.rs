//! The content of the file `quorum-state`: what a voter must not forget about elections across a restart.
//!
//! JSON of Kafka's QuorumStateData in one line; version 0 for static quorums, version 1 since `kraft.version` 1.

use crate::replica::ReplicaKey;
use base::{LeaderEpoch, NodeId, Uuid};
use serde::{Deserialize, Serialize};

/// The file's name within the metadata log's directory.
pub const QUORUM_STATE_FILE: &str = "quorum-state";

/// The last election as far as this replica took part in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumState {
    /// The epoch; 0 before the first election.
    pub epoch: LeaderEpoch,
    /// Who leads it, if known.
    pub leader: Option<NodeId>,
    /// Whom this replica voted for in it.
    pub voted: Option<ReplicaKey>,
}

impl QuorumState {
    /// Before the first election.
    pub const INITIAL: Self = Self {
        epoch: LeaderEpoch(0),
        leader: None,
        voted: None,
    };
}

/// The file cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum QuorumStateError {
    /// Not the JSON expected.
    #[error("the file quorum-state is not the JSON that Kafka writes: {0}")]
    Json(#[from] serde_json::Error),
    /// Written by a newer program.
    #[error("the file quorum-state has data_version {0}; versions 0 and 1 are known")]
    Version(i16),
    /// Numbers that no election produces.
    #[error("the file quorum-state is contradictory: epoch {epoch}, leader {leader}, vote {voted}")]
    Contradictory {
        /// Its epoch.
        epoch: i32,
        /// Its leader id.
        leader: i32,
        /// Its voted id.
        voted: i32,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version0 {
    cluster_id: String,
    leader_id: i32,
    leader_epoch: i32,
    voted_id: i32,
    applied_offset: i64,
    current_voters: Option<Vec<CurrentVoter>>,
    #[serde(rename = "data_version")]
    data_version: i16,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CurrentVoter {
    voter_id: i32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version1 {
    leader_id: i32,
    leader_epoch: i32,
    voted_id: i32,
    voted_directory_id: String,
    #[serde(rename = "data_version")]
    data_version: i16,
}

#[derive(Deserialize)]
struct AnyVersion {
    data_version: i16,
}

/// Reads the file's content.
///
/// # Errors
/// If this program cannot know what it means.
pub fn decode(text: &[u8]) -> Result<QuorumState, QuorumStateError> {
    let any: AnyVersion = serde_json::from_slice(text)?;
    match any.data_version {
        0 => {
            let data: Version0 = serde_json::from_slice(text)?;
            checked(data.leader_epoch, data.leader_id, data.voted_id, Uuid::ZERO)
        }
        1 => {
            let data: Version1 = serde_json::from_slice(text)?;
            let directory = data.voted_directory_id.parse();
            let directory = directory.map_err(<serde_json::Error as serde::de::Error>::custom)?;
            checked(data.leader_epoch, data.leader_id, data.voted_id, directory)
        }
        other => Err(QuorumStateError::Version(other)),
    }
}

fn checked(epoch: i32, leader: i32, voted: i32, directory: Uuid) -> Result<QuorumState, QuorumStateError> {
    if epoch < 0 || leader < -1 || voted < -1 {
        return Err(QuorumStateError::Contradictory { epoch, leader, voted });
    }
    Ok(QuorumState {
        epoch: LeaderEpoch(epoch),
        leader: (leader >= 0).then_some(NodeId(leader)),
        voted: (voted >= 0).then(|| ReplicaKey::from_wire(voted, directory)),
    })
}

/// The content of a static quorum's file, which also names the voters of the epoch.
pub fn encode_version_0(state: &QuorumState, voters: impl Iterator<Item = NodeId>) -> Vec<u8> {
    encode(&Version0 {
        cluster_id: String::new(),
        leader_id: state.leader.unwrap_or(NodeId::NONE).0,
        leader_epoch: state.epoch.0,
        voted_id: state.voted.map_or(NodeId::NONE, |voted| voted.id).0,
        applied_offset: 0,
        current_voters: Some(voters.map(|voter| CurrentVoter { voter_id: voter.0 }).collect()),
        data_version: 0,
    })
}

/// The content of a dynamic quorum's file.
pub fn encode_version_1(state: &QuorumState) -> Vec<u8> {
    encode(&Version1 {
        leader_id: state.leader.unwrap_or(NodeId::NONE).0,
        leader_epoch: state.epoch.0,
        voted_id: state.voted.map_or(NodeId::NONE, |voted| voted.id).0,
        voted_directory_id: state
            .voted
            .map_or(Uuid::ZERO, |voted| voted.wire_directory())
            .to_string(),
        data_version: 1,
    })
}

fn encode(data: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(data).expect("numbers and strings always have a JSON form")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KAFKA_1: &str =
        r#"{"leaderId":1,"leaderEpoch":1,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}"#;
    const KAFKA_0: &str = r#"{"clusterId":"","leaderId":-1,"leaderEpoch":7,"votedId":2,"appliedOffset":0,"currentVoters":[{"voterId":1},{"voterId":2}],"data_version":0}"#;

    #[test]
    fn both_versions_read_and_write_as_kafka_has_them() {
        let elected = decode(KAFKA_1.as_bytes()).unwrap();
        assert_eq!(
            elected,
            QuorumState {
                epoch: LeaderEpoch(1),
                leader: Some(NodeId(1)),
                voted: None
            }
        );
        assert_eq!(encode_version_1(&elected), KAFKA_1.as_bytes());

        let voted = decode(KAFKA_0.as_bytes()).unwrap();
        let candidate = ReplicaKey {
            id: NodeId(2),
            directory: None,
        };
        assert_eq!(
            voted,
            QuorumState {
                epoch: LeaderEpoch(7),
                leader: None,
                voted: Some(candidate)
            }
        );
        assert_eq!(
            encode_version_0(&voted, [NodeId(1), NodeId(2)].into_iter()),
            KAFKA_0.as_bytes()
        );
    }

    #[test]
    fn a_voted_directory_survives() {
        let voted = ReplicaKey {
            id: NodeId(3),
            directory: Some(Uuid([7; 16])),
        };
        let state = QuorumState {
            epoch: LeaderEpoch(4),
            leader: None,
            voted: Some(voted),
        };
        assert_eq!(decode(&encode_version_1(&state)).unwrap(), state);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in [
            "",
            "{}",
            r#"{"data_version":2}"#,
            r#"{"leaderId":1,"leaderEpoch":-5,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}"#,
            r#"{"leaderId":1,"leaderEpoch":1,"votedId":-1,"votedDirectoryId":"short","data_version":1}"#,
        ] {
            assert!(decode(text.as_bytes()).is_err(), "{text}");
        }
    }
}
