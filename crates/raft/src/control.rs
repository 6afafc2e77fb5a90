//! Control records: what the log says about itself.

use crate::replica::ReplicaKey;
use crate::voters::{Endpoint, KRaftVersionRange, Voter, VoterSet};
use base::{NodeId, Timestamp, Uuid};
use bytes::Bytes;
use protocol::internal::kraft_version_record::KRaftVersionRecord;
use protocol::internal::leader_change_message::{self, LeaderChangeMessage};
use protocol::internal::snapshot_footer_record::SnapshotFooterRecord;
use protocol::internal::snapshot_header_record::SnapshotHeaderRecord;
use protocol::internal::voters_record::{self, VotersRecord};
use protocol::{DecodeError, Message};
use records::{BatchBuilder, ControlRecordType, VerifiedBatch};

/// One control record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlRecord {
    /// The first record of an epoch.
    LeaderChange {
        /// Who leads it.
        leader: NodeId,
        /// The voters.
        voters: Vec<NodeId>,
        /// Those who voted for the leader.
        granting: Vec<NodeId>,
    },
    /// The first record of a snapshot.
    SnapshotHeader {
        /// The append time of the last record that the snapshot covers.
        last_contained_timestamp: Timestamp,
    },
    /// The last record of a snapshot.
    SnapshotFooter,
    /// `kraft.version` from here on.
    KRaftVersion(i16),
    /// The voters from here on.
    Voters(VoterSet),
    /// A record of another kind (by its number), which the metadata log does not use.
    Other(i16),
}

/// Why a control record cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The key is not one of a control record.
    #[error("its key is not that of a control record")]
    Key,
    /// The value is not what the key promises.
    #[error("its value cannot be read: {0}")]
    Value(#[from] DecodeError),
    /// It names a voter twice.
    #[error("it names a voter twice")]
    Twice,
}

impl ControlRecord {
    /// Reads a record of a control batch.
    ///
    /// # Errors
    /// If it cannot be understood.
    pub fn decode(key: &[u8], value: &[u8]) -> Result<Self, ControlError> {
        let kind = ControlRecordType::from_key(key).ok_or(ControlError::Key)?;
        let value = Bytes::copy_from_slice(value);
        match kind {
            ControlRecordType::LeaderChange => leader_change(&value),
            ControlRecordType::SnapshotHeader => {
                let record: SnapshotHeaderRecord = read(&value)?;
                let last_contained_timestamp = Timestamp(record.last_contained_log_timestamp);
                Ok(Self::SnapshotHeader {
                    last_contained_timestamp,
                })
            }
            ControlRecordType::SnapshotFooter => Ok(Self::SnapshotFooter),
            ControlRecordType::KRaftVersion => {
                let record: KRaftVersionRecord = read(&value)?;
                Ok(Self::KRaftVersion(record.kraft_version))
            }
            ControlRecordType::KRaftVoters => voters(&value),
            ControlRecordType::Abort | ControlRecordType::Commit | ControlRecordType::Unknown(_) => {
                Ok(Self::Other(kind.id()))
            }
        }
    }

    fn kind(&self) -> ControlRecordType {
        match self {
            Self::LeaderChange { .. } => ControlRecordType::LeaderChange,
            Self::SnapshotHeader { .. } => ControlRecordType::SnapshotHeader,
            Self::SnapshotFooter => ControlRecordType::SnapshotFooter,
            Self::KRaftVersion(_) => ControlRecordType::KRaftVersion,
            Self::Voters(_) => ControlRecordType::KRaftVoters,
            Self::Other(id) => ControlRecordType::Unknown(*id),
        }
    }

    fn value(&self) -> Bytes {
        // KIP-853: a LeaderChange stays at version 0, without directories, even where voters have them.
        let voter = |id: &NodeId| leader_change_message::Voter {
            voter_id: id.0,
            voter_directory_id: Uuid::ZERO,
        };
        match self {
            Self::LeaderChange {
                leader,
                voters,
                granting,
            } => write(&LeaderChangeMessage {
                version: 0,
                leader_id: leader.0,
                voters: voters.iter().map(voter).collect(),
                granting_voters: granting.iter().map(voter).collect(),
            }),
            Self::SnapshotHeader {
                last_contained_timestamp,
            } => write(&SnapshotHeaderRecord {
                version: 0,
                last_contained_log_timestamp: last_contained_timestamp.0,
            }),
            Self::SnapshotFooter => write(&SnapshotFooterRecord { version: 0 }),
            Self::KRaftVersion(level) => write(&KRaftVersionRecord {
                version: 0,
                kraft_version: *level,
            }),
            Self::Voters(voters) => write(&VotersRecord {
                version: 0,
                voters: voters.iter().map(voter_to_record).collect(),
            }),
            Self::Other(_) => Bytes::new(),
        }
    }
}

/// A batch of `records`, all of the time `now`.
pub fn control_batch(now: Timestamp, records: &[ControlRecord]) -> VerifiedBatch {
    let mut builder = BatchBuilder::new().control();
    for record in records {
        builder.append(now, Some(&record.kind().to_key()), Some(&record.value()), &[]);
    }
    builder.build()
}

