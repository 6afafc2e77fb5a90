//! What is asked before a load begins: topics, who leads them, where they end.

use crate::partition::Topics;
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use protocol::frame::{RequestFrame, encode_response};
use protocol::messages::create_partitions_request::CreatePartitionsRequest;
use protocol::messages::create_partitions_response::{CreatePartitionsResponse, CreatePartitionsTopicResult};
use protocol::messages::create_topics_request::CreateTopicsRequest;
use protocol::messages::create_topics_response::{CreatableTopicResult, CreateTopicsResponse};
use protocol::messages::delete_topics_request::DeleteTopicsRequest;
use protocol::messages::delete_topics_response::{DeletableTopicResult, DeleteTopicsResponse};
use protocol::messages::list_offsets_request::{ListOffsetsRequest, ListOffsetsTopic};
use protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use protocol::messages::metadata_request::MetadataRequest;
use protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use protocol::{ApiKey, ErrorCode, Message};

/// ListOffsets' stand-in for the time after the last record.
const LATEST: i64 = -1;

/// The answer to such a request.
pub fn answer(request: &RequestFrame<'_>, topics: &mut Topics, address: &str) -> Result<Bytes> {
    let (key, version, body) = (request.key, request.version, &request.body);
    let correlation_id = request.correlation_id;
    let answer = match key {
        ApiKey::CreateTopics => {
            let answer = create(&Message::from_bytes(body, version)?, topics)?;
            encode_response(&answer, key, version, correlation_id)
        }
        ApiKey::CreatePartitions => {
            let answer = grow(&Message::from_bytes(body, version)?, topics)?;
            encode_response(&answer, key, version, correlation_id)
        }
        ApiKey::DeleteTopics => {
            let answer = delete(&Message::from_bytes(body, version)?, topics)?;
            encode_response(&answer, key, version, correlation_id)
        }
        ApiKey::Metadata => {
            let answer = describe(&Message::from_bytes(body, version)?, topics, address)?;
            encode_response(&answer, key, version, correlation_id)
        }
        ApiKey::ListOffsets => {
            let answer = offsets(&Message::from_bytes(body, version)?, topics);
            encode_response(&answer, key, version, correlation_id)
        }
        key => bail!("{key:?} is not spoken here"),
    };
    Ok(answer?.into_bytes())
}

fn create(request: &CreateTopicsRequest, topics: &mut Topics) -> Result<CreateTopicsResponse> {
    let mut answer = CreateTopicsResponse::default();
    for topic in &request.topics {
        topics.make(&topic.name, topic.num_partitions)?;
        answer.topics.push(CreatableTopicResult {
            name: topic.name.clone(),
            ..Default::default()
        });
    }
    Ok(answer)
}

fn grow(request: &CreatePartitionsRequest, topics: &mut Topics) -> Result<CreatePartitionsResponse> {
    let mut answer = CreatePartitionsResponse::default();
    for topic in &request.topics {
        topics.make(&topic.name, topic.count)?;
        answer.results.push(CreatePartitionsTopicResult {
            name: topic.name.clone(),
            ..Default::default()
        });
    }
    Ok(answer)
}

fn delete(request: &DeleteTopicsRequest, topics: &mut Topics) -> Result<DeleteTopicsResponse> {
    let mut answer = DeleteTopicsResponse::default();
    for topic in &request.topics {
        topics.remove(topic.name.as_deref().context("topics are named")?)?;
        answer.responses.push(DeletableTopicResult {
            name: topic.name.clone(),
            ..Default::default()
        });
    }
    Ok(answer)
}

fn describe(request: &MetadataRequest, topics: &Topics, address: &str) -> Result<MetadataResponse> {
    let (host, port) = address.rsplit_once(':').context("HOST:PORT")?;
    let mut answer = MetadataResponse {
        brokers: vec![MetadataResponseBroker {
            node_id: 1,
            host: host.to_owned(),
            port: port.parse()?,
            rack: None,
        }],
        controller_id: 1,
        ..Default::default()
    };
    for topic in request.topics.iter().flatten() {
        let name = topic.name.as_deref().unwrap_or_default();
        let Some(id) = topics.id(name) else {
            answer.topics.push(MetadataResponseTopic {
                error_code: ErrorCode::UnknownTopicOrPartition.code(),
                name: topic.name.clone(),
                ..Default::default()
            });
            continue;
        };
        let partition = |number| MetadataResponsePartition {
            partition_index: number,
            leader_id: 1,
            replica_nodes: vec![1],
            isr_nodes: vec![1],
            ..Default::default()
        };
        answer.topics.push(MetadataResponseTopic {
            name: topic.name.clone(),
            topic_id: id,
            partitions: (0..i32::try_from(topics.of(id).len())?).map(partition).collect(),
            ..Default::default()
        });
    }
    Ok(answer)
}

fn offsets(request: &ListOffsetsRequest, topics: &Topics) -> ListOffsetsResponse {
    let topic = |topic: &ListOffsetsTopic| {
        let known = topics.id(&topic.name).map_or(&[][..], |id| topics.of(id));
        let asked = topic.partitions.iter().filter_map(|asked| {
            let partition = known.get(usize::try_from(asked.partition_index).ok()?)?;
            Some(ListOffsetsPartitionResponse {
                partition_index: asked.partition_index,
                offset: if asked.timestamp == LATEST { partition.end } else { 0 },
                ..Default::default()
            })
        });
        ListOffsetsTopicResponse {
            name: topic.name.clone(),
            partitions: asked.collect(),
        }
    };
    ListOffsetsResponse {
        topics: request.topics.iter().map(topic).collect(),
        ..Default::default()
    }
}
