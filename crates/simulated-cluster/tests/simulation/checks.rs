//! What must be true at every moment.

use crate::history::{History, Told};
use crate::workload::{ATOMIC, PLAIN};
use base::Offset;
use broker::Broker;
use simulated_cluster::Cluster;
use std::collections::BTreeMap;

/// The newest leader of a partition: epoch, node, end of its log.
type Leaders = BTreeMap<(String, i32), (i32, usize, Offset)>;

/// Looks at all brokers: who leads what, and whether it has what was acknowledged.
pub fn always(cluster: &Cluster, history: &History) {
    // Every so often is enough: leaderships last longer.
    if !cluster.now().is_multiple_of(5) {
        return;
    }
    let mut told = history.lock();
    let mut leaders = Leaders::new();
    for node in 0..cluster.nodes() {
        if let Some(broker) = cluster.broker(node) {
            look(node, &broker, &mut told, &mut leaders);
        }
    }
    for topic in [PLAIN, ATOMIC] {
        for index in 0..crate::workload::PARTITIONS {
            let highest = told.highest.get(&(topic, index)).copied().unwrap_or(-1);
            let newest = told.newest.get(&(topic.to_owned(), index)).copied().unwrap_or(-1);
            let Some((epoch, node, end)) = leaders.get(&(topic.to_owned(), index)) else {
                continue;
            };
            // Only whoever leads by the newest epoch there ever was has to have everything.
            if *epoch == newest && end.0 <= highest {
                let (node, end) = (*node, end.0);
                told.wrong(format!(
                    "node {node} leads {topic}-{index} up to {end}, but {highest} was acknowledged"
                ));
            }
        }
    }
}

fn look(node: usize, broker: &Broker, told: &mut Told, leaders: &mut Leaders) {
    for topic in broker.partitions.topics() {
        for (index, hosted) in topic.partitions() {
            let partition = hosted.lock_quietly();
            let start = partition.log().view().log_start_offset();
            if start != Offset::ZERO {
                // Nobody deletes records.
                told.wrong(format!("node {node} has {}-{index} from {start} on", topic.name));
            }
            let Ok(leadership) = partition.leadership() else {
                continue;
            };
            let (name, epoch) = (topic.name.to_string(), leadership.epoch);
            let end = partition.log().view().log_end_offset();
            let watermark = partition.high_watermark();
            drop(partition);
            let leader = *told.leaders.entry((name.clone(), index, epoch)).or_insert(broker.node);
            if leader != broker.node {
                told.wrong(format!(
                    "{name}-{index} has two leaders of {epoch:?}: {leader} and {}",
                    broker.node
                ));
            }
            let place = (name.clone(), index, epoch);
            let before = told.watermarks.entry(place).or_insert(watermark);
            if *before > watermark {
                let before = *before;
                told.wrong(format!(
                    "the high watermark of {name}-{index} fell from {before} to {watermark} in {epoch:?}"
                ));
            } else {
                *before = watermark;
            }
            let newest = told.newest.entry((name.clone(), index)).or_insert(-1);
            *newest = (*newest).max(epoch.0);
            let entry = leaders.entry((name, index)).or_insert((epoch.0, node, end));
            if entry.0 < epoch.0 {
                *entry = (epoch.0, node, end);
            }
        }
    }
}
