//! What is measured of the controller and the quorum, under the names of Kafka's MBeans (`docs/metrics.md`): asked for
//! when the page is read, from what the node shows anyway.

use crate::active_controller::ActiveController;
use crate::driver::LogEnds;
use crate::node::QuorumNode;
use base::metric::{Descriptor, Registry};
use base::{NodeId, Offset};
use metadata::image::PartitionImage;
use metadata::{MetadataImage, Published};
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
        }
        show_raft(metrics, &self.active, &self.log_ends);
    }
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
