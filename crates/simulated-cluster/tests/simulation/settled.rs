//! What must be true once all is well again.

use crate::history::{End, History, Place, Told};
use crate::story::a_little;
use crate::workload::{ATOMIC, PARTITIONS, PLAIN, TRANSACTORS, Work, offsets, topic};
use base::{Offset, TopicPartition, Uuid};
use broker::Broker;
use broker::log_dirs::LogDir;
use bytes::Bytes;
use client::admin::{CommittedOffset, list_group_offsets};
use simulated_cluster::Cluster;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use storage::{MinOne, ReadRequest, dirs};

/// What a replica holds: its high watermark, its end, and its bytes.
type Replica = (Offset, Offset, Bytes);

/// A partition's records as they lie in the log: offset, value.
pub type Log = Vec<(i64, String)>;

fn replica(broker: &Broker, name: &str, index: i32) -> Option<Replica> {
    let hosted = broker.partitions.get(name, index)?;
    let (view, watermark) = {
        let partition = hosted.lock_quietly();
        (partition.log().view(), partition.high_watermark())
    };
    let mut bytes = Vec::new();
    let mut next = view.log_start_offset();
    while next < view.log_end_offset() {
        let request = ReadRequest {
            from: next,
            max_bytes: 1 << 20,
            bound: view.log_end_offset(),
            min_one: MinOne::Whole,
        };
        let region = view.read(request).unwrap().region?;
        let read = region.read().unwrap();
        let mut rest: &[u8] = &read;
        while let Ok((batch, after)) = records::BatchView::split(rest) {
            next = batch.header().last_offset().plus(1);
            rest = after;
        }
        bytes.extend_from_slice(&read[..read.len() - rest.len()]);
    }
    Some((watermark, view.log_end_offset(), bytes.into()))
}

fn names(cluster: &Cluster) -> BTreeSet<(String, i32)> {
    let brokers = (0..cluster.nodes()).filter_map(|node| cluster.broker(node));
    let topics = brokers.flat_map(|broker| broker.partitions.topics());
    let names = topics.flat_map(|topic| {
        let indexes: Vec<i32> = topic.partitions().map(|(index, _)| index).collect();
        indexes.into_iter().map(move |index| (topic.name.to_string(), index))
    });
    names.collect()
}

/// Whether no replica moves to another directory, nothing is left of one that did, and the cluster knows where each lies.
fn lies_where_it_is_known_to(broker: &Broker) -> bool {
    let image = Arc::clone(&broker.image.borrow().image);
    let is_known = |name: &str, index: i32, dir: Uuid| {
        let topic = image.topics.get(name);
        let partition = topic.and_then(|topic| topic.partition(index));
        partition.and_then(|partition| partition.directory(broker.node)) == Some(dir)
    };
    let topics = broker.partitions.topics();
    let all_known = topics.iter().all(|topic| {
        let mut partitions = topic.partitions();
        partitions.all(|(index, hosted)| is_known(&topic.name, index, hosted.dir().id))
    });
    let no_future = |dir: &Arc<LogDir>| dirs::scan(&*broker.fs, &dir.path).is_ok_and(|found| found.future.is_empty());
    all_known && broker.future_replicas.all().is_empty() && broker.log_dirs.dirs.iter().all(no_future)
}

/// Whether every partition is on every node, where it is known to be, to its end below the high watermark, and in the same bytes.
pub fn are_equal(cluster: &Cluster) -> bool {
    if !cluster.now().is_multiple_of(100) || (0..cluster.nodes()).any(|node| cluster.broker(node).is_none()) {
        return false;
    }
    let mut brokers = (0..cluster.nodes()).filter_map(|node| cluster.broker(node));
    if !brokers.all(|broker| lies_where_it_is_known_to(&broker)) {
        return false;
    }
    names(cluster).into_iter().all(|(name, index)| {
        let replicas = (0..cluster.nodes()).map(|node| {
            let broker = cluster.broker(node)?;
            replica(&broker, &name, index)
        });
        let replicas: Vec<Option<Replica>> = replicas.collect();
        let first = &replicas[0];
        let is_whole = |replica: &Option<Replica>| replica.as_ref().is_some_and(|(watermark, end, _)| watermark == end);
        replicas.iter().all(|replica| replica == first && is_whole(replica))
    })
}

