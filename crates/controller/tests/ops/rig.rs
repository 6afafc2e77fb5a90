//! A controller without a quorum: every record is committed as soon as it is written.

use base::{Instant, NodeId, Offset, Rng, Uuid};
use config::{BrokerConfig, Layered};
use controller::op::broker_heartbeat::broker_heartbeat;
use controller::op::broker_registration::{ShutdownDetection, broker_registration};
use controller::op::create_topics::create_topics;
use controller::{
    ControllerSettings, ControllerState, MutationQuotas, OpContext, Origin, Outcome, Periodic, Sessions, activate,
};
use coordinator_runtime::Shard;
use metadata::bootstrap::bootstrap_records;
use metadata::image::{BrokerEpoch, PartitionImage};
use metadata::record_version::record_version;
use metadata::{MetadataImage, MetadataVersion};
use protocol::messages::broker_heartbeat_request::BrokerHeartbeatRequest;
use protocol::messages::broker_heartbeat_response::BrokerHeartbeatResponse;
use protocol::messages::broker_registration_request::{BrokerRegistrationRequest, Feature, Listener};
use protocol::messages::broker_registration_response::BrokerRegistrationResponse;
use protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use protocol::metadata_records::MetadataRecord;
use std::sync::Arc;
use std::time::Duration;

pub const CLUSTER_ID: &str = "AAAAAAAAAAAAAAAAAAAABQ";

pub struct Rig {
    pub state: ControllerState,
    pub settings: ControllerSettings,
    pub sessions: Sessions,
    pub mutations: MutationQuotas,
    pub periodic: Periodic,
    pub rng: Rng,
    pub now: Instant,
    pub end: Offset,
    pub kraft_version: i16,
    pub origin: Origin,
    /// The records of the last operation.
    pub written: Vec<MetadataRecord>,
}

/// A cluster of the newest release with brokers 1 to `brokers` at work.
pub fn cluster(brokers: i32) -> Rig {
    let mut rig = empty(&[], MetadataVersion::LATEST_PRODUCTION);
    (1..=brokers).for_each(|id| rig.start_broker(id));
    rig
}

/// A cluster of the newest release without eligible leader replicas, with brokers 1 to `brokers` at work.
pub fn cluster_without_elr(brokers: i32) -> Rig {
    let mut rig = empty_with(
        &[],
        MetadataVersion::LATEST_PRODUCTION,
        &[("eligible.leader.replicas.version", 0)],
    );
    (1..=brokers).for_each(|id| rig.start_broker(id));
    rig
}

/// A cluster formatted at `version` on a controller with these settings, and no brokers.
pub fn empty(assignments: &[&str], version: MetadataVersion) -> Rig {
    empty_with(assignments, version, &[])
}

fn empty_with(assignments: &[&str], version: MetadataVersion, features: &[(&str, i16)]) -> Rig {
    let mut layered = Layered::new();
    let always = [
        "process.roles=broker,controller",
        "node.id=1",
        "listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093",
        "controller.listener.names=CONTROLLER",
        "controller.quorum.voters=1@127.0.0.1:9093",
        "log.dirs=/nowhere",
    ];
    for assignment in always.iter().chain(assignments) {
        layered.add_assignment(assignment).unwrap();
    }
    let config = Arc::new(BrokerConfig::from_layers(&layered).unwrap());
    let settings = ControllerSettings::new(config, CLUSTER_ID, vec![NodeId(1)]);
    let state = ControllerState::default();
    let now = Instant::from_zero(Duration::from_secs(100));
    let mut rig = Rig {
        sessions: Sessions::activate(settings.session_timeout, &state, now),
        mutations: MutationQuotas::new(settings.mutation_window),
        periodic: Periodic::activate(&settings, now),
        state,
        settings,
        rng: Rng::from_seed(7),
        now,
        end: Offset::ZERO,
        kraft_version: 1,
        origin: Origin::Forwarded,
        written: Vec::new(),
    };
    let overrides: Vec<(String, i16)> = features
        .iter()
        .map(|(name, level)| ((*name).to_owned(), *level))
        .collect();
    let bootstrap = bootstrap_records(version, &overrides);
    rig.run(|state, cx| activate(state, cx.settings, &bootstrap));
    rig
}

