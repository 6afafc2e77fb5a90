//! Starting, registering, following the metadata, stopping.

use super::{End, LAG, LOG_DIR, Node, Running, Surroundings, Timer};
use crate::controller::{CLUSTER_ID, TOPIC, Version, directory};
use crate::message::{Body, Place};
use base::fs::Fs;
use base::{BrokerEpoch, Offset, TopicPartition, Uuid};
use metadata::image::{BrokerImage, PartitionImage};
use partition::{BrokerStanding, BrokerState, Brokers, Following, Leadership, Partition};
use protocol::messages::broker_heartbeat_request::BrokerHeartbeatRequest;
use protocol::messages::broker_heartbeat_response::BrokerHeartbeatResponse;
use protocol::messages::broker_registration_request::{BrokerRegistrationRequest, Feature, Listener};
use protocol::messages::broker_registration_response::BrokerRegistrationResponse;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use storage::checkpoint::OffsetCheckpoint;
use storage::dirs::clean_shutdown::CleanShutdown;
use storage::{Durability, LastShutdown, Log, LogConfig, LogOptions, StorageError};

pub fn topic_partition() -> TopicPartition {
    TopicPartition::new(TOPIC, 0)
}

fn partition_dir() -> PathBuf {
    Path::new(LOG_DIR).join(format!("{TOPIC}-0"))
}

impl Node {
    /// Starts the broker's process; it is nothing yet in the cluster.
    pub fn start(&mut self, around: &mut Surroundings<'_>) {
        let log_dir = Path::new(LOG_DIR);
        let marker = CleanShutdown::read(&self.disk, log_dir).unwrap();
        CleanShutdown::remove(&self.disk, log_dir).unwrap();
        self.life += 1;
        let mut incarnation = [0; 16];
        around.rng.fill(&mut incarnation);
        self.running = Some(Box::new(Running {
            node: self.id,
            partition: None,
            brokers: Arc::new(Brokers::new(Duration::from_millis(LAG))),
            incarnation: Uuid(incarnation),
            previous_epoch: marker.and_then(|marker| marker.broker_epoch).unwrap_or(-1),
            epoch: None,
            last_shutdown: match marker {
                Some(_) => LastShutdown::Clean,
                None => LastShutdown::Unclean,
            },
            applied: 0,
            applied_end: Offset::ZERO,
            has_roles: false,
            fetch: None,
            parked: Vec::new(),
            produces: Vec::new(),
            flush: None,
            flushed: None,
            alter: None,
            checkpoint_is_due: false,
            shuts_down: false,
            is_to_stop: None,
        }));
        self.was_cut = true;
        for timer in [Timer::Heartbeat, Timer::Metadata, Timer::Shrink, Timer::Checkpoint] {
            around.timers.push((1 + around.rng.below(20), timer));
        }
    }

    /// Ends the process.
    pub fn stop(&mut self, end: End, around: &mut Surroundings<'_>) {
        let Some(mut running) = self.running.take() else { return };
        let end = match end {
            // Logs that were not opened were not checked: that is to be done yet.
            End::Clean if !running.has_roles => End::Killed,
            End::Clean if self.close(&mut running, around).is_err() => End::PowerCut,
            end => end,
        };
        self.last_end = end;
        self.disk = match end {
            End::Clean | End::Killed => self.disk.after_kill(),
            End::PowerCut => self.disk.after_power_cut(around.rng),
        };
        if end == End::PowerCut && self.durability == Durability::Os {
            // What was not synced may be there or not.
            self.safe_end = None;
        }
        self.was_cut = true;
    }

    /// Closes the log for good, and says so.
    fn close(&self, running: &mut Running, around: &Surroundings<'_>) -> Result<(), StorageError> {
        if let Some(partition) = &mut running.partition {
            if let Some(flush) = running.flush.take() {
                let result = flush.run();
                partition.finish_flush(flush, result, around.instant()).fire();
            }
            partition.log_mut().close(around.instant())?;
        }
        running.checkpoint(&self.disk);
        let broker_epoch = running.epoch.map(|epoch| epoch.0);
        Ok(CleanShutdown { broker_epoch }.write(&self.disk, Path::new(LOG_DIR))?)
    }

