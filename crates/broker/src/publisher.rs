//! Turning a new picture of the cluster into hosted partitions and settings.

use crate::Broker;
use crate::coordinators::groups::picture;
use crate::coordinators::groups::topics_deleted::topics_deleted;
use crate::coordinators::hosting::leadership;
use crate::coordinators::transactions::agreed;
use crate::hosting;
use crate::log_config;
use crate::log_dirs::LogDir;
use crate::opening;
use crate::partitions::{Hosted, HostedTopic};
use crate::removals::Removals;
use crate::replication::{self, PartitionId, Task};
use crate::standings;
use base::{TopicPartition, Uuid};
use group_coordinator::GroupCoordinator;
use metadata::delta::{TopicChange, changed_partitions, changed_topics};
use metadata::image::{ConfigResourceType, TopicImage};
use metadata::{MetadataImage, Published};
use partition::Wakes;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use storage::dirs::PartitionDir;
use tokio::sync::watch;
use tracing::{error, info, warn};
use transaction_coordinator::TransactionCoordinator;

/// Follows the quorum's images: applies each, then makes it the broker's own.
pub async fn follow(
    broker: Arc<Broker>,
    mut from_quorum: watch::Receiver<Published>,
    applied: watch::Sender<Published>,
    removals: Removals,
) {
    while from_quorum.changed().await.is_ok() {
        let next = from_quorum.borrow_and_update().clone();
        let before = applied.borrow().clone();
        if Arc::ptr_eq(&before.image, &next.image) {
            // Only the level of `kraft.version` is another: nothing waits for the disk.
            apply(&broker, &before.image, &next, &removals);
        } else {
            // Opening logs waits for the disk; other tasks of this worker move elsewhere meanwhile.
            network::thread::in_place(|| apply(&broker, &before.image, &next, &removals));
        }
        applied.send_replace(next);
    }
}

/// Applies the difference between two images.
pub fn apply(broker: &Arc<Broker>, old: &MetadataImage, newer: &Published, removals: &Removals) {
    let new: &MetadataImage = &newer.image;
    standings::update(broker, old, new);
    let settings_changed = update_settings(broker, old, new);
    broker.quotas.follow(&old.client_quotas, &new.client_quotas);
    let mut changes = Changes::default();
    let mut created = Vec::new();
    let mut deleted = BTreeSet::new();
    for change in changed_topics(old, new) {
        match change {
            TopicChange::Deleted(topic) => {
                delete(broker, topic, removals, &mut changes);
                deleted.insert(Arc::clone(&topic.name));
            }
            TopicChange::Created(topic) => created.extend(missing(broker, topic, None)),
            TopicChange::Changed { old, new } => {
                created.extend(missing(broker, new, Some(old)));
                change_roles(broker, old, new, removals, &mut changes);
            }
        }
    }
    if old.brokers != new.brokers {
        changes.wakes.merge(standings::look_again(broker));
    }
    changes.tasks.extend(opening::open_all(broker, new, &created));
    replication::assign(broker, changes.tasks);
    changes.wakes.fire();
    replication::leaders_changed(broker, old, new);
    update_topics(broker, old, new, settings_changed);
    picture::follow(broker, old, newer, settings_changed);
    leadership::follow::<GroupCoordinator>(broker, old, new);
    leadership::follow::<TransactionCoordinator>(broker, old, new);
    agreed::follow(broker, old, new);
    topics_deleted(broker, &deleted);
}

/// What the partitions of an image have to do, and who waited for them.
#[derive(Default)]
struct Changes {
    tasks: Vec<(PartitionId, Task)>,
    wakes: Wakes,
}

/// The partitions that are to be hosted here and are not yet.
fn missing(broker: &Broker, new: &Arc<TopicImage>, old: Option<&Arc<TopicImage>>) -> Vec<(Arc<TopicImage>, i32)> {
    let hosted = broker.partitions.topic_by_id(new.id);
    let is_new = |index: i32| match old {
        Some(_) => hosted.as_ref().is_none_or(|topic| topic.partition(index).is_none()),
        None => true,
    };
    let mine = new
        .partitions()
        .filter(|(index, partition)| partition.replicas.contains(&broker.node) && is_new(*index));
    mine.map(|(index, _)| (Arc::clone(new), index)).collect()
}

fn change_roles(broker: &Broker, old: &TopicImage, new: &TopicImage, removals: &Removals, changes: &mut Changes) {
    let Some(hosted) = broker.partitions.topic_by_id(new.id) else {
        return;
    };
    let mut gone = Vec::new();
    for change in changed_partitions(old, new) {
        let Some(partition) = hosted.partition(change.partition) else {
            continue;
        };
        let id = PartitionId {
            topic: new.id,
            index: change.partition,
        };
        if change.new.replicas.contains(&broker.node) {
            let (wakes, task) = hosting::assume_role(broker, partition, &new.name, change.new);
            changes.wakes.merge(wakes);
            changes.tasks.push((id, task));
        } else {
            gone.push(id);
        }
    }
    if !gone.is_empty() {
        move_away(broker, &gone, removals, changes);
    }
}

/// Replicas that the cluster has moved to other brokers.
fn move_away(broker: &Broker, gone: &[PartitionId], removals: &Removals, changes: &mut Changes) {
    let mut removed = Vec::new();
    broker.partitions.change(|table| {
        removed.extend(gone.iter().filter_map(|id| table.remove_partition(id.topic, id.index)));
    });
    for hosted in removed {
        info!(partition = %hosted.lock().topic_partition(), "a replica has been moved away");
        let_go(broker, &hosted, removals, changes);
    }
    changes.tasks.extend(gone.iter().map(|id| (*id, Task::Rest)));
}

