//! Coordinators follow the leadership of `__consumer_offsets`.

use super::shard::Shard;
use super::{OFFSETS_TOPIC, compression, tend};
use crate::Broker;
use base::Rng;
use config::BrokerConfig;
use group_coordinator::{GroupSettings, op};
use metadata::MetadataImage;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tracing::info;

/// Takes over what this broker leads in the new image, and lets go of what it does not. The partitions' own roles have
/// been changed before.
pub(crate) fn follow(broker: &Broker, old: &MetadataImage, new: &MetadataImage) {
    let is_same = match (old.topics.get(OFFSETS_TOPIC), new.topics.get(OFFSETS_TOPIC)) {
        (Some(before), Some(after)) => Arc::ptr_eq(before, after),
        (None, None) => true,
        _ => false,
    };
    if is_same {
        return;
    }
    let before = broker.groups.shards.load_full();
    let mut after = BTreeMap::new();
    if let Some(topic) = new.topics.get(OFFSETS_TOPIC) {
        for (index, partition) in topic
            .partitions()
            .filter(|(_, partition)| partition.leader == broker.node)
        {
            let kept = before
                .get(&index)
                .filter(|shard| shard.epoch == partition.leader_epoch && !shard.is_gone());
            let shard = kept.cloned().or_else(|| begin(broker, index));
            after.extend(shard.map(|shard| (index, shard)));
        }
    }
    let gone = before
        .iter()
        .filter(|(index, shard)| after.get(*index).is_none_or(|kept| !Arc::ptr_eq(kept, shard)));
    let gone: Vec<Arc<Shard>> = gone.map(|(_, shard)| Arc::clone(shard)).collect();
    broker.groups.shards.store(Arc::new(after));
    for shard in gone {
        info!(partition = shard.index, "group coordinator unloaded");
        shard.resign();
    }
}

fn begin(broker: &Broker, index: i32) -> Option<Arc<Shard>> {
    let hosted = broker.partitions.get(OFFSETS_TOPIC, index)?;
    let epoch = hosted.lock().leadership().ok()?.epoch;
    let config = broker.config.load();
    let codec = compression::codec(config.groups.offsets_topic_compression_codec);
    let shard = Arc::new(Shard::new(index, epoch, hosted, Arc::clone(&broker.clock), codec));
    let seed = broker
        .rng
        .lock()
        .expect("no code panics while it draws a number")
        .next_u64();
    let buffer = u32::try_from(config.groups.offsets_load_buffer_size).unwrap_or(1);
    tokio::spawn(tend::tend(
        Arc::clone(&shard),
        settings(&config),
        buffer,
        Rng::from_seed(seed),
        broker.stopping.clone(),
    ));
    Some(shard)
}

fn settings(config: &BrokerConfig) -> GroupSettings {
    let groups = &config.groups;
    GroupSettings {
        min_session_timeout_ms: groups.group_min_session_timeout_ms,
        max_session_timeout_ms: groups.group_max_session_timeout_ms,
        max_size: usize::try_from(groups.group_max_size).unwrap_or(usize::MAX),
        initial_rebalance_delay: groups.group_initial_rebalance_delay,
        offset_metadata_max_bytes: usize::try_from(groups.offset_metadata_max_bytes).unwrap_or(0),
        offsets_retention: Duration::from_secs(60 * u64::try_from(groups.offsets_retention_minutes).unwrap_or(0)),
        offsets_retention_check_interval: groups.offsets_retention_check_interval,
    }
}

/// Topics were deleted: the offsets committed for them go too.
pub(crate) fn topics_deleted(broker: &Broker, topics: &BTreeSet<Arc<str>>) {
    if topics.is_empty() {
        return;
    }
    for shard in broker.groups.all() {
        let forgotten = shard.change(|shard, serving, due| {
            let outcome = op::topics_deleted::topics_deleted(serving.runtime.latest(), topics);
            shard.write(serving, outcome, due);
        });
        if let Err(error) = forgotten {
            // What it holds of them expires.
            info!(partition = shard.index, %error, "offsets of deleted topics stay for now");
        }
    }
}
