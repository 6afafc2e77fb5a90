//! Producer ids in stock: the controller gives them out in blocks of a thousand (KIP-730).

use crate::channel::{self, ControllerChannel, ControllerError};
use base::{NodeId, ProducerId};
use protocol::ErrorCode;
use protocol::messages::allocate_producer_ids_request::AllocateProducerIdsRequest;
use std::ops::Range;
use tokio::sync::Mutex;

/// The block in use. The lock is held across the request for the next block: whoever else wants an id waits for the
/// same block instead of asking for one of their own.
#[derive(Debug, Default)]
pub struct ProducerIds {
    block: Mutex<Range<i64>>,
}

/// No producer id can be had now: COORDINATOR_LOAD_IN_PROGRESS, which clients retry.
#[derive(Debug, thiserror::Error)]
pub enum NoProducerId {
    /// The controller did not answer.
    #[error(transparent)]
    Controller(#[from] ControllerError),
    /// The controller refused.
    #[error("the controller gives no producer ids: {0}")]
    Refused(ErrorCode),
}

impl ProducerIds {
    /// A producer id that nobody had before.
    pub async fn next(
        &self,
        controller: &dyn ControllerChannel,
        node: NodeId,
        broker_epoch: i64,
    ) -> Result<ProducerId, NoProducerId> {
        let mut block = self.block.lock().await;
        if let Some(id) = block.next() {
            return Ok(ProducerId(id));
        }
        let request = AllocateProducerIdsRequest {
            broker_id: node.0,
            broker_epoch,
        };
        let response = channel::call(controller, 0, &request).await?;
        let error = ErrorCode::from(response.error_code);
        if !error.is_none() {
            return Err(NoProducerId::Refused(error));
        }
        let start = response.producer_id_start;
        *block = start..start.saturating_add(i64::from(response.producer_id_len));
        block
            .next()
            .map(ProducerId)
            .ok_or(NoProducerId::Refused(ErrorCode::UnknownServerError))
    }
}
