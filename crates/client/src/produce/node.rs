//! Requests to one broker: they leave in the order in which the sender made them, since sequence numbers demand it.

use super::batch::{Batch, Stamp};
use super::settings::{Acks, ProducerSettings};
use crate::cluster::Cluster;
use crate::error::ClientError;
use base::{NodeId, Offset, Timestamp, Uuid};
use protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use protocol::messages::produce_response::{PartitionProduceResponse, ProduceResponse};
use protocol::{ErrorCode, Request};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use tokio::sync::mpsc;

use super::outcome::Written;

/// The first version that names topics by their ids (KIP-516).
const BY_ID: i16 = 13;

/// A batch under way.
#[derive(Debug)]
pub(super) struct Sent {
    pub topic: Arc<str>,
    pub topic_id: Uuid,
    pub partition: usize,
    pub batch: Batch,
    pub stamp: Option<Stamp>,
}

/// What became of a request.
#[derive(Debug)]
pub(super) struct Landed {
    pub node: NodeId,
    pub batches: Vec<(Sent, Result<Written, ClientError>)>,
}

/// Sends requests to one broker until the queue is closed.
pub(super) async fn run(
    cluster: Cluster,
    settings: ProducerSettings,
    node: NodeId,
    mut requests: mpsc::Receiver<Vec<Sent>>,
    landed: mpsc::Sender<Landed>,
) {
    while let Some(batches) = requests.recv().await {
        match depart(&cluster, &settings, node, batches).await {
            Ok(flight) => {
                let landed = landed.clone();
                // The sender bounds how many of these there are; it has gone away if nobody listens.
                tokio::spawn(async move { drop(landed.send(flight.await).await) });
            }
            Err(failed) => drop(landed.send(failed).await),
        }
    }
}

async fn depart(
    cluster: &Cluster,
    settings: &ProducerSettings,
    node: NodeId,
    mut batches: Vec<Sent>,
) -> Result<impl Future<Output = Landed> + use<>, Landed> {
    let patience = cluster.settings().request_timeout;
    let dispatched = async {
        let channel = cluster.node(node).await?;
        let mut version = channel.version::<ProduceRequest>()?;
        if batches.iter().any(|sent| sent.topic_id == Uuid::ZERO) {
            version = version.min(BY_ID - 1);
        }
        let timeout_ms = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
        let request = request(&mut batches, settings, timeout_ms);
        if settings.acks == Acks::None {
            channel.send_unanswered(&request, version).await?;
            return Ok((None, channel));
        }
        Ok((Some(channel.begin(&request, version, patience).await?), channel))
    };
    match dispatched.await {
        Ok((answer, channel)) => Ok(async move {
            let results = match answer {
                None => batches.iter().map(|_| Ok(UNKNOWN)).collect(),
                Some(answer) => match answer.await {
                    Ok(answer) => results(answer, &batches, channel.address()),
                    Err(error) => batches.iter().map(|_| Err(error.clone())).collect(),
                },
            };
            Landed {
                node,
                batches: batches.into_iter().zip(results).collect(),
            }
        }),
        Err(error) => Err(all_failed(node, batches, &error)),
    }
}

/// Written, but where is not known.
const UNKNOWN: Written = Written {
    base: Offset::NONE,
    append_time: Timestamp::NONE,
};

fn all_failed(node: NodeId, batches: Vec<Sent>, error: &ClientError) -> Landed {
    Landed {
        node,
        batches: batches.into_iter().map(|sent| (sent, Err(error.clone()))).collect(),
    }
}

fn request(batches: &mut [Sent], settings: &ProducerSettings, timeout_ms: i32) -> ProduceRequest {
    let mut topics: Vec<TopicProduceData> = Vec::new();
    for sent in batches {
        let data = PartitionProduceData {
            index: i32::try_from(sent.partition).expect("as many partitions as the metadata lists"),
            records: Some(sent.batch.records(settings)),
        };
        match topics.last_mut() {
            Some(topic) if *topic.name == *sent.topic => topic.partition_data.push(data),
            _ => topics.push(TopicProduceData {
                name: sent.topic.to_string(),
                topic_id: sent.topic_id,
                partition_data: vec![data],
            }),
        }
    }
    ProduceRequest {
        transactional_id: None,
        acks: settings.acks.number(),
        timeout_ms,
        topic_data: topics,
    }
}

/// The result of each batch, in the order of the batches.
fn results(answer: ProduceResponse, batches: &[Sent], address: &crate::Address) -> Vec<Result<Written, ClientError>> {
    let mut found: FxHashMap<(Uuid, String, i32), PartitionProduceResponse> = FxHashMap::default();
    for topic in answer.responses {
        for partition in topic.partition_responses {
            found.insert((topic.topic_id, topic.name.clone(), partition.index), partition);
        }
    }
    let missing = || ClientError::Malformed {
        address: address.clone(),
        api: ProduceRequest::KEY,
        reason: String::from("a partition is missing"),
    };
    let result = |sent: &Sent| {
        let index = i32::try_from(sent.partition).map_err(|_| missing())?;
        let by_id = found.remove(&(sent.topic_id, String::new(), index));
        let answer = by_id.or_else(|| found.remove(&(Uuid::ZERO, sent.topic.to_string(), index)));
        written(answer.ok_or_else(missing)?)
    };
    batches.iter().map(result).collect()
}

fn written(answer: PartitionProduceResponse) -> Result<Written, ClientError> {
    match ErrorCode::from(answer.error_code) {
        // It was written by an earlier attempt whose answer was lost.
        ErrorCode::DuplicateSequenceNumber => return Ok(UNKNOWN),
        code => ClientError::check(code.code(), message(answer.error_message))?,
    }
    Ok(Written {
        base: Offset(answer.base_offset),
        append_time: Timestamp(answer.log_append_time_ms),
    })
}

fn message(said: Option<String>) -> Option<String> {
    said.filter(|said| !said.is_empty())
}
