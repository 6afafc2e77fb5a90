//! The metadata quorum of a running cluster, as its members tell of it.

use anyhow::{Context, Result, ensure};
use base::Uuid;
use protocol::messages::describe_quorum_request::{DescribeQuorumRequest, PartitionData, TopicData};
use std::time::Duration;

use super::{Node, Nodes};
use crate::Talk;
use crate::talk::eventually;

/// How long a controller may take to answer; a frozen one does not.
const QUESTION: Duration = Duration::from_secs(2);

/// What the active controller says of the quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumView {
    /// The active controller.
    pub leader: i32,
    /// Its epoch.
    pub epoch: i32,
    /// The end of what is committed.
    pub high_watermark: i64,
    /// The voters: id, directory id (zero where voters are static) and how far they have fetched.
    pub voters: Vec<(i32, Uuid, i64)>,
    /// Everybody else who fetches, in the same form.
    pub observers: Vec<(i32, Uuid, i64)>,
}

impl Node {
    /// What this controller says of the quorum; an error unless it leads.
    pub fn quorum(&self) -> Result<QuorumView> {
        let mut talk = Talk::at(self.controller_address())?;
        talk.wire().set_timeout(QUESTION)?;
        let topic = TopicData {
            topic_name: "__cluster_metadata".to_owned(),
            partitions: vec![PartitionData { partition_index: 0 }],
        };
        let answer = talk.ask(&DescribeQuorumRequest { topics: vec![topic] }, 2)?;
        ensure!(answer.error_code == 0, "DescribeQuorum: error {}", answer.error_code);
        let mut topics = answer.topics.into_iter();
        let partition = topics.next().and_then(|mut topic| topic.partitions.pop());
        let partition = partition.context("the metadata partition")?;
        ensure!(
            partition.error_code == 0,
            "DescribeQuorum: error {}",
            partition.error_code
        );
        let states = |states: Vec<protocol::messages::describe_quorum_response::ReplicaState>| {
            let mut states: Vec<_> = states
                .into_iter()
                .map(|state| (state.replica_id, state.replica_directory_id, state.log_end_offset))
                .collect();
            states.sort_by_key(|(id, ..)| *id);
            states
        };
        Ok(QuorumView {
            leader: partition.leader_id,
            epoch: partition.leader_epoch,
            high_watermark: partition.high_watermark,
            voters: states(partition.current_voters),
            observers: states(partition.observers),
        })
    }
}

impl Nodes {
    /// Waits until a controller leads the quorum; answers what it says of it.
    pub fn quorum(&self) -> Result<QuorumView> {
        let found = eventually("an active controller", || {
            let controllers = self.iter().filter(|node| node.is_running() && node.is_controller());
            Ok(controllers.filter_map(|node| node.quorum().ok()).next())
        });
        found.with_context(|| self.log_tails())
    }

    /// Waits until a controller other than `former` leads the quorum; answers its id.
    pub fn controller_after(&self, former: i32) -> Result<i32> {
        let found = eventually("another active controller", || {
            let others = self
                .iter()
                .filter(|node| node.is_running() && node.is_controller() && node.id() != former);
            let views = others.filter_map(|node| node.quorum().ok());
            Ok(views.map(|view| view.leader).find(|leader| *leader != former))
        });
        found.with_context(|| self.log_tails())
    }
}
