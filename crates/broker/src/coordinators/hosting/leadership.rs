//! Coordinators follow the leadership of their tenant's topic.

use super::linger::Batches;
use super::shard::Shard;
use super::tenant::Tenant;
use super::tend;
use crate::Broker;
use base::Rng;
use metadata::MetadataImage;
use std::collections::BTreeMap;
use std::sync::Arc;
use tracing::info;

/// Takes over what this broker leads in the new image, and lets go of what it does not. The partitions' own roles have
/// been changed before.
pub(crate) fn follow<T: Tenant>(broker: &Broker, old: &MetadataImage, new: &MetadataImage) {
    let is_same = match (old.topics.get(T::TOPIC), new.topics.get(T::TOPIC)) {
        (Some(before), Some(after)) => Arc::ptr_eq(before, after),
        (None, None) => true,
        _ => false,
    };
    if is_same {
        return;
    }
    let before = T::shards(broker).shards.load_full();
    let mut after = BTreeMap::new();
    if let Some(topic) = new.topics.get(T::TOPIC) {
        for (index, partition) in topic
            .partitions()
            .filter(|(_, partition)| partition.leader == broker.node)
        {
            let kept = before
                .get(&index)
                .filter(|shard| shard.epoch == partition.leader_epoch && !shard.is_gone());
            let shard = kept.cloned().or_else(|| begin::<T>(broker, new, index));
            after.extend(shard.map(|shard| (index, shard)));
        }
    }
    let gone = before
        .iter()
        .filter(|(index, shard)| after.get(*index).is_none_or(|kept| !Arc::ptr_eq(kept, shard)));
    let gone: Vec<Arc<Shard<T>>> = gone.map(|(_, shard)| Arc::clone(shard)).collect();
    T::shards(broker).shards.store(Arc::new(after));
    for shard in gone {
        info!(partition = shard.index, "{} unloaded", T::NAME);
        shard.resign();
    }
}

fn begin<T: Tenant>(broker: &Broker, image: &MetadataImage, index: i32) -> Option<Arc<Shard<T>>> {
    let hosted = broker.partitions.get(T::TOPIC, index)?;
    let epoch = hosted.lock().leadership().ok()?.epoch;
    let config = broker.config.load();
    let batches = Batches {
        codec: T::codec(&config),
        linger: T::linger(&config),
    };
    let clock = Arc::clone(&broker.clock);
    let shard = Arc::new(Shard::new(index, epoch, hosted, clock, batches, T::outbox(broker)));
    let seed = broker
        .rng
        .lock()
        .expect("no code panics while it draws a number")
        .next_u64();
    let buffer = u32::try_from(T::load_buffer(&config)).unwrap_or(1);
    tokio::spawn(tend::tend(
        Arc::clone(&shard),
        T::settings(broker, &config, image),
        buffer,
        Rng::from_seed(seed),
        broker.stopping.clone(),
    ));
    Some(shard)
}