impl Rig {
    /// Runs an operation and writes what it decides.
    pub fn run<T>(&mut self, operation: impl FnOnce(&ControllerState, &mut OpContext<'_>) -> Outcome<T>) -> T {
        let mut cx = OpContext {
            now: self.now,
            next_offset: self.end,
            kraft_version: self.kraft_version,
            origin: self.origin,
            settings: &self.settings,
            sessions: &mut self.sessions,
            mutations: &mut self.mutations,
            rng: &mut self.rng,
        };
        let outcome = operation(&self.state, &mut cx);
        self.write(&outcome.records);
        self.written = outcome.records;
        outcome.response
    }

    /// Writes records as the log would keep them: encoded at the finalized metadata.version, and read back.
    pub fn write(&mut self, records: &[MetadataRecord]) {
        for record in records {
            let bytes = record
                .encode(record_version(record, self.state.metadata_version()))
                .unwrap();
            assert_eq!(
                &MetadataRecord::decode(&bytes).unwrap(),
                record,
                "nothing is lost at this metadata.version"
            );
            self.state.replay(self.end, record).unwrap();
            self.end = self.end.next();
        }
    }

    /// Runs every task of the controller's own until `later`.
    pub fn pass(&mut self, later: Duration) -> Vec<MetadataRecord> {
        let until = self.now.plus(later);
        let mut written = Vec::new();
        loop {
            let deadline = self.periodic.next_deadline(&self.sessions);
            if deadline > until {
                self.now = until;
                return written;
            }
            self.now = self.now.max(deadline);
            let mut periodic = self.periodic.clone();
            self.run(|state, cx| periodic.on_timeout(state, cx));
            self.periodic = periodic;
            written.append(&mut self.written);
        }
    }

    pub fn image(&self) -> &MetadataImage {
        self.state.image()
    }

    pub fn partition(&self, topic: &str, index: i32) -> &PartitionImage {
        self.image().topics.partition(topic, index).unwrap()
    }

    pub fn topic_id(&self, topic: &str) -> Uuid {
        self.image().topics.id(topic).unwrap()
    }

    pub fn epoch(&self, broker: i32) -> BrokerEpoch {
        self.state.broker(NodeId(broker)).unwrap().epoch
    }

    /// A registration of a new process of the broker.
    pub fn registration(&mut self, id: i32) -> BrokerRegistrationRequest {
        let feature = |feature: &metadata::feature::Feature| Feature {
            name: feature.name.to_owned(),
            min_supported_version: feature.min,
            max_supported_version: feature.max,
        };
        BrokerRegistrationRequest {
            broker_id: id,
            cluster_id: CLUSTER_ID.to_owned(),
            incarnation_id: Uuid::random(&mut self.rng),
            listeners: vec![Listener {
                name: "PLAINTEXT".to_owned(),
                host: "127.0.0.1".to_owned(),
                port: 9000 + u16::try_from(id).unwrap(),
                security_protocol: 0,
            }],
            features: metadata::feature::FEATURES.iter().map(feature).collect(),
            rack: None,
            is_migrating_zk_broker: false,
            log_dirs: vec![directory(id)],
            previous_broker_epoch: -1,
        }
    }

    pub fn register(&mut self, request: &BrokerRegistrationRequest) -> BrokerRegistrationResponse {
        self.run(|state, cx| broker_registration(state, cx, request, ShutdownDetection::Supported))
    }

    pub fn heartbeat(&mut self, request: &BrokerHeartbeatRequest) -> BrokerHeartbeatResponse {
        self.run(|state, cx| broker_heartbeat(state, cx, request))
    }

    /// A heartbeat of a broker that has applied everything.
    pub fn beat(&mut self, id: i32) -> BrokerHeartbeatRequest {
        BrokerHeartbeatRequest {
            broker_id: id,
            broker_epoch: self.epoch(id).0,
            current_metadata_offset: self.end.0 - 1,
            ..Default::default()
        }
    }

    /// Registers and unfences a broker.
    pub fn start_broker(&mut self, id: i32) {
        let request = self.registration(id);
        assert_eq!(self.register(&request).error_code, 0);
        let beat = self.beat(id);
        let response = self.heartbeat(&beat);
        assert!(
            response.error_code == 0 && response.is_caught_up && !response.is_fenced,
            "{response:?}"
        );
    }

    /// Fences the broker as if its session had run out.
    pub fn kill(&mut self, id: i32) {
        self.run(|state, cx| {
            let broker = state.broker(NodeId(id)).unwrap();
            Outcome::splittable(controller::fencing::fence(state, cx.settings, broker), ())
        });
    }

    /// Unfences the broker, which is still the same process.
    pub fn revive(&mut self, id: i32) {
        let beat = self.beat(id);
        assert!(!self.heartbeat(&beat).is_fenced);
    }

    /// Creates a topic whose partitions have these replicas.
    pub fn create(&mut self, name: &str, replicas: &[&[i32]], configs: &[(&str, &str)]) {
        let request = CreateTopicsRequest {
            topics: vec![manual(name, replicas, configs)],
            ..Default::default()
        };
        let response = self.run(|state, cx| create_topics(state, cx, &request));
        assert_eq!(response.topics[0].error_code, 0, "{response:?}");
    }
}

pub fn directory(broker: i32) -> Uuid {
    let mut bytes = [9; 16];
    bytes[12..].copy_from_slice(&broker.to_be_bytes());
    Uuid(bytes)
}

pub fn nodes(ids: &[i32]) -> Vec<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

/// A topic to create where the test says.
pub fn manual(name: &str, replicas: &[&[i32]], configs: &[(&str, &str)]) -> CreatableTopic {
    let assignment = |(index, brokers): (i32, &&[i32])| CreatableReplicaAssignment {
        partition_index: index,
        broker_ids: brokers.to_vec(),
    };
    CreatableTopic {
        num_partitions: -1,
        replication_factor: -1,
        assignments: (0..).zip(replicas).map(assignment).collect(),
        ..placed(name, -1, -1, configs)
    }
}

/// A topic to create where the controller likes.
pub fn placed(name: &str, num_partitions: i32, replication_factor: i16, configs: &[(&str, &str)]) -> CreatableTopic {
    let config = |(name, value): &(&str, &str)| CreatableTopicConfig {
        name: (*name).to_owned(),
        value: Some((*value).to_owned()),
    };
    CreatableTopic {
        name: name.to_owned(),
        num_partitions,
        replication_factor,
        assignments: Vec::new(),
        configs: configs.iter().map(config).collect(),
    }
}