    /// Takes over newer metadata, if any has come and the way to it is open.
    pub(super) fn follow_metadata(&mut self, around: &mut Surroundings<'_>) {
        around.timers.push((5 + around.rng.below(40), Timer::Metadata));
        let Some(running) = &mut self.running else { return };
        let newer = around.versions.len() - running.applied;
        if newer == 0 || around.is_cut_off {
            return;
        }
        // Several changes may come as one.
        let step = match around.rng.below(3) {
            0 => 1 + around.rng.below(newer as u64),
            _ => newer as u64,
        };
        running.applied += usize::try_from(step).unwrap();
        let version = around.versions[running.applied - 1].clone();
        running.applied_end = version.end;
        self.apply(&version, around);
    }

    fn apply(&mut self, version: &Version, around: &mut Surroundings<'_>) {
        let Some(running) = &mut self.running else { return };
        let standings = version.image.brokers.iter().map(|broker| (broker.id, standing(broker)));
        running.brokers.replace(standings.collect());
        // Before its own registration is in it, metadata may have it lead in an epoch whose end it has lost.
        let Some(epoch) = running.epoch else { return };
        if !running.has_roles && version.end.0 <= epoch.0 {
            return;
        }
        running.has_roles = true;
        let image = version.image.topics.partition(TOPIC, 0);
        let Some(image) = image.filter(|image| image.replicas.contains(&self.id)) else {
            self.let_go(around);
            return;
        };
        if running.partition.is_none() {
            let topic_id = version.image.topics.id(TOPIC).unwrap();
            let opened = self.open(topic_id, around);
            let running = self.running.as_mut().unwrap();
            match opened {
                Ok(partition) => running.partition = Some(partition),
                Err(_) => {
                    // Its only directory is gone: it halts.
                    running.is_to_stop = Some(End::PowerCut);
                    return;
                }
            }
            self.note_safe_end();
        }
        let running = self.running.as_mut().unwrap();
        running.assume_role(image, around);
    }

    fn open(&mut self, topic_id: Uuid, around: &mut Surroundings<'_>) -> Result<Partition, StorageError> {
        let running = self.running.as_ref().unwrap();
        let log_dir = Path::new(LOG_DIR);
        let at = topic_partition();
        let is_new = !self.disk.exists(&partition_dir());
        let checkpointed = |which: OffsetCheckpoint| {
            let offsets = which.read(&self.disk, log_dir).unwrap();
            offsets.get(&at).copied().filter(|_| !is_new).unwrap_or(Offset::ZERO)
        };
        let mut options = LogOptions::new(Arc::new(self.disk.clone()), partition_dir(), at.clone(), around.wall());
        options.config = Arc::new(LogConfig {
            durability: self.durability,
            segment_bytes: 1_200,
            index_interval_bytes: 200,
            ..LogConfig::default()
        });
        options.recovery_point = checkpointed(OffsetCheckpoint::RecoveryPoint);
        options.log_start_offset = checkpointed(OffsetCheckpoint::LogStart);
        options.last_shutdown = running.last_shutdown;
        let log = Log::open(options)?;
        let high_watermark = checkpointed(OffsetCheckpoint::HighWatermark);
        let brokers = Arc::clone(&running.brokers);
        Ok(Partition::new(topic_id, log, high_watermark, self.min_insync, brokers))
    }

    /// The partition was moved away.
    fn let_go(&mut self, around: &mut Surroundings<'_>) {
        let Some(running) = &mut self.running else { return };
        if let Some(mut partition) = running.partition.take() {
            partition.retire().fire();
            // Whoever waits is answered before it is gone.
            running.partition = Some(partition);
            running.answer_fetches(around);
            running.answer_produces(around);
            let mut partition = running.partition.take().unwrap();
            let path = partition.log_mut().rename_for_delete(around.rng).unwrap();
            self.disk.remove_dir(&path).unwrap();
            running.flush = None;
        } else if self.disk.exists(&partition_dir()) {
            self.disk.remove_dir(&partition_dir()).unwrap();
        }
        // Of another replica that comes here they would say too much.
        for which in [
            OffsetCheckpoint::RecoveryPoint,
            OffsetCheckpoint::LogStart,
            OffsetCheckpoint::HighWatermark,
        ] {
            if which.write(&self.disk, Path::new(LOG_DIR), []).is_err() {
                running.is_to_stop = Some(End::PowerCut);
            }
        }
        self.safe_end = Some(Offset::ZERO);
        self.was_cut = true;
    }
}

