//! The power fails at any write: whatever was answered is there afterwards, and whatever was not is there whole or not.

use crate::setup::{STATIC, config, heartbeat, options, registration, start_on, try_call};
use base::Rng;
use config::BrokerConfig;
use protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use quorum::{QuorumError, QuorumNode, RequestError};
use sim::Disk;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

const PARTITIONS: i32 = 3;

/// What must be true of the next start.
#[derive(Debug, Default)]
struct Promises {
    /// Topics whose creation was answered.
    topics: BTreeSet<String>,
    /// Topics that were asked for.
    asked: BTreeSet<String>,
    /// The last offset seen.
    end: i64,
}

impl Promises {
    fn check(&mut self, node: &QuorumNode, context: &str) {
        let published = node.published.borrow().clone();
        let found: BTreeSet<String> = published
            .image
            .topics
            .iter()
            .map(|topic| topic.name.to_string())
            .collect();
        assert!(
            found.is_superset(&self.topics),
            "{context}: of {:?} there are {found:?}",
            self.topics
        );
        assert!(
            found.is_subset(&self.asked),
            "{context}: nobody asked for all of {found:?}"
        );
        for topic in published.image.topics.iter() {
            assert_eq!(
                topic.partitions().len(),
                PARTITIONS as usize,
                "{context}: {} is there in part",
                topic.name
            );
        }
        assert!(published.end.0 > self.end, "{context}: the log went back");
        self.end = published.end.0;
        self.topics = found;
    }
}

fn start(disk: &Disk, config: &Arc<BrokerConfig>, rng: &mut Rng) -> Result<QuorumNode, QuorumError> {
    start_on(
        Arc::new(disk.clone()),
        options(config, crate::setup::DIRECTORY.parse().unwrap()),
        Rng::from_seed(rng.next_u64()),
    )
}

/// Creates topics until the power is gone, or there are enough.
async fn work(node: &QuorumNode, round: u64, promises: &mut Promises) -> Result<(), RequestError> {
    let registered = try_call(&node.controller, 4, &registration(node, round as u8 + 1)).await?;
    if registered.error_code == 0 {
        try_call(&node.controller, 1, &heartbeat(node, registered.broker_epoch)).await?;
    }
    for number in 0..6 {
        let name = format!("r{round}-{number}");
        let topic = CreatableTopic {
            name: name.clone(),
            num_partitions: PARTITIONS,
            replication_factor: 1,
            ..Default::default()
        };
        promises.asked.insert(name.clone());
        let request = CreateTopicsRequest {
            topics: vec![topic],
            ..Default::default()
        };
        let response = try_call(&node.controller, 7, &request).await?;
        if response.topics[0].error_code == 0 {
            promises.topics.insert(name);
        }
        promises.end = promises.end.max(node.published.borrow().end.0 - 1);
    }
    Ok(())
}

async fn story(seed: u64, settings: &[&str]) {
    let mut rng = Rng::from_seed(seed);
    let mut disk = Disk::with_dir(Path::new("/disk"));
    let config = config(Path::new("/disk"), &[&[STATIC], settings].concat());
    let mut promises = Promises::default();
    for round in 0..8 {
        let context = format!("seed {seed} round {round}");
        disk.cut_power_after(rng.below(90));
        // The power may fail while the node starts.
        if let Ok(node) = start(&disk, &config, &mut rng) {
            promises.check(&node, &context);
            // It ends early if the power does.
            _ = work(&node, round, &mut promises).await;
            _ = node.stop().await;
        }
        disk = disk.after_power_cut(&mut rng);
    }
    let node = start(&disk, &config, &mut rng).unwrap_or_else(|error| panic!("seed {seed}: the last start: {error}"));
    promises.check(&node, &format!("seed {seed} at the end"));
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_answer_is_lost_wherever_the_power_fails() {
    for seed in 0..60 {
        story(seed, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_node_that_has_told_its_end_may_be_stopped() {
    let disk = Disk::with_dir(Path::new("/disk"));
    let config = config(Path::new("/disk"), &[STATIC]);
    let mut node = start(&disk, &config, &mut Rng::from_seed(1)).unwrap();
    disk.cut_power_after(0);
    // What it asks for is not written, or it has ended before it was asked.
    _ = work(&node, 0, &mut Promises::default()).await;
    node.ended().await.unwrap_err();
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nor_while_snapshots_are_written_and_old_ones_removed() {
    let settings = [
        "metadata.log.max.record.bytes.between.snapshots=700",
        "metadata.max.retention.bytes=1",
    ];
    for seed in 1000..1060 {
        story(seed, &settings).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nor_while_the_log_is_cut_into_segments_that_are_removed() {
    let settings = [
        "metadata.log.max.record.bytes.between.snapshots=700",
        "metadata.max.retention.bytes=1",
        "internal.metadata.log.segment.bytes=1500",
        "internal.metadata.max.batch.size.in.bytes=1400",
    ];
    for seed in 2000..2060 {
        story(seed, &settings).await;
    }
}
