//! Partitions that take part in a transaction, or are asked whether they do.

use super::ask::{ask, look};
use crate::Broker;
use base::TopicPartition;
use metadata::MetadataImage;
use protocol::ErrorCode;
use std::sync::Arc;
use transaction_coordinator::op::add_partitions::{AddPartitions, add_partitions};
use transaction_coordinator::op::verify_partitions::verify_partitions;
use transaction_coordinator::{Answer, Producer, TransactionVersion};

/// What is asked of the coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To add the partitions.
    Add(TransactionVersion),
    /// To say whether they take part.
    Verify,
}

/// Partitions of one transaction.
#[derive(Clone, Debug)]
pub(crate) struct TakePart {
    pub(crate) id: Arc<str>,
    pub(crate) producer: Producer,
    pub(crate) wish: Wish,
    pub(crate) partitions: Vec<TopicPartition>,
}

/// The coordinator's answer for each partition, in their order. If one does not exist, none is added:
/// OPERATION_NOT_ATTEMPTED for the others.
pub(crate) async fn take_part(broker: &Broker, request: TakePart) -> Vec<(TopicPartition, ErrorCode)> {
    let image = Arc::clone(&broker.image.borrow().image);
    if request.partitions.iter().any(|partition| !exists(&image, partition)) {
        let error = |partition: &TopicPartition| {
            if exists(&image, partition) {
                ErrorCode::OperationNotAttempted
            } else {
                ErrorCode::UnknownTopicOrPartition
            }
        };
        let partitions = request.partitions.into_iter();
        return partitions
            .map(|partition| (partition.clone(), error(&partition)))
            .collect();
    }
    decide(broker, request).await
}

/// The same for partitions that need not exist yet.
pub(crate) async fn decide(broker: &Broker, request: TakePart) -> Vec<(TopicPartition, ErrorCode)> {
    let TakePart {
        id,
        producer,
        wish,
        partitions,
    } = request;
    let verdict = match wish {
        Wish::Verify => {
            let verified = look(broker, &id, |_, committed| {
                verify_partitions(committed, &id, producer, &partitions)
            });
            match verified {
                Ok(Ok(verified)) => return verified,
                Ok(Err(error)) | Err(error) => Err(error),
            }
        }
        Wish::Add(client) => {
            let add = AddPartitions {
                id: Arc::clone(&id),
                producer,
                partitions: partitions.clone(),
                client,
            };
            let operate =
                |coordinator: &mut _, state: &_, moment, token| add_partitions(coordinator, state, moment, &add, token);
            ask(broker, &id, operate).await
        }
    };
    let error = match verdict {
        Ok(Answer::Added) => ErrorCode::None,
        Ok(_) => ErrorCode::UnknownServerError,
        Err(error) => error,
    };
    partitions.into_iter().map(|partition| (partition, error)).collect()
}

fn exists(image: &MetadataImage, partition: &TopicPartition) -> bool {
    let topic = image.topics.get(&partition.topic);
    topic.is_some_and(|topic| topic.partition(partition.partition).is_some())
}
