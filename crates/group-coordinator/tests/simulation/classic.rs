//! A consumer of the classic protocol: it gives up all it has before it joins again, and the leader divides the work.

use crate::member::{Credentials, PATIENCE, Partitions, REBALANCE, SESSION, View};
use crate::message::{Flight, Outbox, Request};
use crate::protocol;
use ::protocol::ErrorCode;
use ::protocol::messages::heartbeat_request::HeartbeatRequest;
use ::protocol::messages::join_group_response::JoinGroupResponse;
use ::protocol::messages::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use ::protocol::messages::sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment};
use base::{Rng, Uuid};
use bytes::Bytes;
use group_coordinator::Answer;
use group_coordinator::classic::member::Protocol;
use group_coordinator::op::join_group::{JoinGroup, MemberIdPolicy, SkipAssignment};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Out,
    /// It has to join.
    Joins,
    /// It has joined; the leader brings the members' parts.
    Syncs(Vec<(String, Bytes)>),
    In,
    Leaving,
}

pub struct ClassicClient {
    pub group: Arc<str>,
    pub instance: Option<String>,
    pub asleep: u64,
    pub heard: u64,
    pub owned: Partitions,
    pub lost: Vec<(Credentials, (Uuid, i32))>,
    id: String,
    generation: i32,
    phase: Phase,
    /// The version of the cluster for which it divided the work as the leader.
    divided: Option<i64>,
    flight: Option<Flight>,
    /// The topics that it named when it joined.
    pub topics: Vec<String>,
    /// When its join was sent.
    joined: u64,
    next_beat: u64,
}

impl ClassicClient {
    pub fn new(group: &str, instance: Option<String>) -> Self {
        Self {
            group: group.into(),
            instance,
            asleep: 0,
            heard: 0,
            owned: Partitions::new(),
            lost: Vec::new(),
            id: String::new(),
            generation: -1,
            phase: Phase::Out,
            divided: None,
            flight: None,
            topics: Vec::new(),
            joined: 0,
            next_beat: 0,
        }
    }

    pub fn is_out(&self) -> bool {
        self.phase == Phase::Out
    }

    pub fn start(&mut self) {
        self.id.clear();
        self.heard = 0;
        self.phase = Phase::Joins;
    }

    pub fn die(&mut self) {
        self.abandon();
        self.phase = Phase::Out;
        self.flight = None;
    }

    pub fn leave(&mut self) {
        if self.phase == Phase::In {
            self.abandon();
            self.flight = None;
            self.phase = Phase::Leaving;
        } else {
            self.die();
        }
    }

    pub fn credentials(&self) -> Option<Credentials> {
        (self.phase == Phase::In).then(|| Credentials {
            member: self.id.clone(),
            instance: self.instance.clone(),
            epoch: self.generation,
        })
    }

    fn abandon(&mut self) {
        if let Some(credentials) = self.credentials() {
            let lost = std::mem::take(&mut self.owned).into_iter();
            self.lost.extend(lost.map(|partition| (credentials.clone(), partition)));
        }
        self.owned.clear();
        self.divided = None;
    }

    fn join_again(&mut self) {
        self.abandon();
        self.phase = Phase::Joins;
    }

    pub fn wake(&mut self, now: u64, view: &View, outbox: &mut Outbox) {
        if now < self.asleep {
            return;
        }
        if self.flight.is_some_and(|flight| now >= flight.until) {
            self.flight = None;
            match self.phase {
                Phase::Syncs(_) => self.join_again(),
                Phase::Leaving => self.phase = Phase::Out,
                Phase::Out | Phase::Joins | Phase::In => {}
            }
        }
        if self.phase == Phase::In && self.divided.is_some_and(|version| version != view.version) {
            // Kafka's leaders look after the topics.
            self.flight = None;
            self.join_again();
        }
        if self.flight.is_some() {
            return;
        }
        let request = match &self.phase {
            Phase::Out => return,
            Phase::In if now < self.next_beat => return,
            Phase::Joins => self.join(now, view),
            Phase::Syncs(parts) => self.sync(parts),
            Phase::In => Request::Heartbeat(HeartbeatRequest {
                group_id: self.group.to_string(),
                generation_id: self.generation,
                member_id: self.id.clone(),
                group_instance_id: self.instance.clone(),
            }),
            Phase::Leaving => Request::Leave(LeaveGroupRequest {
                group_id: self.group.to_string(),
                members: vec![MemberIdentity {
                    member_id: self.id.clone(),
                    group_instance_id: self.instance.clone(),
                    reason: None,
                }],
                ..Default::default()
            }),
        };
        let waits = matches!(request, Request::Join(_) | Request::Sync(_));
        self.flight = Some(Flight {
            call: outbox.send(request),
            sent: now,
            until: now + if waits { REBALANCE + PATIENCE } else { PATIENCE },
        });
    }