/// Where every replica is, for whoever wants to know why something does not come about.
pub fn picture(cluster: &Cluster, history: &History) -> String {
    let mut lines = Vec::new();
    let told = history.lock();
    let unread = told
        .acknowledged
        .iter()
        .filter(|(record, _)| record.0.0 == PLAIN && !told.group_saw.contains(record));
    for ((place, value), offset) in unread.take(10) {
        lines.push(format!("the group has not been handed {value} at {place:?} {offset}"));
    }
    let committed = told.transactions.iter().filter(|one| one.end == End::Committed);
    let values = committed.flat_map(|one| &one.values);
    for record in values.filter(|value| !told.committed_saw.contains(value)).take(10) {
        let offset = told
            .seen
            .iter()
            .find(|((place, _), value)| (*place, *value) == (record.0, &record.1));
        lines.push(format!(
            "{record:?} was committed and is not read as that; at {:?}",
            offset.map(|((_, at), _)| at)
        ));
    }
    drop(told);
    for (name, index) in names(cluster) {
        for node in 0..cluster.nodes() {
            let broker = cluster.broker(node);
            let Some(hosted) = broker.and_then(|broker| broker.partitions.get(&name, index)) else {
                lines.push(format!("{name}-{index} is not on node {node}"));
                continue;
            };
            let partition = hosted.lock_quietly();
            let (log, watermark) = (partition.log(), partition.high_watermark());
            let (end, flushed) = (log.view().log_end_offset(), log.recovery_point());
            let (leads, stable) = (partition.leadership(), partition.last_stable_offset());
            lines.push(format!(
                "{name}-{index} on node {node}: to {end}, flushed to {flushed}, watermark {watermark}, stable to {stable}, leads {leads:?}"
            ));
        }
    }
    lines.join("\n")
}

/// Whether every partition has a leader that has all its replicas in sync.
pub fn are_in_sync(cluster: &Cluster) -> bool {
    if !cluster.now().is_multiple_of(100) || (0..cluster.nodes()).any(|node| cluster.broker(node).is_none()) {
        return false;
    }
    names(cluster).into_iter().all(|(name, index)| {
        let mut brokers = (0..cluster.nodes()).filter_map(|node| cluster.broker(node));
        brokers.any(|broker| {
            let hosted = broker.partitions.get(&name, index);
            let in_sync = hosted.and_then(|hosted| Some(hosted.lock_quietly().leadership().ok()?.isr.len()));
            in_sync == Some(cluster.nodes())
        })
    })
}

/// Whether readers and the group have been handed everything that was acknowledged or committed.
pub fn is_all_read(history: &History) -> bool {
    let told = history.lock();
    if !told.now.is_multiple_of(100) {
        return false;
    }
    let plain = told.acknowledged.keys().filter(|(place, _)| place.0 == PLAIN);
    let mut committed = told.transactions.iter().filter(|one| one.end == End::Committed);
    plain.into_iter().all(|record| told.group_saw.contains(record))
        && committed.all(|one| one.values.iter().all(|value| told.committed_saw.contains(value)))
}

/// Asks what the group without members has committed, and then until the offsets within transactions are there.
pub async fn look(work: Work, found: Arc<AtomicBool>) {
    let cluster = work.cluster("looks");
    let commits = work.history.lock().commits.clone();
    let groups: BTreeSet<&String> = commits.keys().map(|(group, _)| group).collect();
    for group in groups {
        let found_there = committed(&work, &cluster, group).await;
        for ((of, place), (committed, tried)) in commits.iter().filter(|((of, _), _)| of == group) {
            let there = offset_at(&found_there, *place);
            if there < *committed || there > *tried {
                work.history.lock().wrong(format!(
                    "{of} has {there} of {place:?}: {committed} was committed, {tried} was tried"
                ));
            }
        }
    }
    for who in TRANSACTORS {
        let possible = offsets::possible(&work.history.lock(), who);
        loop {
            // The markers of a transaction that has ended may be on their way.
            let there = offset_at(&committed(&work, &cluster, &offsets::group(who)).await, (ATOMIC, 0));
            work.history
                .note(format_args!("the offset of {who}'s group is {there}, of {possible:?}"));
            if possible.contains(&there) {
                break;
            }
            a_little().await;
        }
    }
    found.store(true, Ordering::Relaxed);
}

