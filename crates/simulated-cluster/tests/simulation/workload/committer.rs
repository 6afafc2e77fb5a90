//! Offsets of groups without members, committed one after the other: the last that was acknowledged is never forgotten. There are many
//! groups, so that what was forgotten is seldom hidden by what was committed later.

use super::{PARTITIONS, PLAIN, Stage, Work, pause};
use base::Rng;
use client::{ClientError, CoordinatorType, find_coordinator};
use protocol::ErrorCode;
use protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};

/// The last version that names topics.
const BY_NAME: i16 = 9;
/// How many groups there are.
const GROUPS: u64 = 60;

pub async fn run(work: Work, who: &'static str, mut rng: Rng) {
    let cluster = work.cluster(who);
    let mut offset = 0;
    while work.stage() == Stage::All {
        let partition = i32::try_from(rng.below(PARTITIONS as u64)).unwrap();
        let group = format!("{who}-{}", rng.below(GROUPS));
        let key = (group.clone(), (PLAIN, partition));
        offset += 1;
        work.history.lock().commits.entry(key.clone()).or_insert((-1, -1)).1 = offset;
        match commit(&cluster, &group, partition, offset).await {
            Ok(()) => {
                let mut told = work.history.lock();
                told.note(format_args!("{group} has committed {offset} of {partition}"));
                told.commits.entry(key).or_insert((-1, -1)).0 = offset;
            }
            Err(error) => work.history.lock().fails(who, "committing", &error),
        }
        pause(&mut rng, 300).await;
    }
}

async fn commit(cluster: &client::Cluster, group: &str, partition: i32, offset: i64) -> Result<(), ClientError> {
    let coordinator = find_coordinator(cluster, CoordinatorType::Group, group).await?;
    let channel = cluster.at(&coordinator.address).await?;
    let request = OffsetCommitRequest {
        group_id: group.to_owned(),
        generation_id_or_member_epoch: -1,
        topics: vec![OffsetCommitRequestTopic {
            name: PLAIN.to_owned(),
            partitions: vec![OffsetCommitRequestPartition {
                partition_index: partition,
                committed_offset: offset,
                committed_leader_epoch: -1,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = channel.send_at(&request, BY_NAME).await?;
    let code = answer.topics[0].partitions[0].error_code;
    match ErrorCode::from(code) {
        ErrorCode::None => Ok(()),
        code => Err(ClientError::Refused {
            code,
            message: String::new(),
        }),
    }
}
