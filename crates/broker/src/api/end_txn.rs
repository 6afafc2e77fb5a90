//! EndTxn (key 26): a transaction is committed or aborted (KIP-98).
//!
//! Answered once that is decided and written down; the markers follow. Errors: INVALID_REQUEST, INVALID_PRODUCER_ID_MAPPING,
//! PRODUCER_FENCED (INVALID_PRODUCER_EPOCH before version 2), CONCURRENT_TRANSACTIONS, INVALID_TXN_STATE,
//! COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE. From version 5 the client works by
//! transaction.version 2: the producer's epoch is bumped, and the answer says with which producer it goes on (KIP-890).

use super::fenced_before;
use crate::Broker;
use crate::coordinators::transactions::ask::ask_with_producer_id;
use base::{ProducerEpoch, ProducerId};
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::end_txn_request::EndTxnRequest;
use protocol::messages::end_txn_response::EndTxnResponse;
use std::sync::Arc;
use transaction_coordinator::op::end_txn::{EndTxn, end_txn};
use transaction_coordinator::{Answer, Producer, TransactionEnd, TransactionVersion};

/// The first version whose clients know PRODUCER_FENCED.
const FENCED_FROM: i16 = 2;
/// The first version that stands for transaction.version 2.
const BUMPING_FROM: i16 = 5;

/// Decides.
pub async fn handle(broker: &Arc<Broker>, context: &RequestContext, request: EndTxnRequest) -> EndTxnResponse {
    let end = EndTxn {
        id: request.transactional_id.into(),
        producer: Producer {
            id: ProducerId(request.producer_id),
            epoch: ProducerEpoch(request.producer_epoch),
        },
        end: if request.committed { TransactionEnd::Commit } else { TransactionEnd::Abort },
        client: if context.api_version < BUMPING_FROM { TransactionVersion::V0 } else { TransactionVersion::V2 },
    };
    let operate =
        |coordinator: &mut _, state: &_, moment, fresh, token| end_txn(coordinator, state, moment, &end, fresh, token);
    let (producer, error) = match ask_with_producer_id(broker, &end.id, operate).await {
        Ok(Answer::Ended(producer)) => (producer, ErrorCode::None),
        Ok(answer) => {
            tracing::error!(?answer, "not an answer to EndTxn");
            (Producer::NONE, ErrorCode::UnknownServerError)
        }
        Err(error) => (Producer::NONE, fenced_before(FENCED_FROM, context, error)),
    };
    EndTxnResponse {
        error_code: error.code(),
        producer_id: producer.id.0,
        producer_epoch: producer.epoch.0,
        ..Default::default()
    }
}
