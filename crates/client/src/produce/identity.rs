//! The identity of an idempotent producer (KIP-98): a producer id and an epoch from the cluster.

use crate::cluster::Cluster;
use crate::error::ClientError;
use base::{ProducerEpoch, ProducerId};
use protocol::messages::init_producer_id_request::InitProducerIdRequest;

/// Where the producer stands with its identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// It needs none.
    NotNeeded,
    /// It needs one, and nothing may be sent until then.
    Missing,
    /// It has been asked for.
    Asked,
    /// It has one.
    Has(ProducerId, ProducerEpoch),
}

/// Asks for a new identity.
pub(super) async fn ask(cluster: Cluster) -> Result<(ProducerId, ProducerEpoch), ClientError> {
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: i32::MAX,
        ..InitProducerIdRequest::default()
    };
    let mut retry = cluster.retry("a producer id");
    loop {
        let attempt = async {
            let answer = cluster.any().await?.send(&request).await?;
            ClientError::check(answer.error_code, None)?;
            Ok((ProducerId(answer.producer_id), ProducerEpoch(answer.producer_epoch)))
        };
        match attempt.await {
            Ok(identity) => return Ok(identity),
            Err(error) => retry.pause(error).await?,
        }
    }
}
