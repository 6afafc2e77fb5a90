//! A host in memory: a log that commits when told to, a clock that moves when told to.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod consumers;

use base::{Instant, Offset, ProducerId, Rng, Timestamp};
use bytes::Bytes;
use coordinator_runtime::{Outcome as RuntimeOutcome, Runtime, Settled};
use group_coordinator::classic::member::Protocol;
use group_coordinator::op::join_group::{JoinGroup, MemberIdPolicy, SkipAssignment, join_group};
use group_coordinator::op::offset_commit::{UnknownGroup, offset_commit};
use group_coordinator::op::{heartbeat, leave_group, sync_group};
use group_coordinator::{
    Answer, Completion, GroupCoordinator, GroupRecord, GroupSettings, GroupState, Lost, Moment, Outcome, Picture, Token,
};
use protocol::ErrorCode;
use protocol::messages::heartbeat_request::HeartbeatRequest;
use protocol::messages::join_group_response::JoinGroupResponse;
use protocol::messages::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use protocol::messages::leave_group_response::LeaveGroupResponse;
use protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use protocol::messages::sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment};
use protocol::messages::sync_group_response::SyncGroupResponse;
use std::collections::BTreeMap;
use std::time::Duration;

/// How the log behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogMood {
    /// What is appended is committed.
    Commits,
    /// What is appended waits for [`Host::commit`].
    Holds,
    /// Nothing is appended.
    Fails(Lost),
}

pub struct Host {
    pub coordinator: GroupCoordinator,
    pub runtime: Runtime<GroupState, Completion>,
    /// What was appended, as it stands in the log.
    pub log: Vec<(Bytes, Option<Bytes>)>,
    pub mood: LogMood,
    pub settings: GroupSettings,
    millis: u64,
    /// Counts coordinators: no two give out the same member ids.
    incarnation: u64,
    next_token: u64,
    answers: BTreeMap<Token, Answer>,
}

impl Host {
    pub fn new(settings: GroupSettings) -> Self {
        Self::load(settings, Vec::new(), 1_000_000, 1)
    }

    /// A coordinator that takes over a log.
    pub fn load(settings: GroupSettings, log: Vec<(Bytes, Option<Bytes>)>, millis: u64, incarnation: u64) -> Self {
        let mut state = GroupState::default();
        for (offset, (key, value)) in (0..).map(Offset).zip(&log) {
            group_coordinator::load::replay(&mut state, offset, key, value.as_ref(), ProducerId::NONE);
        }
        let end = Offset(i64::try_from(log.len()).unwrap());
        let moment = moment(millis);
        let coordinator = GroupCoordinator::take_over(
            &state,
            settings.clone(),
            Picture::default(),
            Rng::from_seed(incarnation),
            moment,
        );
        Self {
            coordinator,
            runtime: Runtime::new(state, end),
            log,
            mood: LogMood::Commits,
            settings,
            millis,
            incarnation,
            next_token: 0,
            answers: BTreeMap::new(),
        }
    }

    /// The coordinator that follows after this one is lost with all that was not committed.
    pub fn fail_over(mut self) -> Self {
        let committed = usize::try_from(self.runtime.committed_end().0).unwrap();
        self.log.truncate(committed);
        Self::load(self.settings, self.log, self.millis, self.incarnation + 1)
    }

    pub fn moment(&self) -> Moment {
        moment(self.millis)
    }

    pub fn run(
        &mut self,
        operation: impl FnOnce(&mut GroupCoordinator, &GroupState, Moment, Token) -> Outcome,
    ) -> Token {
        let token = Token(self.next_token);
        self.next_token += 1;
        let outcome = operation(&mut self.coordinator, self.runtime.latest(), moment(self.millis), token);
        self.write(outcome);
        token
    }

    fn write(&mut self, outcome: Outcome) {
        let mut next = outcome;
        loop {
            let RuntimeOutcome { records, response, .. } = next;
            match self.mood {
                LogMood::Fails(lost) if !records.is_empty() => {
                    next = self.coordinator.lost(response, lost, moment(self.millis));
                    if next.records.is_empty() && next.response == Completion::Nothing {
                        break;
                    }
                    continue;
                }
                _ => {}
            }
            self.log.extend(records.iter().map(|record| record.encode().unwrap()));
            self.runtime.write(&records).unwrap();
            if let Settled::Due(completion) = self.runtime.settle(response) {
                self.coordinator.committed(completion, moment(self.millis));
            }
            break;
        }
        if self.mood == LogMood::Commits {
            self.commit();
        }
        self.collect();
    }

