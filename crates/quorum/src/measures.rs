//! What is measured of the controller and the quorum, under the names of Kafka's MBeans (`docs/metrics.md`): asked for
//! when the page is read, from what the node shows anyway.

use crate::active_controller::ActiveController;
use crate::driver::LogEnds;
use crate::node::QuorumNode;
use base::metric::{Descriptor, Registry};
use base::{NodeId, Offset};
use metadata::image::PartitionImage;
use metadata::{MetadataImage, Published, feature};
use std::sync::Arc;
use tokio::sync::watch;

const fn controller(name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new("kafka.controller", "KafkaController", name, help)
}

const fn raft(name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new("kafka.server", "raft-metrics", name, help)
}

const ACTIVE: Descriptor = controller("ActiveControllerCount", "1 on the active controller, 0 on the others.");
const APPLIED: Descriptor = controller(
    "LastAppliedRecordOffset",
    "The last metadata record that this node applied.",
);

/// A number that the committed metadata adds up to.
type Counted = (Descriptor, fn(&MetadataImage) -> usize);

/// What is counted.
const COUNTED: [Counted; 6] = [
    (
        controller("ActiveBrokerCount", "Brokers that are not fenced."),
        |image| image.brokers.unfenced().count(),
    ),
    (controller("FencedBrokerCount", "Brokers that are fenced."), |image| {
        image.brokers.iter().filter(|broker| broker.fenced).count()
    }),
    (controller("GlobalTopicCount", "Topics in the cluster."), |image| {
        image.topics.len()
    }),
    (
        controller("GlobalPartitionCount", "Partitions in the cluster."),
        |image| image.topics.partition_count(),
    ),
    (
        controller("OfflinePartitionsCount", "Partitions without a leader."),
        |image| count(image, |partition| !partition.has_leader()),
    ),
    (
        controller(
            "PreferredReplicaImbalanceCount",
            "Partitions that their preferred replica does not lead.",
        ),
        |image| count(image, |partition| !partition.has_preferred_leader()),
    ),
];

fn count(image: &MetadataImage, which: impl Fn(&PartitionImage) -> bool) -> usize {
    let partitions = image.topics.iter().flat_map(|topic| topic.partitions());
    partitions.filter(|(_, partition)| which(partition)).count()
}

const HEARTBEATS: Descriptor = controller(
    "TimeSinceLastHeartbeatReceivedMs",
    "How long ago each registered broker was heard of, broker.session.timeout.ms at most; on the active controller.",
);

const fn loader(name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new("kafka.server", "MetadataLoader", name, help)
}

const fn node(name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new("kafka.server", "node-metrics", name, help)
}

const METADATA_VERSION: Descriptor = loader("CurrentMetadataVersion", "The level of metadata.version.");
const CONTROLLER_ID: Descriptor = loader("CurrentControllerId", "The active controller, -1 while unknown.");
const FINALIZED: Descriptor = loader("FinalizedLevel", "The level of each feature that is on.");
const MOST_SUPPORTED: Descriptor = node(
    "maximum-supported-level",
    "The highest level of each feature that this node can do.",
);
const LEAST_SUPPORTED: Descriptor = node("minimum-supported-level", "The lowest one.");

const LEADER: Descriptor = raft("current-leader", "The leader of the quorum, -1 while unknown.");
const EPOCH: Descriptor = raft("current-epoch", "The quorum's epoch.");
const HIGH_WATERMARK: Descriptor = raft(
    "high-watermark",
    "Up to where the metadata log is committed, -1 while unknown.",
);
const LOG_END: Descriptor = raft("log-end-offset", "Where the metadata log ends here.");

impl QuorumNode {
    /// Shows what there is to measure, under `metrics`.
    pub fn show(&self, metrics: &Registry) {
        if self.is_controller {
            show_controller(metrics, self.own, &self.active, &self.published);
            self.service.quorum.mutation_figures.show(metrics);
            self.show_heartbeats(metrics);
        }
        show_raft(metrics, &self.active, &self.log_ends);
        show_features(metrics, &self.published);
        let seen = self.active.clone();
        metrics.asked_gauge(&CONTROLLER_ID, &[], move || {
            f64::from(seen.borrow().id.unwrap_or(NodeId::NONE).0)
        });
    }

    fn show_heartbeats(&self, metrics: &Registry) {
        let (own, active, published) = (self.own, self.active.clone(), self.published.clone());
        let heartbeats = Arc::clone(&self.service.quorum.heartbeats);
        metrics.asked_gauges(&HEARTBEATS, &[], move |show| {
            if active.borrow().id != Some(own) {
                return;
            }
            let image = published.borrow().image.clone();
            for (broker, ago) in heartbeats.ago(&image) {
                show(&[("broker", &broker.to_string())], ago.as_millis() as f64);
            }
        });
    }
}

/// What is on, and what this node can do (KIP-1180). Kafka writes the names of features in two ways.
fn show_features(metrics: &Registry, published: &watch::Receiver<Published>) {
    let shown = published.clone();
    metrics.asked_gauge(&METADATA_VERSION, &[], move || {
        let version = shown.borrow().image.features.metadata_version_or_minimum();
        f64::from(version.0)
    });
    let shown = published.clone();
    metrics.asked_gauges(&FINALIZED, &[], move |show| {
        let published = shown.borrow().clone();
        let mut levels = published.image.features.all();
        levels.insert(feature::KRAFT_VERSION.to_owned(), published.kraft_version);
        for (name, level) in levels {
            show(&[("featureName", &in_camel_case(&name))], f64::from(level));
        }
    });
    for feature in feature::FEATURES {
        let name = feature.name.replace('.', "-");
        for (descriptor, level) in [(&MOST_SUPPORTED, feature.max), (&LEAST_SUPPORTED, feature.min)] {
            metrics.asked_gauge(descriptor, &[("feature_name", &name)], move || f64::from(level));
        }
    }
}

/// `metadataVersion` for `metadata.version`.
fn in_camel_case(name: &str) -> String {
    let mut parts = name.split('.');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        text.push_str(letters.as_str());
    }
    text
}

fn show_controller(
    metrics: &Registry,
    own: NodeId,
    active: &watch::Receiver<ActiveController>,
    published: &watch::Receiver<Published>,
) {
    let seen = active.clone();
    metrics.asked_gauge(
        &ACTIVE,
        &[],
        move || {
            if seen.borrow().id == Some(own) { 1.0 } else { 0.0 }
        },
    );
    let shown = published.clone();
    metrics.asked_gauge(&APPLIED, &[], move || offset(Offset(shown.borrow().end.0 - 1)));
    for (descriptor, counted) in COUNTED {
        let shown = published.clone();
        metrics.asked_gauge(&descriptor, &[], move || {
            let image = shown.borrow().image.clone();
            counted(&image) as f64
        });
    }
}

fn show_raft(metrics: &Registry, active: &watch::Receiver<ActiveController>, log_ends: &watch::Receiver<LogEnds>) {
    let seen = active.clone();
    metrics.asked_gauge(&LEADER, &[], move || {
        f64::from(seen.borrow().id.unwrap_or(NodeId::NONE).0)
    });
    let seen = active.clone();
    metrics.asked_gauge(&EPOCH, &[], move || f64::from(seen.borrow().epoch.0));
    let ends = log_ends.clone();
    metrics.asked_gauge(&HIGH_WATERMARK, &[], move || offset(ends.borrow().high_watermark));
    let ends = log_ends.clone();
    metrics.asked_gauge(&LOG_END, &[], move || offset(ends.borrow().end));
}

fn offset(offset: Offset) -> f64 {
    offset.0 as f64
}
