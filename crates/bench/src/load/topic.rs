//! The topic of a load: created, found, deleted.

use crate::Target;
use crate::connection::Connection;
use crate::offsets::{LATEST, offsets};
use anyhow::{Context, Result, bail, ensure};
use base::Uuid;
use protocol::ErrorCode;
use protocol::messages::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use protocol::messages::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a broker that was only just started may take, and then the topic.
const PATIENCE: Duration = Duration::from_secs(120);
/// A controller writes no more records than 10,000 for one request, and a partition is one.
const AT_ONCE: i32 = 5_000;
const TIMEOUT_MS: i32 = 60_000;

/// A topic all of whose partitions are led.
pub struct Topic {
    /// Its id.
    pub id: Uuid,
    /// Its partitions by the address of their leader.
    pub leaders: Vec<(String, Vec<i32>)>,
}

impl Topic {
    /// Whether its leaders know that they are: the metadata may know it before them.
    fn is_led(&self, target: &Target) -> bool {
        let knows = |(address, led): &(String, Vec<i32>)| {
            let mut connection = Connection::open(address, target)?;
            offsets(&mut connection, &target.topic, led, LATEST)
        };
        self.leaders.iter().all(|leader| knows(leader).is_ok())
    }

    /// How many partitions it has.
    pub fn partitions(&self) -> usize {
        self.leaders.iter().map(|(_, led)| led.len()).sum()
    }
}

/// Creates the topic if it is not there, and waits until all its partitions are led.
pub fn create(target: &Target) -> Result<Topic> {
    let begun = Instant::now();
    let mut connection = loop {
        match Connection::open(&target.bootstrap, target) {
            Ok(connection) => break connection,
            Err(error) if begun.elapsed() > PATIENCE => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    // A broker may listen before it knows a controller.
    while let Err(error) = ask_for(&mut connection, target) {
        if begun.elapsed() > PATIENCE {
            return Err(error);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut count = AT_ONCE;
    while count < target.partitions {
        count = (count + AT_ONCE).min(target.partitions);
        grow(&mut connection, target, count)?;
    }
    loop {
        if let Some(topic) = find(&mut connection, target)?
            && topic.is_led(target)
        {
            return Ok(topic);
        }
        ensure!(begun.elapsed() < 2 * PATIENCE, "not all partitions are led");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Deletes the topic.
pub fn delete(target: &Target) -> Result<()> {
    let request = DeleteTopicsRequest {
        topics: vec![DeleteTopicState {
            name: Some(target.topic.clone()),
            ..Default::default()
        }],
        timeout_ms: TIMEOUT_MS,
        ..Default::default()
    };
    let answer = Connection::open(&target.bootstrap, target)?.call(&request, 6)?;
    let code = answer.responses.first().context("an answer for the topic")?.error_code;
    ensure!(code == 0, "the topic cannot be deleted: {}", name_of(code));
    Ok(())
}

/// What Kafka calls an error.
pub fn name_of(code: i16) -> String {
    format!("{:?}", ErrorCode::from(code))
}

fn ask_for(connection: &mut Connection, target: &Target) -> Result<()> {
    let config = |(name, value): &(String, String)| CreatableTopicConfig {
        name: name.clone(),
        value: Some(value.clone()),
    };
    let topic = CreatableTopic {
        name: target.topic.clone(),
        num_partitions: target.partitions.min(AT_ONCE),
        replication_factor: target.replication_factor,
        configs: target.settings.iter().map(config).collect(),
        ..Default::default()
    };
    let request = CreateTopicsRequest {
        topics: vec![topic],
        timeout_ms: TIMEOUT_MS,
        validate_only: false,
    };
    let answer = connection.call(&request, 7)?;
    let topic = answer.topics.first().context("an answer for the topic")?;
    match ErrorCode::from(topic.error_code) {
        ErrorCode::None | ErrorCode::TopicAlreadyExists => Ok(()),
        _ => bail!(
            "the topic cannot be created: {} {}",
            name_of(topic.error_code),
            topic.error_message.as_deref().unwrap_or_default()
        ),
    }
}

fn grow(connection: &mut Connection, target: &Target, count: i32) -> Result<()> {
    let request = CreatePartitionsRequest {
        topics: vec![CreatePartitionsTopic {
            name: target.topic.clone(),
            count,
            assignments: None,
        }],
        timeout_ms: TIMEOUT_MS,
        validate_only: false,
    };
    let answer = connection.call(&request, 3)?;
    let code = answer.results.first().context("an answer for the topic")?.error_code;
    // A topic that has as many already cannot be grown to them.
    let known = matches!(ErrorCode::from(code), ErrorCode::None | ErrorCode::InvalidPartitions);
    ensure!(known, "the topic cannot be given {count} partitions: {}", name_of(code));
    Ok(())
}

/// The topic, if all its partitions are led.
fn find(connection: &mut Connection, target: &Target) -> Result<Option<Topic>> {
    let request = MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            topic_id: Uuid::ZERO,
            name: Some(target.topic.clone()),
        }]),
        ..Default::default()
    };
    let answer = connection.call(&request, 12)?;
    let topic = answer.topics.first().context("an answer for the topic")?;
    let wanted = usize::try_from(target.partitions)?;
    if topic.error_code != 0 || topic.partitions.len() < wanted {
        return Ok(None);
    }
    let addresses: BTreeMap<i32, String> = answer
        .brokers
        .iter()
        .map(|broker| (broker.node_id, format!("{}:{}", broker.host, broker.port)))
        .collect();
    let mut leaders: BTreeMap<&String, Vec<i32>> = BTreeMap::new();
    for partition in &topic.partitions {
        let full = partition.isr_nodes.len() >= usize::try_from(target.replication_factor)?;
        match addresses.get(&partition.leader_id) {
            Some(address) if partition.error_code == 0 && full => {
                leaders.entry(address).or_default().push(partition.partition_index);
            }
            _ => return Ok(None),
        }
    }
    let mut leaders: Vec<_> = leaders
        .into_iter()
        .map(|(address, led)| (address.clone(), led))
        .collect();
    for (_, led) in &mut leaders {
        led.sort_unstable();
    }
    Ok(Some(Topic {
        id: topic.topic_id,
        leaders,
    }))
}