fn leader_change(value: &Bytes) -> Result<ControlRecord, ControlError> {
    // The version that the value begins with is also the one it is written in.
    let version = value.first_chunk().map_or(0, |bytes| i16::from_be_bytes(*bytes));
    let message = LeaderChangeMessage::from_bytes(value, version.clamp(0, 1))?;
    let ids = |voters: Vec<leader_change_message::Voter>| voters.iter().map(|voter| NodeId(voter.voter_id)).collect();
    Ok(ControlRecord::LeaderChange {
        leader: NodeId(message.leader_id),
        voters: ids(message.voters),
        granting: ids(message.granting_voters),
    })
}

fn voters(value: &Bytes) -> Result<ControlRecord, ControlError> {
    let record: VotersRecord = read(value)?;
    let voters = record.voters.into_iter().map(voter_from_record).collect();
    VoterSet::new(voters)
        .map(ControlRecord::Voters)
        .ok_or(ControlError::Twice)
}

fn voter_from_record(voter: voters_record::Voter) -> Voter {
    let endpoints = voter.endpoints.into_iter().map(|endpoint| Endpoint {
        listener: endpoint.name,
        host: endpoint.host,
        port: endpoint.port,
    });
    Voter {
        key: ReplicaKey::from_wire(voter.voter_id, voter.voter_directory_id),
        endpoints: endpoints.collect(),
        kraft_versions: KRaftVersionRange {
            min: voter.kraft_version_feature.min_supported_version,
            max: voter.kraft_version_feature.max_supported_version,
        },
    }
}

fn voter_to_record(voter: &Voter) -> voters_record::Voter {
    let endpoints = voter.endpoints.iter().map(|endpoint| voters_record::Endpoint {
        name: endpoint.listener.clone(),
        host: endpoint.host.clone(),
        port: endpoint.port,
    });
    voters_record::Voter {
        voter_id: voter.key.id.0,
        voter_directory_id: voter.key.wire_directory(),
        endpoints: endpoints.collect(),
        kraft_version_feature: voters_record::KRaftVersionFeature {
            min_supported_version: voter.kraft_versions.min,
            max_supported_version: voter.kraft_versions.max,
        },
    }
}

fn read<M: Message>(value: &Bytes) -> Result<M, DecodeError> {
    M::from_bytes(value, 0)
}

fn write<M: Message>(message: &M) -> Bytes {
    message
        .to_bytes(0)
        .expect("every field of a control record exists in version 0 and its strings are short")
}

#[cfg(test)]
mod tests {
    use super::*;
    use records::BatchView;

    /// The first control batch of a Kafka 4.3 metadata log, record by record: keys and values.
    const KAFKA: [(&str, &str); 3] = [
        ("00000002", "00000000000102000000010002000000010000"),
        ("00000005", "0000000100"),
        (
            "00000006",
            "000002000000012ab235c093ff48dab5967a4ad253e3a4020b434f4e54524f4c4c45520a3132372e302e302e3171a5000000000100\
             0000",
        ),
    ];

    fn bytes(hex: &str) -> Vec<u8> {
        let pairs = hex.as_bytes().chunks(2);
        pairs
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn kafkas_records_are_read_and_written_byte_for_byte() {
        let decoded: Vec<_> = KAFKA
            .iter()
            .map(|(key, value)| ControlRecord::decode(&bytes(key), &bytes(value)).unwrap())
            .collect();
        let [
            leader_change,
            ControlRecord::KRaftVersion(1),
            ControlRecord::Voters(voters),
        ] = &decoded[..]
        else {
            panic!("{decoded:?}");
        };
        let one = vec![NodeId(1)];
        let expected = ControlRecord::LeaderChange {
            leader: NodeId(1),
            voters: one.clone(),
            granting: one,
        };
        assert_eq!(leader_change, &expected);
        let voter = voters.get(NodeId(1)).unwrap();
        assert_eq!(voter.key.directory, "KrI1wJP_SNq1lnpK0lPjpA".parse().ok());
        assert_eq!(
            (voter.endpoints[0].host.as_str(), voter.endpoints[0].port),
            ("127.0.0.1", 29093)
        );
        assert_eq!(voter.kraft_versions, KRaftVersionRange::SUPPORTED);

        let batch = control_batch(Timestamp(1), &decoded).to_bytes();
        let (view, _) = BatchView::split(&batch).unwrap();
        let written: Vec<_> = view.records().unwrap().map(|record| record.unwrap()).collect();
        for (record, (key, value)) in written.iter().zip(KAFKA) {
            assert_eq!(record.key, Some(&bytes(key)[..]));
            assert_eq!(record.value, Some(&bytes(value)[..]));
        }
        assert_eq!(written.len(), KAFKA.len());
    }

    #[test]
    fn a_leader_change_with_directories_is_read_too() {
        let voter = leader_change_message::Voter {
            voter_id: 4,
            voter_directory_id: Uuid([3; 16]),
        };
        let message = LeaderChangeMessage {
            version: 1,
            leader_id: 4,
            voters: vec![voter],
            granting_voters: Vec::new(),
        };
        let value = message.to_bytes(1).unwrap();
        let decoded = ControlRecord::decode(&ControlRecordType::LeaderChange.to_key(), &value).unwrap();
        let expected = ControlRecord::LeaderChange {
            leader: NodeId(4),
            voters: vec![NodeId(4)],
            granting: Vec::new(),
        };
        assert_eq!(decoded, expected);
    }

    #[test]
    fn hostile_values_are_errors() {
        for (key, value) in KAFKA {
            let value = bytes(value);
            for cut in 0..value.len() {
                assert!(
                    ControlRecord::decode(&bytes(key), &value[..cut]).is_err(),
                    "{key} cut at {cut}"
                );
            }
        }
    }
}