fn let_go(broker: &Broker, hosted: &Hosted, removals: &Removals, changes: &mut Changes) {
    let (path, wakes) = hosting::let_go(broker, hosted);
    changes.wakes.merge(wakes);
    if let Some(path) = path {
        // As in Kafka, the broker's delay: the topic's own is for its segments.
        removals.directory(path, broker.config.load().topic_defaults.file_delete_delay_ms);
    }
}

fn delete(broker: &Broker, topic: &TopicImage, removals: &Removals, changes: &mut Changes) {
    let mut removed = None;
    broker.partitions.change(|table| removed = table.remove(topic.id));
    let Some(removed) = removed else { return };
    for (index, hosted) in removed.partitions() {
        changes.tasks.push((PartitionId { topic: topic.id, index }, Task::Rest));
        let_go(broker, hosted, removals, changes);
    }
}

/// Takes over dynamic broker settings; answers whether any changed.
fn update_settings(broker: &Arc<Broker>, old: &MetadataImage, new: &MetadataImage) -> bool {
    if new.configs.dynamic_is_same(&old.configs, broker.node) {
        return false;
    }
    let wanted = new.configs.dynamic(broker.node);
    for notice in wanted.notices(&broker.config.load().dynamic) {
        warn!("{notice}");
    }
    let (config, refused) = broker.config.load().with_usable_dynamic(wanted);
    for reason in refused {
        warn!(reason, "a dynamic broker config cannot be applied");
    }
    let expiration = config.log.producer_id_expiration;
    let fetchers = config.replication.num_replica_fetchers;
    broker.throttles.configure(&config);
    broker.log_dirs.cordon(&config.cordoned_log_dirs);
    let before = broker.config.swap(Arc::new(config));
    if before.replication.num_replica_fetchers != fetchers {
        replication::rearrange(broker);
    }
    if before.log.producer_id_expiration != expiration {
        for hosted in broker.partitions.all() {
            hosted.lock().log_mut().set_producer_expiration(expiration);
        }
    }
    true
}

/// Takes over topic settings where they, or the broker's defaults for them, changed.
fn update_topics(broker: &Broker, old: &MetadataImage, new: &MetadataImage, defaults_changed: bool) {
    let config = broker.config.load();
    let mut wakes = Wakes::none();
    let topics = if defaults_changed {
        broker.partitions.topics()
    } else {
        with_changed_settings(broker, old, new)
    };
    for topic in topics {
        let settings = log_config::of_topic(&config, new, &topic.name);
        for (index, hosted) in topic.partitions() {
            hosted.set_throttled(settings.throttled(index, broker.node));
            let updated = hosted
                .lock()
                .update_config(Arc::clone(&settings.log), settings.min_insync_replicas);
            wakes.merge(updated);
        }
    }
    wakes.fire();
}

fn with_changed_settings(broker: &Broker, old: &MetadataImage, new: &MetadataImage) -> Vec<Arc<HostedTopic>> {
    let names = |image: &MetadataImage| -> BTreeSet<String> {
        image
            .configs
            .of_type(ConfigResourceType::Topic)
            .map(|(name, _)| name.to_owned())
            .collect()
    };
    let is_same = |name: &str| match (old.configs.topic(name), new.configs.topic(name)) {
        (Some(before), Some(after)) => Arc::ptr_eq(before, after),
        (None, None) => true,
        _ => false,
    };
    let mut candidates = names(old);
    candidates.append(&mut names(new));
    candidates
        .into_iter()
        .filter(|name| !is_same(name))
        .filter_map(|name| broker.partitions.topic(&name))
        .collect()
}

/// Puts aside what the metadata does not place here, before what it does is opened: a log of an older topic must not be
/// in the way of one of the same name. Nothing is removed that a human might miss.
pub fn put_strays_aside(broker: &Broker, image: &MetadataImage) {
    let belongs = |dir: &PartitionDir, lies_in: &LogDir, places: &[Uuid]| {
        let topic = image.topics.get(&dir.partition.topic);
        let topic = topic.filter(|topic| dir.topic_id.is_none_or(|id| id == topic.id));
        let partition = topic.and_then(|topic| topic.partition(dir.partition.partition));
        let placed = partition.filter(|partition| partition.replicas.contains(&broker.node));
        placed.is_some_and(|partition| {
            let named = partition.directory(broker.node);
            named.is_none_or(|named| named == lies_in.id || !places.contains(&named))
        })
    };
    for dir in broker.log_dirs.strays(belongs) {
        let mut rng = broker.rng.lock().expect("no code panics while it draws a number");
        let aside = dir
            .path
            .with_file_name(storage::dirs::name::stray(&dir.partition, &mut rng));
        drop(rng);
        report_stray(&dir.partition, &aside, broker.fs.rename(&dir.path, &aside));
    }
}

/// Removes what was deleted before the restart, after the same delay.
pub fn remove_deleted(broker: &Broker, removals: &Removals) {
    let delay = broker.config.load().topic_defaults.file_delete_delay_ms;
    for path in broker.log_dirs.deleted() {
        removals.directory(path, delay);
    }
}

fn report_stray(partition: &TopicPartition, aside: &Path, renamed: std::io::Result<()>) {
    match renamed {
        Ok(()) => {
            warn!(%partition, aside = %aside.display(), "a log that the cluster does not place here is put aside")
        }
        Err(error) => error!(%partition, %error, "a log that the cluster does not place here cannot be put aside"),
    }
}

/// Says how many partitions are hosted.
pub fn report(broker: &Broker) {
    info!(partitions = broker.partitions.all().len(), "partitions hosted");
}