    fn join(&mut self, now: u64, view: &View) -> Request {
        self.joined = now;
        self.topics = view.topics.iter().map(|(name, ..)| name.clone()).collect();
        let metadata = protocol::subscription(&self.topics);
        Request::Join(JoinGroup {
            group_id: Arc::clone(&self.group),
            member_id: self.id.as_str().into(),
            instance_id: self.instance.as_deref().map(Arc::from),
            client_id: "c".into(),
            client_host: "/127.0.0.1".into(),
            session_timeout_ms: i32::try_from(SESSION).unwrap(),
            rebalance_timeout_ms: i32::try_from(REBALANCE).unwrap(),
            protocol_type: "consumer".into(),
            protocols: vec![Protocol {
                name: "range".into(),
                metadata,
            }],
            member_id_policy: MemberIdPolicy::Required,
            skip_assignment: SkipAssignment::Known,
            reason: None,
        })
    }

    fn sync(&self, parts: &[(String, Bytes)]) -> Request {
        let assignments = parts.iter().map(|(member, part)| SyncGroupRequestAssignment {
            member_id: member.clone(),
            assignment: part.clone(),
        });
        Request::Sync(SyncGroupRequest {
            group_id: self.group.to_string(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            assignments: assignments.collect(),
            ..Default::default()
        })
    }

    pub fn answer(&mut self, now: u64, rng: &mut Rng, view: &View, call: u64, answer: Answer) {
        let Some(flight) = self.flight.filter(|flight| flight.call == call) else {
            return;
        };
        self.flight = None;
        let error = match answer {
            _ if self.phase == Phase::Leaving => {
                self.phase = Phase::Out;
                return;
            }
            Answer::Refused(_) => {
                self.asleep = now + 100 + rng.below(400);
                match self.phase {
                    Phase::Syncs(_) => self.join_again(),
                    _ => self.next_beat = self.asleep,
                }
                return;
            }
            Answer::Join(response) if response.error_code == 0 => return self.joined(view, response),
            Answer::Join(response) => {
                if ErrorCode::from(response.error_code) == ErrorCode::MemberIdRequired {
                    self.id = response.member_id;
                    return;
                }
                response.error_code
            }
            Answer::Sync(response) if response.error_code == 0 => return self.synced(now, view, &response.assignment),
            Answer::Sync(response) => response.error_code,
            Answer::Heartbeat(ErrorCode::None) => {
                self.heard = flight.sent;
                self.next_beat = now + 500 + rng.below(2_000);
                return;
            }
            Answer::Heartbeat(error) => error.code(),
            other => panic!("{} got {other:?}", self.id),
        };
        self.refused(now, rng, ErrorCode::from(error));
    }

    fn refused(&mut self, now: u64, rng: &mut Rng, error: ErrorCode) {
        match error {
            ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration => self.join_again(),
            ErrorCode::UnknownMemberId => {
                self.join_again();
                self.id.clear();
            }
            ErrorCode::FencedInstanceId => self.die(),
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => {
                self.asleep = now + 100 + rng.below(400);
                if let Phase::Syncs(_) = self.phase {
                    self.join_again();
                }
            }
            other => panic!("{} got {other:?}", self.id),
        }
    }

    fn joined(&mut self, view: &View, response: JoinGroupResponse) {
        self.id.clone_from(&response.member_id);
        self.generation = response.generation_id;
        let leads = response.leader == response.member_id && !response.members.is_empty();
        let mut parts = Vec::new();
        if leads && !response.skip_assignment {
            let members = response.members.len();
            for (at, member) in response.members.iter().enumerate() {
                let mine = view
                    .partitions()
                    .into_iter()
                    .enumerate()
                    .filter(|(number, _)| number % members == at);
                let mine: Partitions = mine.map(|(_, partition)| partition).collect();
                parts.push((member.member_id.clone(), protocol::assignment(&mine, view)));
            }
        }
        if leads {
            // Who need not divide the work does not know for which topics it was divided.
            self.divided = Some(if response.skip_assignment { -1 } else { view.version });
        }
        self.phase = Phase::Syncs(parts);
    }

    fn synced(&mut self, now: u64, view: &View, assignment: &Bytes) {
        self.owned = protocol::assigned(assignment, view);
        self.phase = Phase::In;
        self.heard = self.joined;
        self.next_beat = now;
    }
}
