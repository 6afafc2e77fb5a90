//! Which topics a member wants to read.

use crate::cluster::{Cluster, Topics};
use crate::error::ClientError;
use crate::topic_metadata::TopicMetadata;
use protocol::ErrorCode;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Which topics a member wants to read.
#[derive(Clone)]
pub enum Subscription {
    /// These; the broker may create the ones that are missing.
    Named(Vec<String>),
    /// All that the function says yes to, also the ones to come; Kafka's own topics are never asked about.
    Matching(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

impl fmt::Debug for Subscription {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(names) => out.debug_tuple("Named").field(names).finish(),
            Self::Matching(_) => out.write_str("Matching(..)"),
        }
    }
}

impl Subscription {
    /// The topics as they are now, with their numbers of partitions; a named topic that is not there counts none.
    pub(super) async fn topics(&self, cluster: &Cluster) -> Result<BTreeMap<String, i32>, ClientError> {
        let mut topics = BTreeMap::new();
        match self {
            Self::Named(names) => {
                for topic in cluster.metadata(Topics::NamedOrCreated(names)).await? {
                    let count = match topic.error {
                        ErrorCode::None => count(&topic),
                        code if code.is_retriable() => 0,
                        code => {
                            return Err(ClientError::Refused {
                                code,
                                message: format!("{}: {}", topic.name, code.message()),
                            });
                        }
                    };
                    topics.insert(topic.name.clone(), count);
                }
            }
            Self::Matching(wanted) => {
                for topic in cluster.metadata(Topics::All).await? {
                    if topic.error == ErrorCode::None && !topic.is_internal && wanted(&topic.name) {
                        topics.insert(topic.name.clone(), count(&topic));
                    }
                }
            }
        }
        Ok(topics)
    }
}

fn count(topic: &TopicMetadata) -> i32 {
    i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX)
}
