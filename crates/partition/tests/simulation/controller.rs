//! The cluster's controller: the real operations and elections over a log that never fails, and every state it ever had.

use crate::message::{Body, Message, Place};
use base::{Instant, NodeId, Offset, Rng, Uuid};
use config::{BrokerConfig, Layered};
use controller::op::alter_partition::alter_partition;
use controller::op::alter_partition_reassignments::alter_partition_reassignments;
use controller::op::broker_heartbeat::broker_heartbeat;
use controller::op::broker_registration::{ShutdownDetection, broker_registration};
use controller::op::create_topics::create_topics;
use controller::{
    ControllerSettings, ControllerState, MutationQuotas, OpContext, Origin, Outcome, Periodic, Sessions, activate,
};
use coordinator_runtime::Shard;
use metadata::bootstrap::bootstrap_records;
use metadata::image::PartitionImage;
use metadata::{MetadataImage, MetadataVersion};
use protocol::messages::alter_partition_reassignments_request::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use std::sync::Arc;
use std::time::Duration;

pub const CLUSTER_ID: &str = "AAAAAAAAAAAAAAAAAAAABQ";
pub const TOPIC: &str = "t";

/// The metadata up to one offset.
#[derive(Clone, Debug)]
pub struct Version {
    pub end: Offset,
    pub image: Arc<MetadataImage>,
}

pub struct Controller {
    state: ControllerState,
    settings: ControllerSettings,
    sessions: Sessions,
    mutations: MutationQuotas,
    periodic: Periodic,
    rng: Rng,
    now: Instant,
    end: Offset,
    /// Every state so far; a broker applies them in order, but not each.
    pub versions: Vec<Version>,
}

fn settings(unclean: bool) -> ControllerSettings {
    let mut layered = Layered::new();
    let assignments = [
        "process.roles=broker,controller",
        "node.id=1",
        "listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093",
        "controller.listener.names=CONTROLLER",
        "controller.quorum.voters=1@127.0.0.1:9093",
        "log.dirs=/nowhere",
        "broker.heartbeat.interval.ms=50",
        "broker.session.timeout.ms=400",
        "leader.imbalance.check.interval.seconds=1",
        "unclean.leader.election.interval.ms=300",
    ];
    for assignment in assignments {
        layered.add_assignment(assignment).unwrap();
    }
    if unclean {
        layered.add_assignment("unclean.leader.election.enable=true").unwrap();
    }
    let config = Arc::new(BrokerConfig::from_layers(&layered).unwrap());
    ControllerSettings::new(config, CLUSTER_ID, vec![NodeId(1)])
}

impl Controller {
    pub fn new(rng: Rng, with_elr: bool, unclean: bool) -> Self {
        let settings = settings(unclean);
        let state = ControllerState::default();
        let now = Instant::ZERO;
        let mut controller = Self {
            sessions: Sessions::activate(settings.session_timeout, &state, now),
            mutations: MutationQuotas::new(settings.mutation_window),
            periodic: Periodic::activate(&settings, now),
            state,
            settings,
            rng,
            now,
            end: Offset::ZERO,
            versions: Vec::new(),
        };
        let features = [("eligible.leader.replicas.version".to_owned(), i16::from(with_elr))];
        let records = bootstrap_records(MetadataVersion::LATEST_PRODUCTION, &features);
        controller.run(|state, cx| activate(state, cx.settings, &records));
        controller
    }

    fn run<T>(&mut self, operation: impl FnOnce(&ControllerState, &mut OpContext<'_>) -> Outcome<T>) -> T {
        let mut cx = OpContext {
            now: self.now,
            next_offset: self.end,
            kraft_version: 1,
            origin: Origin::Forwarded,
            settings: &self.settings,
            sessions: &mut self.sessions,
            mutations: &mut self.mutations,
            rng: &mut self.rng,
        };
        let Outcome { records, response, .. } = operation(&self.state, &mut cx);
        for record in &records {
            self.state.replay(self.end, record).unwrap();
            self.end = self.end.next();
        }
        if !records.is_empty() {
            self.versions.push(Version {
                end: self.end,
                image: Arc::new(self.state.published().clone()),
            });
        }
        response
    }

    /// The time is `millis`: what is due is done.
    pub fn pass(&mut self, millis: u64) {
        self.now = Instant::from_zero(Duration::from_millis(millis));
        while self.periodic.next_deadline(&self.sessions) <= self.now {
            let mut periodic = self.periodic.clone();
            self.run(|state, cx| periodic.on_timeout(state, cx));
            self.periodic = periodic;
        }
    }

    /// Another controller takes over: it knows the log, and has heard of nobody yet.
    pub fn fail_over(&mut self) {
        self.sessions = Sessions::activate(self.settings.session_timeout, &self.state, self.now);
        self.periodic = Periodic::activate(&self.settings, self.now);
    }

    /// The answer to a broker's request.
    pub fn on_message(&mut self, from: Place, body: &Body) -> Option<Message> {
        let body = match body {
            Body::Register(request) => {
                let answer =
                    self.run(|state, cx| broker_registration(state, cx, request, ShutdownDetection::Supported));
                Body::Registered {
                    incarnation: request.incarnation_id,
                    answer,
                }
            }
            Body::Heartbeat(request) => Body::Heard {
                broker_epoch: request.broker_epoch,
                answer: self.run(|state, cx| broker_heartbeat(state, cx, request)),
            },
            Body::AlterPartition { id, request } => Body::Altered {
                id: *id,
                answer: self.run(|state, cx| alter_partition(state, cx.settings, request)),
            },
            _ => return None,
        };
        Some(Message {
            from: Place::Controller,
            to: from,
            body,
        })
    }

    pub fn create(&mut self, replicas: &[NodeId], min_insync: usize) {
        let config = CreatableTopicConfig {
            name: "min.insync.replicas".to_owned(),
            value: Some(min_insync.to_string()),
        };
        let topic = CreatableTopic {
            name: TOPIC.to_owned(),
            num_partitions: -1,
            replication_factor: -1,
            assignments: vec![CreatableReplicaAssignment {
                partition_index: 0,
                broker_ids: replicas.iter().map(|node| node.0).collect(),
            }],
            configs: vec![config],
        };
        let request = CreateTopicsRequest {
            topics: vec![topic],
            ..Default::default()
        };
        let response = self.run(|state, cx| create_topics(state, cx, &request));
        assert_eq!(response.topics[0].error_code, 0, "{response:?}");
    }

    /// Moves the partition; `None` takes a move back. The controller may refuse.
    pub fn reassign(&mut self, replicas: Option<&[NodeId]>) {
        let partition = ReassignablePartition {
            partition_index: 0,
            replicas: replicas.map(|nodes| nodes.iter().map(|node| node.0).collect()),
        };
        let request = AlterPartitionReassignmentsRequest {
            topics: vec![ReassignableTopic {
                name: TOPIC.to_owned(),
                partitions: vec![partition],
            }],
            ..Default::default()
        };
        self.run(|state, cx| alter_partition_reassignments(state, cx.settings, &request));
    }

    pub fn partition(&self) -> Option<&PartitionImage> {
        self.state.image().topics.partition(TOPIC, 0)
    }

    pub fn image(&self) -> &MetadataImage {
        self.state.image()
    }
}

/// A broker's only directory.
pub fn directory(node: NodeId) -> Uuid {
    let mut bytes = [9; 16];
    bytes[12..].copy_from_slice(&node.0.to_be_bytes());
    Uuid(bytes)
}