type Offsets = Vec<(TopicPartition, CommittedOffset)>;

async fn committed(work: &Work, cluster: &client::Cluster, group: &str) -> Offsets {
    loop {
        match list_group_offsets(cluster, group).await {
            Ok(offsets) => return offsets,
            Err(error) => work.history.note(format_args!("offsets cannot be seen: {error}")),
        }
        a_little().await;
    }
}

fn offset_at(offsets: &Offsets, place: Place) -> i64 {
    let key = TopicPartition::new(place.0, place.1);
    let there = offsets.iter().find(|(partition, _)| *partition == key);
    there.map_or(-1, |(_, committed)| committed.offset.0)
}

/// The values in a log, control records left out.
fn values(bytes: &[u8]) -> Log {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Ok((batch, after)) = records::BatchView::split(rest) {
        rest = after;
        let header = *batch.header();
        if header.attributes.is_control() {
            continue;
        }
        let body = records::Records::new(batch.body(), header.record_count);
        for record in body.map(Result::unwrap) {
            let offset = header.base_offset.plus(i64::from(record.offset_delta));
            let value = String::from_utf8(record.value.unwrap_or(b"").to_vec()).unwrap();
            found.push((offset.0, value));
        }
    }
    found
}

/// Compares what the logs hold with what was promised.
pub fn check(cluster: &Cluster, history: &History) {
    let broker = cluster.broker(0).unwrap();
    let mut told = history.lock();
    for name in [PLAIN, ATOMIC] {
        for index in 0..PARTITIONS {
            let (_, _, bytes) = replica(&broker, name, index).unwrap();
            log((topic(name), index), &values(&bytes), &mut told);
        }
    }
    transactions(&mut told);
}

fn log(place: Place, log: &Log, told: &mut Told) {
    let mut offsets: BTreeMap<&str, i64> = BTreeMap::new();
    let mut last: BTreeMap<&str, &str> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (offset, value) in log {
        if let Some(before) = offsets.insert(value, *offset) {
            wrong.push(format!("{value} is twice in {place:?}: {before} and {offset}"));
        }
        let who = value.split(':').next().unwrap_or("");
        // What was sent later is numbered higher.
        if let Some(before) = last.insert(who, value)
            && before >= value.as_str()
        {
            wrong.push(format!("{value} comes after {before} in {place:?}"));
        }
        if let Some(seen) = told.seen.get(&(place, *offset))
            && seen != value
        {
            wrong.push(format!("{place:?} has {value} at {offset}, but {seen} was read there"));
        }
    }
    for ((at, value), offset) in &told.acknowledged {
        let there = offsets.get(value.as_str()).copied();
        // An answer to a repeated batch may not know where the first was written.
        if *at == place && (there.is_none() || (*offset >= 0 && there != Some(*offset))) {
            wrong.push(format!(
                "{value} was acknowledged at {place:?} {offset}, and is at {there:?}"
            ));
        }
    }
    let seen = told.seen.range((place, i64::MIN)..=(place, i64::MAX));
    for ((_, offset), value) in seen {
        if !offsets.contains_key(value.as_str()) {
            wrong.push(format!("{value} was read at {place:?} {offset}, and is not there"));
        }
    }
    for wrong in wrong {
        told.wrong(wrong);
    }
}

fn transactions(told: &mut Told) {
    let mut wrong = Vec::new();
    for transaction in &told.transactions {
        let seen = transaction
            .values
            .iter()
            .filter(|value| told.committed_saw.contains(value))
            .count();
        let all = transaction.values.len();
        let is_right = match transaction.end {
            End::Committed => seen == all,
            End::Aborted => seen == 0,
            End::Unknown => seen == 0 || seen == all,
        };
        if !is_right {
            wrong.push(format!(
                "of {all} records, {seen} were read as committed: {transaction:?}"
            ));
        }
    }
    for wrong in wrong {
        told.wrong(wrong);
    }
}