fn standing(broker: &BrokerImage) -> BrokerStanding {
    BrokerStanding {
        epoch: broker.epoch,
        state: match (broker.fenced, broker.in_controlled_shutdown) {
            (true, _) => BrokerState::Fenced,
            (false, true) => BrokerState::ShuttingDown,
            (false, false) => BrokerState::Active,
        },
    }
}

impl Running {
    fn assume_role(&mut self, image: &PartitionImage, around: &mut Surroundings<'_>) {
        let partition = self.partition.as_mut().unwrap();
        let wakes = if image.leader == self.node {
            let leadership = Leadership {
                node: self.node,
                epoch: image.leader_epoch,
                partition_epoch: image.partition_epoch,
                replicas: image.replicas.clone(),
                isr: image.isr.clone(),
            };
            partition.lead(leadership, around.instant()).unwrap()
        } else {
            partition.follow(Following {
                leader: image.leader,
                epoch: image.leader_epoch,
                partition_epoch: image.partition_epoch,
            })
        };
        wakes.fire();
    }

    pub(super) fn heartbeat(&mut self, around: &mut Surroundings<'_>) {
        around.timers.push((30 + around.rng.below(40), Timer::Heartbeat));
        let body = match self.epoch {
            None => Body::Register(self.registration()),
            Some(epoch) => Body::Heartbeat(BrokerHeartbeatRequest {
                broker_id: self.node.0,
                broker_epoch: epoch.0,
                current_metadata_offset: self.applied_end.0 - 1,
                want_fence: !self.has_roles,
                want_shut_down: self.shuts_down,
                ..Default::default()
            }),
        };
        self.send(Place::Controller, body, around);
    }

    fn registration(&self) -> BrokerRegistrationRequest {
        let feature = |feature: &metadata::feature::Feature| Feature {
            name: feature.name.to_owned(),
            min_supported_version: feature.min,
            max_supported_version: feature.max,
        };
        BrokerRegistrationRequest {
            broker_id: self.node.0,
            cluster_id: CLUSTER_ID.to_owned(),
            incarnation_id: self.incarnation,
            listeners: vec![Listener {
                name: "PLAINTEXT".to_owned(),
                host: "127.0.0.1".to_owned(),
                port: 9000 + u16::try_from(self.node.0).unwrap(),
                security_protocol: 0,
            }],
            features: metadata::feature::FEATURES.iter().map(feature).collect(),
            rack: None,
            is_migrating_zk_broker: false,
            log_dirs: vec![directory(self.node)],
            previous_broker_epoch: self.previous_epoch,
        }
    }

    pub(super) fn registered(&mut self, incarnation: Uuid, answer: &BrokerRegistrationResponse) {
        if incarnation == self.incarnation && answer.error_code == 0 {
            self.epoch = Some(BrokerEpoch(answer.broker_epoch));
        }
    }

    pub(super) fn heard(&mut self, broker_epoch: i64, answer: &BrokerHeartbeatResponse) {
        if self.epoch == Some(BrokerEpoch(broker_epoch)) && self.shuts_down && answer.should_shut_down {
            self.is_to_stop = Some(End::Clean);
        }
    }

    /// Begins a controlled shutdown.
    pub fn shut_down(&mut self) {
        self.shuts_down = true;
    }

    /// Writes the checkpoints.
    pub(super) fn checkpoint(&mut self, disk: &sim::Disk) {
        let Some(partition) = &mut self.partition else { return };
        let at = topic_partition();
        let log = partition.log();
        let offsets = [
            (OffsetCheckpoint::RecoveryPoint, log.recovery_point()),
            (OffsetCheckpoint::LogStart, log.log_start_offset()),
            (OffsetCheckpoint::HighWatermark, partition.high_watermark()),
        ];
        for (which, offset) in offsets {
            if which.write(disk, Path::new(LOG_DIR), [(&at, offset)]).is_err() {
                // Its only directory is gone: it halts.
                self.is_to_stop = Some(End::PowerCut);
                return;
            }
        }
        partition.recovery_point_noted().fire();
        self.checkpoint_is_due = false;
    }
}