    /// Everything appended is committed now.
    pub fn commit(&mut self) {
        for completion in self.runtime.commit(self.runtime.end()) {
            self.coordinator.committed(completion, moment(self.millis));
        }
        self.collect();
    }

    fn collect(&mut self) {
        for reply in self.coordinator.take_replies() {
            let before = self.answers.insert(reply.to, reply.answer);
            assert!(before.is_none(), "{:?} was answered twice", reply.to);
        }
    }

    pub fn advance(&mut self, by: Duration) {
        let end = self.millis + u64::try_from(by.as_millis()).unwrap();
        while let Some(next) = self.coordinator.next_deadline() {
            let next = u64::try_from(next.since_zero().as_millis()).unwrap();
            if next > end {
                break;
            }
            self.millis = self.millis.max(next);
            while let Some(outcome) = self.coordinator.on_timeout(self.runtime.latest(), moment(self.millis)) {
                self.write(outcome);
            }
        }
        self.millis = end;
    }

    pub fn answer(&mut self, token: Token) -> Option<Answer> {
        self.answers.remove(&token)
    }

    pub fn joined(&mut self, token: Token) -> JoinGroupResponse {
        match self.answer(token) {
            Some(Answer::Join(response)) => response,
            other => panic!("{token:?} got {other:?}"),
        }
    }

    pub fn synced(&mut self, token: Token) -> SyncGroupResponse {
        match self.answer(token) {
            Some(Answer::Sync(response)) => response,
            other => panic!("{token:?} got {other:?}"),
        }
    }

    pub fn join(&mut self, join: JoinGroup) -> Token {
        self.run(|coordinator, state, moment, token| join_group(coordinator, state, moment, join, token))
    }

    pub fn sync(&mut self, member: &str, generation: i32, assignments: &[(&str, &str)]) -> Token {
        let assignments = assignments.iter().map(|(member, part)| SyncGroupRequestAssignment {
            member_id: (*member).to_owned(),
            assignment: Bytes::copy_from_slice(part.as_bytes()),
        });
        let request = SyncGroupRequest {
            group_id: "g".into(),
            generation_id: generation,
            member_id: member.to_owned(),
            assignments: assignments.collect(),
            ..Default::default()
        };
        self.run(|coordinator, state, moment, token| sync_group::sync_group(coordinator, state, moment, request, token))
    }

