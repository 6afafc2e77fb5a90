//! What commits say at the same time shares a batch, where the coordinator is told to wait for it.

use anyhow::{Context, Result};
use protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use records::batches;
use testkit::talk::until;
use testkit::{Cluster, Settings, Talk};

const COMMITS: usize = 6;
const VERSION: i16 = 9;

fn commit(group: &str) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition {
        committed_offset: 7,
        committed_leader_epoch: -1,
        ..Default::default()
    };
    let topic = OffsetCommitRequestTopic {
        name: "t".to_owned(),
        partitions: vec![partition],
        ..Default::default()
    };
    OffsetCommitRequest {
        group_id: group.to_owned(),
        generation_id_or_member_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    }
}

/// Commits an offset of topic `t` as soon as the group has a coordinator.
pub(super) fn until_committed(talk: &mut Talk, group: &str) -> Result<()> {
    until("a coordinator", || {
        let request = FindCoordinatorRequest {
            key_type: 0,
            coordinator_keys: vec![group.to_owned()],
            ..Default::default()
        };
        let found = talk.ask(&request, 4)?;
        let answer = (found.coordinators[0].error_code == 0).then(|| talk.ask(&commit(group), VERSION));
        let Some(answer) = answer.transpose()? else {
            return Ok(false);
        };
        Ok(answer.topics[0].partitions[0].error_code == 0)
    })
}

/// How many records each batch of the coordinator's log has.
fn batch_sizes(broker: &dyn Cluster) -> Result<Vec<i32>> {
    let log = broker.data_dir().join("__consumer_offsets-0/00000000000000000000.log");
    let bytes = std::fs::read(&log).with_context(|| log.display().to_string())?;
    // Behind the log's end there may be zeros.
    let whole = batches(&bytes).map_while(Result::ok);
    Ok(whole.map(|batch| batch.header().record_count).collect())
}

#[test]
fn commits_share_a_batch_where_the_coordinator_lingers() -> Result<()> {
    let settings = Settings::default()
        .with("offsets.topic.num.partitions", 1)
        .with("group.coordinator.append.linger.ms", 2_000);
    let broker = super::broker(&settings)?;
    let mut talk = Talk::to(&*broker)?;
    talk.create_topic("t", 1, &[])?;
    until_committed(&mut talk, "first")?;
    assert_eq!(batch_sizes(&*broker)?, [1]);

    let mut talks = (0..COMMITS).map(|_| Talk::to(&*broker)).collect::<Result<Vec<_>>>()?;
    for (talk, number) in talks.iter_mut().zip(0..) {
        talk.send(&commit(&format!("group-{number}")), VERSION)?;
    }
    for talk in &mut talks {
        let answer = talk.receive::<OffsetCommitRequest>(VERSION)?;
        assert_eq!(answer.topics[0].partitions[0].error_code, 0);
    }
    // How many were there in time is the machine's to say.
    let sizes = batch_sizes(&*broker)?;
    assert_eq!(sizes.iter().sum::<i32>(), 1 + i32::try_from(COMMITS)?, "{sizes:?}");
    assert!(sizes.len() < 1 + COMMITS, "{sizes:?}");
    Ok(())
}
