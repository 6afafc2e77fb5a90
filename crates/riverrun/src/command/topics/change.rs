//! Creating, growing and deleting topics.

use super::new_topic::{new_topic, placement};
use super::{matching, must_exist};
use crate::command::options::Options;
use client::admin::{self, Each, NewPartitions};
use client::{ClientError, Cluster};
use protocol::ErrorCode;

/// How many partitions are asked for at a time where the answer is small.
const LIMIT: i32 = 2000;

/// `--create`.
pub async fn create(cluster: &Cluster, options: &Options) -> anyhow::Result<()> {
    let topic = new_topic(options)?;
    if topic.name.contains(['.', '_']) {
        println!(
            "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could \
             collide. To avoid issues it is best to use either, but not both."
        );
    }
    let created = admin::create_topics(cluster, std::slice::from_ref(&topic)).await?;
    match first_error(created) {
        None => println!("Created topic {}.", topic.name),
        Some(ClientError::Refused {
            code: ErrorCode::TopicAlreadyExists,
            ..
        }) if options.has("if-not-exists") => {}
        Some(error) => return Err(error.into()),
    }
    Ok(())
}

/// `--alter`.
pub async fn alter(cluster: &Cluster, options: &Options) -> anyhow::Result<()> {
    let given = match options.value("replica-assignment")? {
        Some(text) if !text.is_empty() => Some(placement(text)?),
        _ => None,
    };
    let count = options.number::<i32>("partitions")?.unwrap_or_default();
    let names = matching(cluster, options).await?;
    must_exist(&names, options)?;
    if names.is_empty() {
        return Ok(());
    }
    let mut topics = Vec::new();
    for (name, described) in admin::describe_topics(cluster, &names, LIMIT).await? {
        let there = described?.partitions.len();
        let placement = given.as_ref().map(|given| given.iter().skip(there).cloned().collect());
        topics.push(NewPartitions {
            topic: name,
            count,
            placement,
        });
    }
    match first_error(admin::create_partitions(cluster, &topics).await?) {
        None => Ok(()),
        Some(error) => Err(error.into()),
    }
}

/// `--delete`.
pub async fn delete(cluster: &Cluster, options: &Options) -> anyhow::Result<()> {
    let names = matching(cluster, options).await?;
    must_exist(&names, options)?;
    if names.is_empty() {
        return Ok(());
    }
    match first_error(admin::delete_topics(cluster, &names).await?) {
        None => Ok(()),
        Some(error) => Err(error.into()),
    }
}

fn first_error<T>(each: Each<String, T>) -> Option<ClientError> {
    each.into_iter().find_map(|(_, outcome)| outcome.err())
}
