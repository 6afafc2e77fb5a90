//! Why a call to a cluster failed.

use crate::settings::Address;
use protocol::{ApiKey, ErrorCode};
use std::time::Duration;

/// Why a call to a cluster failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// No connection could be made.
    #[error("cannot connect to {address}: {reason}")]
    Connect {
        /// The broker.
        address: Address,
        /// What the operating system said.
        reason: String,
    },
    /// The connection ended before the answer came.
    #[error("the connection to {address} was lost: {reason}")]
    Disconnected {
        /// The broker.
        address: Address,
        /// What ended it.
        reason: String,
    },
    /// No answer came in time.
    #[error("{address} did not answer {api:?} within {} ms", after.as_millis())]
    NoAnswer {
        /// The broker.
        address: Address,
        /// The request.
        api: ApiKey,
        /// How long was waited.
        after: Duration,
    },
    /// The broker has no version of a request that we have, too.
    #[error("{address} has no version of {api:?} that this client has")]
    UnsupportedVersion {
        /// The broker.
        address: Address,
        /// The request.
        api: ApiKey,
    },
    /// The answer is not what the protocol says it is.
    #[error("{address} answered {api:?} with something else: {reason}")]
    Malformed {
        /// The broker.
        address: Address,
        /// The request.
        api: ApiKey,
        /// What is wrong with it.
        reason: String,
    },
    /// The request cannot be written in the version that the broker has.
    #[error("{api:?} cannot be written in version {version}: {reason}")]
    Unwritable {
        /// The request.
        api: ApiKey,
        /// The version.
        version: i16,
        /// Why not.
        reason: String,
    },
    /// The cluster refused.
    #[error("{message}")]
    Refused {
        /// The error's number and name.
        code: ErrorCode,
        /// The broker's words, or those that Kafka's clients have for the code.
        message: String,
    },
    /// The time for the whole operation is up; what went wrong last is in the message.
    #[error("Timed out waiting for {what}{}", because(last))]
    TimedOut {
        /// What was waited for.
        what: &'static str,
        /// What went wrong last; may be empty.
        last: String,
    },
    /// The group is not one of consumers.
    #[error("GroupId {group} is not a consumer group ({protocol_type}).")]
    NotConsumers {
        /// The group.
        group: String,
        /// What its members are.
        protocol_type: String,
    },
    /// The broker that was named has no replica of the partition.
    #[error("Failed to describe active producers for partition {partition} on brokerId {broker}")]
    NotThere {
        /// The partition.
        partition: base::TopicPartition,
        /// The broker.
        broker: base::NodeId,
    },
    /// The cluster has no such node.
    #[error("broker {0} is not in the cluster")]
    UnknownNode(base::NodeId),
}

fn because(last: &str) -> String {
    if last.is_empty() {
        String::new()
    } else {
        format!(" ({last})")
    }
}

impl ClientError {
    /// The refusal that `code` and an optional message from the broker mean, unless the code is "no error".
    pub fn check(code: i16, message: Option<String>) -> Result<(), Self> {
        match ErrorCode::from(code) {
            ErrorCode::None => Ok(()),
            code => Err(Self::Refused {
                message: message.unwrap_or_else(|| code.message().to_owned()),
                code,
            }),
        }
    }

    /// Whether the same call may succeed a little later, perhaps at another broker.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Disconnected { .. } | Self::NoAnswer { .. } | Self::UnknownNode(_) => true,
            Self::Refused { code, .. } => code.is_retriable(),
            Self::UnsupportedVersion { .. }
            | Self::Malformed { .. }
            | Self::Unwritable { .. }
            | Self::NotConsumers { .. }
            | Self::NotThere { .. }
            | Self::TimedOut { .. } => false,
        }
    }

    /// Whether the connection is to blame, so that another one may do better.
    pub fn is_connection(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. } | Self::Disconnected { .. } | Self::NoAnswer { .. }
        )
    }

    /// The error's code, if the cluster gave one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }
}
