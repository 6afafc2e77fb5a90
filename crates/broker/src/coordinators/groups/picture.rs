//! The picture of the cluster that the coordinators of groups go by, kept up to date from the metadata.

use super::tenant::settings;
use crate::Broker;
use config::BrokerConfig;
use group_coordinator::Picture;
use group_coordinator::settings::GroupOverrides;
use group_coordinator::topics::{Topic, Topics};
use metadata::delta::{TopicChange, changed_topics};
use metadata::image::{ConfigResourceType, ConfigurationImage, PartitionImage, TopicImage};
use metadata::{MetadataImage, Published};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tracing::{debug, warn};

/// Takes over what differs between two images, and shows it to the coordinators.
pub(crate) fn follow(broker: &Broker, old: &MetadataImage, newer: &Published, settings_changed: bool) {
    let new: &MetadataImage = &newer.image;
    let before = broker.group_picture.load_full();
    let mut after = Picture::clone(&before);
    follow_topics(&mut after.topics, old, newer);
    let config = broker.config.load_full();
    follow_overrides(&mut after, &config, old, new);
    let picture_changed = after.topics.version() != before.topics.version() || after.overrides != before.overrides;
    if !picture_changed && !settings_changed {
        return;
    }
    broker.group_picture.store(Arc::new(after.clone()));
    let settings = settings(&config);
    for shard in broker.groups.all() {
        let shown = shard.change(|_, serving, _| {
            serving.coordinator.adopt(settings.clone());
            serving.coordinator.see(serving.runtime.latest(), after.clone());
        });
        if let Err(error) = shown {
            // One that is loading takes the newest picture once it has; one that is gone needs none.
            debug!(partition = shard.index, %error, "a group coordinator is not shown what is new");
        }
    }
}

fn follow_topics(topics: &mut Topics, old: &MetadataImage, newer: &Published) {
    let new: &MetadataImage = &newer.image;
    let changes = changed_topics(old, new);
    let moved = racks_changed(old, new);
    if changes.is_empty() && !moved {
        return;
    }
    topics.begin(newer.end.0);
    for change in changes {
        match change {
            TopicChange::Deleted(topic) => topics.remove(topic.id),
            TopicChange::Created(topic) => topics.insert(picture(new, topic)),
            TopicChange::Changed { old, new: topic } if replicas_changed(old, topic) => {
                topics.insert(picture(new, topic));
            }
            TopicChange::Changed { .. } => {}
        }
    }
    if moved {
        for topic in new.topics.iter() {
            topics.insert(picture(new, topic));
        }
    }
}

/// Whether a topic has more partitions, or has them elsewhere.
fn replicas_changed(old: &TopicImage, new: &TopicImage) -> bool {
    let replicas = |(_, partition): (i32, &PartitionImage)| partition.replicas.clone();
    old.partitions().map(replicas).ne(new.partitions().map(replicas))
}

/// Whether a broker is in another rack than before.
fn racks_changed(old: &MetadataImage, new: &MetadataImage) -> bool {
    let rack = |image: &MetadataImage, id| image.brokers.get(id).and_then(|broker| broker.rack.clone());
    new.brokers.iter().any(|broker| rack(old, broker.id) != broker.rack)
}

fn picture(image: &MetadataImage, topic: &TopicImage) -> Topic {
    let racks = topic.partitions().map(|(_, partition)| {
        let brokers = partition.replicas.iter().filter_map(|id| image.brokers.get(*id));
        brokers.filter_map(|broker| broker.rack.as_deref()).collect()
    });
    Topic::new(Arc::clone(&topic.name), topic.id, racks.collect())
}

fn follow_overrides(picture: &mut Picture, config: &BrokerConfig, old: &MetadataImage, new: &MetadataImage) {
    let names = |image: &MetadataImage| -> BTreeSet<String> {
        let groups = image.configs.of_type(ConfigResourceType::Group);
        groups.map(|(name, _)| name.to_owned()).collect()
    };
    let is_same = |name: &str| match (old.configs.group(name), new.configs.group(name)) {
        (Some(before), Some(after)) => Arc::ptr_eq(before, after),
        (before, after) => before.is_none() && after.is_none(),
    };
    for name in names(old).union(&names(new)).filter(|name| !is_same(name)) {
        match new.configs.group(name) {
            Some(set) => picture
                .overrides
                .insert(name.as_str().into(), overrides(name, config, set)),
            None => picture.overrides.remove(name.as_str()),
        };
    }
}

/// What is set for a group, within the bounds of this broker, which may be narrower than when it was set.
fn overrides(group: &str, config: &BrokerConfig, set: &ConfigurationImage) -> GroupOverrides {
    let bounded = |what: &str| -> Option<i32> {
        let value: i32 = set.get(&format!("consumer.{what}"))?.trim().parse().ok()?;
        let bound = |which: &str| config.settings.read::<i32>(&format!("group.consumer.{which}.{what}"));
        let (min, max) = (bound("min"), bound("max"));
        let within = value.max(min).min(max);
        if within != value {
            warn!(
                group,
                value, within, "consumer.{what} of a group is out of this broker's bounds"
            );
        }
        Some(within)
    };
    let millis = |value: i32| Duration::from_millis(u64::try_from(value).unwrap_or(0));
    GroupOverrides {
        session_timeout: bounded("session.timeout.ms").map(millis),
        heartbeat_interval_ms: bounded("heartbeat.interval.ms"),
        assignment_interval: bounded("assignment.interval.ms").map(millis),
    }
}
