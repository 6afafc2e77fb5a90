//! An idempotent producer made by hand, which outlives the brokers: its sequences go on from one to the next.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use protocol::messages::describe_producers_request::{DescribeProducersRequest, TopicRequest};
use protocol::messages::init_producer_id_request::InitProducerIdRequest;
use protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use protocol::messages::produce_response::PartitionProduceResponse;
use protocol::{Message, Records, Request, frame};
use testkit::batch::{Batch, Record};
use testkit::{Cluster, Wire};

const RECORDS: i32 = 3;

/// A producer of one partition, and where it stands.
pub struct IdempotentProducer {
    topic: String,
    id: i64,
    epoch: i16,
    next_sequence: i32,
    /// The base offset that its last batch was given.
    last_offset: i64,
}

impl IdempotentProducer {
    /// A producer with a fresh id.
    pub fn new(broker: &dyn Cluster, topic: &str) -> Result<Self> {
        let request = InitProducerIdRequest {
            transactional_id: None,
            ..Default::default()
        };
        let answer = ask(broker, &request, 4)?;
        ensure!(answer.error_code == 0, "InitProducerId: error {}", answer.error_code);
        Ok(Self {
            topic: topic.to_owned(),
            id: answer.producer_id,
            epoch: answer.producer_epoch,
            next_sequence: 0,
            last_offset: -1,
        })
    }

    /// Sends its next batch.
    pub fn send(&mut self, broker: &dyn Cluster) -> Result<()> {
        let answer = self.produce(broker, self.next_sequence)?;
        ensure!(
            answer.error_code == 0,
            "sequence {}: error {}",
            self.next_sequence,
            answer.error_code
        );
        ensure!(
            answer.base_offset > self.last_offset,
            "appended at {}, before that at {}",
            answer.base_offset,
            self.last_offset
        );
        self.last_offset = answer.base_offset;
        self.next_sequence += RECORDS;
        Ok(())
    }

    /// Sends its last batch again: the broker knows it, and answers where it is. One from the future is refused.
    pub fn send_last_again(&self, broker: &dyn Cluster) -> Result<()> {
        let again = self.produce(broker, self.next_sequence - RECORDS)?;
        ensure!(
            (again.error_code, again.base_offset) == (0, self.last_offset),
            "the last batch is at {}; sent again: error {}, offset {}",
            self.last_offset,
            again.error_code,
            again.base_offset
        );
        let early = self.produce(broker, self.next_sequence + 1)?;
        ensure!(
            early.error_code == 45,
            "a gap in the sequence: error {} instead of 45",
            early.error_code
        );
        Ok(())
    }

    /// Compares what the broker says of it.
    pub fn check_state(&self, broker: &dyn Cluster) -> Result<()> {
        let topic = TopicRequest {
            name: self.topic.clone(),
            partition_indexes: vec![0],
        };
        let answer = ask(broker, &DescribeProducersRequest { topics: vec![topic] }, 0)?;
        let partition = &answer.topics[0].partitions[0];
        ensure!(
            partition.error_code == 0,
            "DescribeProducers: error {}",
            partition.error_code
        );
        let known = partition
            .active_producers
            .iter()
            .find(|producer| producer.producer_id == self.id);
        let known = known.with_context(|| format!("producer {} is unknown", self.id))?;
        ensure!(
            (
                known.producer_epoch,
                known.last_sequence,
                known.current_txn_start_offset
            ) == (i32::from(self.epoch), self.next_sequence - 1, -1),
            "epoch {} and last sequence {} are expected, the broker has {known:?}",
            self.epoch,
            self.next_sequence - 1
        );
        Ok(())
    }

    fn produce(&self, broker: &dyn Cluster, sequence: i32) -> Result<PartitionProduceResponse> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        let records = (0..RECORDS).map(|number| Record::keyed("p", format!("{}-{}", self.id, sequence + number)));
        let batch = Batch::new(i64::try_from(now.as_millis())?, records.collect());
        let batch = batch.from_producer(self.id, self.epoch, sequence).encode();
        let partition = PartitionProduceData {
            index: 0,
            records: Some(Records::Bytes(Bytes::from(batch))),
        };
        let topic = TopicProduceData {
            name: self.topic.clone(),
            partition_data: vec![partition],
            ..Default::default()
        };
        let request = ProduceRequest {
            acks: -1,
            timeout_ms: 30_000,
            topic_data: vec![topic],
            ..Default::default()
        };
        let mut answer = ask(broker, &request, 9)?;
        let mut topic = answer.responses.pop().context("an answer for the topic")?;
        topic.partition_responses.pop().context("an answer for the partition")
    }
}

/// One request on a connection of its own.
fn ask<R: Request>(broker: &dyn Cluster, request: &R, version: i16) -> Result<R::Response> {
    let mut wire = Wire::connect(broker.bootstrap())?;
    let sent = frame::encode_request(request, version, 1, Some("disk"))?;
    wire.send_bytes(&sent.into_bytes())?;
    let received = Bytes::from(wire.receive_frame()?);
    let (_, body) = frame::decode_response(&received, R::KEY, version)?;
    Ok(R::Response::from_bytes(&body, version)?)
}
