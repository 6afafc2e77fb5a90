//! What the metadata says of a topic.

use base::{LeaderEpoch, NodeId, Uuid};
use protocol::ErrorCode;
use protocol::messages::metadata_response::{MetadataResponsePartition, MetadataResponseTopic};

/// One partition as the metadata describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// The partition's number.
    pub index: i32,
    /// Why it cannot be used, if so.
    pub error: ErrorCode,
    /// Its leader, or [`NodeId::NONE`].
    pub leader: NodeId,
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
    /// Its replicas.
    pub replicas: Vec<NodeId>,
    /// The replicas in sync.
    pub isr: Vec<NodeId>,
}

/// One topic as the metadata describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMetadata {
    /// The topic's name.
    pub name: String,
    /// Its id; zero from a broker too old to tell.
    pub id: Uuid,
    /// Why it cannot be used, if so.
    pub error: ErrorCode,
    /// Whether it is one of Kafka's own.
    pub is_internal: bool,
    /// Its partitions, by number.
    pub partitions: Vec<PartitionMetadata>,
}

impl TopicMetadata {
    /// Keeps what was known before of partitions that have a newer leader than this says: whoever told this has not heard of it, as
    /// a broker that is cut off does not, and may think that it leads still (KIP-320).
    pub(crate) fn keep_newer(&mut self, known: &Self) {
        // Without an id nobody knows whether it is the same topic.
        if known.id != self.id || self.id == Uuid::ZERO {
            return;
        }
        for partition in &mut self.partitions {
            let at = known
                .partitions
                .binary_search_by_key(&partition.index, |known| known.index);
            if let Some(known) = at.ok().map(|at| &known.partitions[at])
                && known.leader_epoch > partition.leader_epoch
            {
                partition.clone_from(known);
            }
        }
    }
}

impl From<MetadataResponseTopic> for TopicMetadata {
    fn from(topic: MetadataResponseTopic) -> Self {
        let mut partitions: Vec<_> = topic.partitions.into_iter().map(partition).collect();
        partitions.sort_by_key(|partition| partition.index);
        Self {
            name: topic.name.unwrap_or_default(),
            id: topic.topic_id,
            error: ErrorCode::from(topic.error_code),
            is_internal: topic.is_internal,
            partitions,
        }
    }
}

fn partition(partition: MetadataResponsePartition) -> PartitionMetadata {
    let nodes = |ids: Vec<i32>| ids.into_iter().map(NodeId).collect();
    PartitionMetadata {
        index: partition.partition_index,
        error: ErrorCode::from(partition.error_code),
        leader: NodeId(partition.leader_id),
        leader_epoch: LeaderEpoch(partition.leader_epoch),
        replicas: nodes(partition.replica_nodes),
        isr: nodes(partition.isr_nodes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(id: Uuid, leaders: &[(i32, i32)]) -> TopicMetadata {
        let partitions = (0..).zip(leaders).map(|(index, (leader, epoch))| PartitionMetadata {
            index,
            error: ErrorCode::None,
            leader: NodeId(*leader),
            leader_epoch: LeaderEpoch(*epoch),
            replicas: vec![NodeId(1), NodeId(2)],
            isr: vec![NodeId(*leader)],
        });
        TopicMetadata {
            name: String::from("t"),
            id,
            error: ErrorCode::None,
            is_internal: false,
            partitions: partitions.collect(),
        }
    }

    #[test]
    fn a_leader_of_an_older_epoch_is_not_believed() {
        let leaders = |known: &TopicMetadata, mut fresh: TopicMetadata| {
            fresh.keep_newer(known);
            let leaders = fresh.partitions.iter();
            leaders
                .map(|partition| (partition.leader.0, partition.leader_epoch.0))
                .collect::<Vec<_>>()
        };
        let known = told(Uuid::ONE, &[(1, 5), (1, 5), (1, 5)]);
        let mixed = [(2, 4), (2, 5), (2, 6), (2, 0)];
        assert_eq!(
            leaders(&known, told(Uuid::ONE, &mixed)),
            [(1, 5), (2, 5), (2, 6), (2, 0)]
        );
        // Another topic of that name, and brokers that tell of no ids.
        assert_eq!(leaders(&known, told(Uuid::LOST_DIR, &mixed)), mixed);
        assert_eq!(
            leaders(&told(Uuid::ZERO, &[(1, 5)]), told(Uuid::ZERO, &[(2, 4)])),
            [(2, 4)]
        );
    }
}
