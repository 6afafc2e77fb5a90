//! AlterPartition (56): a leader changes who is in sync (KIP-497, KIP-704, KIP-903).
//! Errors: STALE_BROKER_EPOCH; per partition UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION, NOT_CONTROLLER (the leader
//! knows more than this controller), FENCED_LEADER_EPOCH, INVALID_UPDATE_VERSION, INVALID_REQUEST, INELIGIBLE_REPLICA,
//! NEW_LEADER_ELECTED (applied, and the leadership went elsewhere).

use super::{Outcome, check_broker_epoch};
use crate::partition::{Election, ElectionRules, PartitionChange};
use crate::settings::ControllerSettings;
use crate::state::ControllerState;
use base::NodeId;
use metadata::image::{BrokerEpoch, LeaderRecoveryState, PartitionImage, TopicImage};
use protocol::ErrorCode;
use protocol::messages::alter_partition_request as asked;
use protocol::messages::alter_partition_response as answered;
use protocol::metadata_records::MetadataRecord;

/// In a PartitionChangeRecord: the leader stays.
const NO_LEADER_CHANGE: i32 = -2;

/// Changes in-sync replicas. A request of version 2 names them without epochs (`new_isr`): that counts as epoch -1.
pub fn alter_partition(
    state: &ControllerState,
    settings: &ControllerSettings,
    request: &asked::AlterPartitionRequest,
) -> Outcome<answered::AlterPartitionResponse> {
    if let Err(error) = check_broker_epoch(state, request.broker_id, request.broker_epoch) {
        let error_code = error.code.code();
        return Outcome::unchanged(answered::AlterPartitionResponse {
            error_code,
            ..Default::default()
        });
    }
    let mut records = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for asked in &request.topics {
        let topic = state.image().topics.get_by_id(asked.topic_id);
        let mut partitions = Vec::with_capacity(asked.partitions.len());
        for wanted in &asked.partitions {
            let altered = match topic {
                Some(topic) => alter(state, settings, request.broker_id, topic, wanted, &mut records),
                None => Err(ErrorCode::UnknownTopicId),
            };
            partitions.push(answer(wanted.partition_index, altered));
        }
        topics.push(answered::TopicData {
            topic_id: asked.topic_id,
            partitions,
        });
    }
    Outcome::splittable(
        records,
        answered::AlterPartitionResponse {
            topics,
            ..Default::default()
        },
    )
}

fn answer(partition_index: i32, altered: Result<PartitionImage, ErrorCode>) -> answered::PartitionData {
    match altered {
        Err(code) => answered::PartitionData {
            partition_index,
            error_code: code.code(),
            ..Default::default()
        },
        Ok(partition) => answered::PartitionData {
            partition_index,
            error_code: ErrorCode::None.code(),
            leader_id: partition.leader.0,
            leader_epoch: partition.leader_epoch.0,
            isr: partition.isr.iter().map(|node| node.0).collect(),
            leader_recovery_state: partition.leader_recovery_state.code(),
            partition_epoch: partition.partition_epoch.0,
        },
    }
}

/// One replica of the set that a leader wants, with the registration it means; `None` in old requests.
#[derive(Clone, Copy)]
struct Member {
    id: NodeId,
    epoch: Option<BrokerEpoch>,
}

fn members(wanted: &asked::PartitionData) -> Vec<Member> {
    let with_epochs = wanted.new_isr_with_epochs.iter().map(|broker| Member {
        id: NodeId(broker.broker_id),
        epoch: (broker.broker_epoch != BrokerEpoch::NONE.0).then_some(BrokerEpoch(broker.broker_epoch)),
    });
    with_epochs
        .chain(wanted.new_isr.iter().map(|id| Member {
            id: NodeId(*id),
            epoch: None,
        }))
        .collect()
}

fn alter(
    state: &ControllerState,
    settings: &ControllerSettings,
    leader: i32,
    topic: &TopicImage,
    wanted: &asked::PartitionData,
    records: &mut Vec<MetadataRecord>,
) -> Result<PartitionImage, ErrorCode> {
    let partition = topic
        .partition(wanted.partition_index)
        .ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let isr = members(wanted);
    let recovery = validate(state, leader, partition, wanted, &isr)?;
    let rules = ElectionRules::new(state, settings.effective_min_insync_replicas(state, topic));
    let mut change = PartitionChange::new(partition, topic.id, wanted.partition_index, rules);
    if settings.allows_unclean_election(state, &topic.name) {
        change.election = Election::Unclean;
    }
    change.isr = isr.iter().map(|member| member.id).collect();
    change.leader_recovery_state = recovery;
    let Some(record) = change.build() else {
        return Ok(partition.clone());
    };
    let lost = record.leader != leader && record.leader != NO_LEADER_CHANGE;
    let changed = partition
        .changed_by(&record)
        .expect("a change made from the partition fits it");
    records.push(MetadataRecord::PartitionChange(record));
    if lost {
        Err(ErrorCode::NewLeaderElected)
    } else {
        Ok(changed)
    }
}

fn validate(
    state: &ControllerState,
    leader: i32,
    partition: &PartitionImage,
    wanted: &asked::PartitionData,
    isr: &[Member],
) -> Result<LeaderRecoveryState, ErrorCode> {
    if wanted.leader_epoch > partition.leader_epoch.0 || wanted.partition_epoch > partition.partition_epoch.0 {
        return Err(ErrorCode::NotController);
    }
    if wanted.leader_epoch < partition.leader_epoch.0 {
        return Err(ErrorCode::FencedLeaderEpoch);
    }
    if NodeId(leader) != partition.leader {
        return Err(ErrorCode::InvalidRequest);
    }
    if wanted.partition_epoch < partition.partition_epoch.0 {
        return Err(ErrorCode::InvalidUpdateVersion);
    }
    let mut ids: Vec<NodeId> = isr.iter().map(|member| member.id).collect();
    ids.sort_unstable();
    let twice = ids.windows(2).any(|pair| pair[0] == pair[1]);
    let foreign = ids.iter().any(|id| !partition.replicas.contains(id));
    if twice || foreign || !ids.contains(&partition.leader) {
        return Err(ErrorCode::InvalidRequest);
    }
    let recovery = LeaderRecoveryState::from_code(wanted.leader_recovery_state).ok_or(ErrorCode::InvalidRequest)?;
    let recovering = recovery == LeaderRecoveryState::Recovering;
    if recovering && (ids.len() > 1 || partition.leader_recovery_state == LeaderRecoveryState::Recovered) {
        return Err(ErrorCode::InvalidRequest);
    }
    if isr.iter().any(|member| !is_eligible(state, *member)) {
        return Err(ErrorCode::IneligibleReplica);
    }
    Ok(recovery)
}

fn is_eligible(state: &ControllerState, member: Member) -> bool {
    let known = |epoch: BrokerEpoch| member.epoch.is_none_or(|given| given == epoch);
    state
        .broker(member.id)
        .is_some_and(|broker| broker.is_active() && known(broker.epoch))
}
