//! What an operator asks a cluster for, at the wrong time: elections, reassignments, other voters.

use anyhow::{Context, Result, ensure};
use protocol::messages::add_raft_voter_request::{AddRaftVoterRequest, Listener};
use protocol::messages::alter_partition_reassignments_request::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use protocol::messages::elect_leaders_request::ElectLeadersRequest;
use protocol::messages::remove_raft_voter_request::RemoveRaftVoterRequest;
use std::time::{Duration, Instant};
use testkit::Talk;

use super::{Cure, Nemesis};
use crate::fault::Victim;

/// How long a request may take.
const REQUEST: Duration = Duration::from_secs(5);
/// How long a voter, or a third replica, may take to come back.
const RETURN: Duration = Duration::from_secs(60);

impl Nemesis<'_> {
    /// A connection to some node that is well.
    fn talk(&self) -> Result<Talk> {
        let nodes = self.well().into_iter().map(|id| self.patient.nodes.node(id));
        let mut talks = nodes.filter_map(|node| Talk::at(node.client_address()).ok());
        let mut talk = talks.next().context("nobody answers")?;
        talk.wire().set_timeout(REQUEST)?;
        Ok(talk)
    }

    pub(super) fn elect(&mut self) -> Result<Vec<Cure>> {
        self.say("Elect");
        let request = ElectLeadersRequest {
            topic_partitions: None,
            timeout_ms: 4_000,
            ..Default::default()
        };
        self.talk()?.ask(&request, 2)?;
        Ok(Vec::new())
    }

    /// Two or three other nodes, or the same in another order.
    pub(super) fn reassign(&mut self, partition: i32) -> Result<Vec<Cure>> {
        let count = 2 + usize::try_from(self.rng.below(2))?;
        let replicas = self.some_nodes(count);
        self.say(&format!("Reassign: {}-{partition} to {replicas:?}", self.topic));
        self.ask_to_move(partition, replicas)?;
        Ok(vec![Cure::Replicas(partition)])
    }

    pub(super) fn restore(&mut self, partition: i32) -> Result<()> {
        let deadline = Instant::now() + RETURN;
        loop {
            let replicas = self.some_nodes(3);
            let Err(error) = self.ask_to_move(partition, replicas) else {
                return Ok(());
            };
            ensure!(Instant::now() < deadline, "{error:#}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn some_nodes(&mut self, count: usize) -> Vec<i32> {
        let mut ids: Vec<i32> = self.patient.ids().collect();
        for at in (1..ids.len()).rev() {
            let other = usize::try_from(self.rng.below(at as u64 + 1)).expect("an index");
            ids.swap(at, other);
        }
        ids.truncate(count);
        ids
    }

    fn ask_to_move(&self, partition: i32, replicas: Vec<i32>) -> Result<()> {
        let partition = ReassignablePartition {
            partition_index: partition,
            replicas: Some(replicas),
        };
        let request = AlterPartitionReassignmentsRequest {
            timeout_ms: 4_000,
            topics: vec![ReassignableTopic {
                name: self.topic.to_owned(),
                partitions: vec![partition],
            }],
            ..Default::default()
        };
        let answer = self.talk()?.ask(&request, 1)?;
        let of_topics = answer.responses.iter().flat_map(|topic| &topic.partitions);
        let refused = of_topics.map(|partition| partition.error_code).find(|code| *code != 0);
        let error = refused.unwrap_or(answer.error_code);
        ensure!(error == 0, "AlterPartitionReassignments: error {error}");
        Ok(())
    }

    /// A connection to the active controller.
    fn controller(&self) -> Result<Talk> {
        let leader = self.patient.quorum(self.well().into_iter())?.leader;
        let mut talk = Talk::at(self.patient.nodes.node(leader).controller_address())?;
        talk.wire().set_timeout(REQUEST)?;
        Ok(talk)
    }

    pub(super) fn remove_voter(&mut self, victim: Victim) -> Result<Vec<Cure>> {
        let id = self.resolve(victim)?;
        // It suffers nothing but that.
        self.ill.remove(&id);
        self.say(&format!("Revote({victim:?}): node {id} leaves"));
        let request = RemoveRaftVoterRequest {
            cluster_id: None,
            voter_id: id,
            voter_directory_id: self.patient.nodes.node(id).directory_id(),
        };
        let answer = self.controller()?.ask(&request, 0);
        // Whatever was answered, it may have left.
        let code = answer.map(|answer| (answer.error_code, answer.error_message));
        self.say(&format!("  answered {code:?}"));
        Ok(vec![Cure::Voter(id)])
    }

    /// Until it is a voter: a request may fail while others of the round's faults are just cured.
    pub(super) fn add_voter(&mut self, id: i32) -> Result<()> {
        let deadline = Instant::now() + RETURN;
        loop {
            match self.try_to_add_voter(id) {
                Ok(true) => return Ok(()),
                tried => ensure!(Instant::now() < deadline, "node {id} is no voter again: {tried:?}"),
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn try_to_add_voter(&self, id: i32) -> Result<bool> {
        let voters = self.patient.quorum(self.well().into_iter())?.voters;
        if voters.iter().any(|(voter, ..)| *voter == id) {
            return Ok(true);
        }
        let node = self.patient.nodes.node(id);
        let (host, port) = node.controller_address().rsplit_once(':').context("an address")?;
        let request = AddRaftVoterRequest {
            cluster_id: None,
            timeout_ms: 4_000,
            voter_id: id,
            voter_directory_id: node.directory_id(),
            listeners: vec![Listener {
                name: "CONTROLLER".to_owned(),
                host: host.to_owned(),
                port: port.parse()?,
            }],
            ack_when_committed: true,
        };
        let answer = self.controller()?.ask(&request, 1)?;
        ensure!(
            answer.error_code == 0,
            "AddRaftVoter: {} {:?}",
            answer.error_code,
            answer.error_message
        );
        Ok(false)
    }
}
