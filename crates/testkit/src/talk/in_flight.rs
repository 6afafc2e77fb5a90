//! Several Produce requests on one connection before the first of them is answered, as producers send them.

use super::Talk;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use protocol::messages::produce_request::ProduceRequest;
use protocol::messages::produce_response::{PartitionProduceResponse, ProduceResponse};
use protocol::{Message, Request, frame};

/// The version that they are sent in.
const VERSION: i16 = 9;

impl Talk {
    /// Sends all of them to the broker that was connected to first, and then reads their answers: `answered` is called with
    /// the number of each, and what was said of its one partition, as it comes.
    pub fn produce_in_flight(
        &mut self,
        requests: &[ProduceRequest],
        mut answered: impl FnMut(usize, PartitionProduceResponse),
    ) -> Result<()> {
        self.last = None;
        let first = self.next + 1;
        for request in requests {
            self.send_on(request, VERSION)?;
        }
        for (number, sent) in (first..=self.next).enumerate() {
            let received = Bytes::from(self.chosen()?.receive_frame()?);
            let (id, body) = frame::decode_response(&received, ProduceRequest::KEY, VERSION)?;
            ensure!(id == sent, "answers are out of order: {id} where {sent} was due");
            let mut answer = ProduceResponse::from_bytes(&body, VERSION)?;
            let partition = answer
                .responses
                .pop()
                .and_then(|mut topic| topic.partition_responses.pop());
            answered(number, partition.context("an answer for the partition")?);
        }
        Ok(())
    }
}