    pub fn heartbeat(&mut self, member: &str, instance: Option<&str>, generation: i32) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: "g".into(),
            generation_id: generation,
            member_id: member.to_owned(),
            group_instance_id: instance.map(str::to_owned),
        };
        let token = self
            .run(|coordinator, state, moment, token| heartbeat::heartbeat(coordinator, state, moment, &request, token));
        match self.answer(token) {
            Some(Answer::Heartbeat(error)) => error,
            other => panic!("a heartbeat got {other:?}"),
        }
    }

    pub fn leave(&mut self, members: &[(&str, Option<&str>)]) -> LeaveGroupResponse {
        let members = members.iter().map(|(member, instance)| MemberIdentity {
            member_id: (*member).to_owned(),
            group_instance_id: instance.map(str::to_owned),
            reason: None,
        });
        let request = LeaveGroupRequest {
            group_id: "g".into(),
            members: members.collect(),
            ..Default::default()
        };
        let token = self.run(|coordinator, state, moment, token| {
            leave_group::leave_group(coordinator, state, moment, request, token)
        });
        match self.answer(token) {
            Some(Answer::Leave(response)) => response,
            other => panic!("a leave got {other:?}"),
        }
    }

    pub fn commit_offset(&mut self, member: &str, generation: i32, partition: i32, offset: i64) -> Token {
        let request = commit_request(member, generation, partition, offset);
        self.run(|coordinator, state, moment, token| {
            offset_commit(coordinator, state, moment, request, UnknownGroup::Said, token)
        })
    }

    /// The error of the first partition of a commit.
    pub fn commit_error_of(&mut self, request: OffsetCommitRequest) -> ErrorCode {
        let token = self.run(|coordinator, state, moment, token| {
            offset_commit(coordinator, state, moment, request, UnknownGroup::Said, token)
        });
        match self.answer(token) {
            Some(Answer::OffsetCommit(response)) => ErrorCode::from(response.topics[0].partitions[0].error_code),
            other => panic!("a commit got {other:?}"),
        }
    }

    /// The error of a commit of one partition.
    pub fn commit_error(&mut self, member: &str, generation: i32) -> ErrorCode {
        let token = self.commit_offset(member, generation, 0, 1);
        match self.answer(token) {
            Some(Answer::OffsetCommit(response)) => ErrorCode::from(response.topics[0].partitions[0].error_code),
            other => panic!("a commit got {other:?}"),
        }
    }

    pub fn phase(&self) -> Option<String> {
        let described =
            group_coordinator::op::describe_groups::describe_group(&self.coordinator, self.runtime.committed(), "g");
        described.ok().map(|group| group.group_state)
    }

    pub fn committed_offset(&self, partition: i32) -> Option<i64> {
        let group = self.runtime.committed().group("g")?;
        group
            .offsets
            .get(&("t".into(), partition))
            .map(|committed| committed.offset)
    }

    /// Two dynamic members in a stable group: the leader first.
    pub fn two_members(&mut self) -> (String, String) {
        let first = self.given_id(join(""));
        let second = self.given_id(join(""));
        let tokens = [self.join(join(&first)), self.join(join(&second))];
        self.advance(self.settings.initial_rebalance_delay * 3);
        let responses = tokens.map(|token| self.joined(token));
        let generation = responses[0].generation_id;
        let leader = responses[0].leader.clone();
        let follower = if leader == first { second } else { first };
        let waiting = self.sync(&follower, generation, &[]);
        let led = self.sync(&leader, generation, &[(&leader, "a"), (&follower, "b")]);
        assert_eq!(self.synced(led).assignment, "a");
        assert_eq!(self.synced(waiting).assignment, "b");
        assert_eq!(self.phase().as_deref(), Some("Stable"));
        (leader, follower)
    }

    /// Asks for a member id.
    pub fn given_id(&mut self, join: JoinGroup) -> String {
        let token = self.join(join);
        let response = self.joined(token);
        assert_eq!(ErrorCode::from(response.error_code), ErrorCode::MemberIdRequired);
        response.member_id
    }
}

fn moment(millis: u64) -> Moment {
    Moment {
        now: Instant::from_zero(Duration::from_millis(millis)),
        wall: Timestamp(i64::try_from(millis).unwrap()),
    }
}

pub fn commit_request(member: &str, generation: i32, partition: i32, offset: i64) -> OffsetCommitRequest {
    OffsetCommitRequest {
        group_id: "g".into(),
        generation_id_or_member_epoch: generation,
        member_id: member.to_owned(),
        topics: vec![OffsetCommitRequestTopic {
            name: "t".into(),
            partitions: vec![OffsetCommitRequestPartition {
                partition_index: partition,
                committed_offset: offset,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// What a consumer of topic `t` sends.
pub fn join(member: &str) -> JoinGroup {
    JoinGroup {
        group_id: "g".into(),
        member_id: member.into(),
        instance_id: None,
        client_id: "c".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        protocol_type: "consumer".into(),
        protocols: vec![protocol("range"), protocol("roundrobin")],
        member_id_policy: MemberIdPolicy::Required,
        skip_assignment: SkipAssignment::Known,
        reason: None,
    }
}

/// A protocol with a subscription to `t`.
pub fn protocol(name: &str) -> Protocol {
    // Version 0, one topic of one letter, no user data.
    let metadata = Bytes::from_static(&[0, 0, 0, 0, 0, 1, 0, 1, b't', 0xff, 0xff, 0xff, 0xff]);
    Protocol {
        name: name.into(),
        metadata,
    }
}

pub fn settings() -> GroupSettings {
    GroupSettings::default()
}

/// The records of the log, in words.
pub fn last_group_record(host: &Host) -> Option<GroupRecord> {
    let (key, value) = host.log.last()?;
    GroupRecord::decode(key, value.as_ref(), ProducerId::NONE).unwrap()
}
