//! The names that Kafka's Java clients give to errors: its tools print them, and scripts look for them.

use client::ClientError;
use protocol::ErrorCode;

/// What `Throwable.toString` says: the class and the message.
pub fn thrown(error: &ClientError) -> String {
    format!("{}: {}", class(error), message(error))
}

/// What `Throwable.getMessage` says: the broker's words, or those that Kafka's clients have for the code.
pub fn message(error: &ClientError) -> String {
    match error {
        ClientError::Refused { code, message } if message == code.message() => words(*code).to_owned(),
        error => error.to_string(),
    }
}

/// Kafka's words for the codes that its tools for groups and transactions meet.
pub fn words(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::UnknownTopicOrPartition => "This server does not host this topic-partition.",
        ErrorCode::CoordinatorLoadInProgress => "The coordinator is loading and hence can't process requests.",
        ErrorCode::CoordinatorNotAvailable => "The coordinator is not available.",
        ErrorCode::NotCoordinator => "This is not the correct coordinator.",
        ErrorCode::UnknownMemberId => "The coordinator is not aware of this member.",
        ErrorCode::InvalidProducerEpoch => "Producer attempted to produce with an old epoch.",
        ErrorCode::InvalidTxnState => "The producer attempted a transactional operation in an invalid state.",
        ErrorCode::TransactionCoordinatorFenced => {
            "Indicates that the transaction coordinator sending a WriteTxnMarker is no longer the current coordinator \
             for a given producer."
        }
        ErrorCode::UnsupportedVersion => "The version of API is not supported.",
        ErrorCode::NonEmptyGroup => "The group is not empty.",
        ErrorCode::GroupIdNotFound => "The group id does not exist.",
        ErrorCode::GroupSubscribedToTopic => {
            "Deleting offsets of a topic is forbidden while the consumer group is actively subscribed to it."
        }
        ErrorCode::TransactionalIdNotFound => "The transactionalId could not be found.",
        code => code.message(),
    }
}

/// The same after one more turn: what is thrown by somebody who waited for the result.
pub fn thrown_by_waiting(error: &ClientError) -> String {
    format!("java.util.concurrent.ExecutionException: {}", thrown(error))
}

fn class(error: &ClientError) -> String {
    let common = |name: &str| format!("org.apache.kafka.common.errors.{name}");
    match error {
        ClientError::Refused { code, .. } => match code {
            ErrorCode::InvalidRecord => String::from("org.apache.kafka.common.InvalidRecordException"),
            code => common(&of_code(*code)),
        },
        ClientError::TimedOut { .. } | ClientError::NoAnswer { .. } => common("TimeoutException"),
        ClientError::Connect { .. } | ClientError::Disconnected { .. } => common("DisconnectException"),
        ClientError::UnsupportedVersion { .. } | ClientError::Unwritable { .. } => {
            common("UnsupportedVersionException")
        }
        ClientError::NotConsumers { .. } => String::from("java.lang.IllegalArgumentException"),
        ClientError::Malformed { .. } => String::from("org.apache.kafka.common.protocol.types.SchemaException"),
        ClientError::NotThere { .. } => common("NotLeaderOrFollowerException"),
        ClientError::UnknownNode(_) => common("BrokerNotAvailableException"),
    }
}

/// The class of a code: its name in another case, but for the ones that grew apart.
fn of_code(code: ErrorCode) -> String {
    let apart = match code {
        ErrorCode::UnknownServerError => "UnknownServerException",
        ErrorCode::CorruptMessage => "CorruptRecordException",
        ErrorCode::RequestTimedOut => "TimeoutException",
        ErrorCode::MessageTooLarge => "RecordTooLargeException",
        ErrorCode::StaleControllerEpoch => "ControllerMovedException",
        ErrorCode::OffsetMetadataTooLarge => "OffsetMetadataTooLarge",
        ErrorCode::RecordListTooLarge => "RecordBatchTooLargeException",
        ErrorCode::TopicAuthorizationFailed => "TopicAuthorizationException",
        ErrorCode::GroupAuthorizationFailed => "GroupAuthorizationException",
        ErrorCode::ClusterAuthorizationFailed => "ClusterAuthorizationException",
        ErrorCode::TopicAlreadyExists => "TopicExistsException",
        ErrorCode::InvalidConfig => "InvalidConfigurationException",
        ErrorCode::OutOfOrderSequenceNumber => "OutOfOrderSequenceException",
        ErrorCode::DuplicateSequenceNumber => "DuplicateSequenceException",
        ErrorCode::InvalidProducerIdMapping => "InvalidPidMappingException",
        ErrorCode::InvalidTransactionTimeout => "InvalidTxnTimeoutException",
        ErrorCode::TransactionalIdAuthorizationFailed => "TransactionalIdAuthorizationException",
        ErrorCode::KafkaStorageError => "KafkaStorageException",
        ErrorCode::SaslAuthenticationFailed => "SaslAuthenticationException",
        ErrorCode::DelegationTokenAuthDisabled => "DelegationTokenDisabledException",
        ErrorCode::DelegationTokenRequestNotAllowed => "UnsupportedByAuthenticationException",
        ErrorCode::DelegationTokenAuthorizationFailed => "DelegationTokenAuthorizationException",
        ErrorCode::NonEmptyGroup => "GroupNotEmptyException",
        ErrorCode::PrincipalDeserializationFailure => "PrincipalDeserializationException",
        ErrorCode::FetchSessionTopicIdError => "FetchSessionTopicIdException",
        ErrorCode::InvalidRegularExpression => "InvalidRegularExpression",
        code => return in_camel_case(code.name()),
    };
    apart.to_owned()
}

/// `GROUP_ID_NOT_FOUND` as `GroupIdNotFoundException`.
fn in_camel_case(name: &str) -> String {
    let name = name.strip_suffix("_EXCEPTION").unwrap_or(name);
    let mut class = String::new();
    for word in name.split('_') {
        let (first, rest) = word.split_at(word.len().min(1));
        class += first;
        class += &rest.to_lowercase();
    }
    class + "Exception"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_named_as_in_kafka() {
        let named = |code: ErrorCode| {
            thrown(&ClientError::Refused {
                code,
                message: String::from("why"),
            })
        };
        let classes = [
            (ErrorCode::GroupIdNotFound, "GroupIdNotFoundException"),
            (ErrorCode::NonEmptyGroup, "GroupNotEmptyException"),
            (ErrorCode::NetworkException, "NetworkException"),
            (ErrorCode::InvalidTopicException, "InvalidTopicException"),
            (ErrorCode::RequestTimedOut, "TimeoutException"),
        ];
        for (code, class) in classes {
            assert_eq!(named(code), format!("org.apache.kafka.common.errors.{class}: why"));
        }
    }
}
