//! Settings of topics, brokers and whatever else has them.

use super::{Each, outcome};
use crate::cluster::Cluster;
use crate::error::ClientError;
use crate::settings::Entrance;
use base::NodeId;
use protocol::messages::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use protocol::messages::describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsSynonym};
use protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use protocol::messages::incremental_alter_configs_response::IncrementalAlterConfigsResponse;
use std::fmt;

/// What kind of thing has settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum ResourceType {
    /// A topic.
    Topic = 2,
    /// A broker, or all brokers if the name is empty.
    Broker = 4,
    /// The loggers of a broker.
    BrokerLogger = 8,
    /// A subscription to the metrics of clients.
    ClientMetrics = 16,
    /// A group.
    Group = 32,
}

/// Something that has settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// What it is.
    pub kind: ResourceType,
    /// Its name.
    pub name: String,
}

impl Resource {
    /// The one node that can tell and change its settings; any broker if there is none.
    fn only_at(&self) -> Option<NodeId> {
        match self.kind {
            ResourceType::Broker | ResourceType::BrokerLogger => self.name.parse().ok().map(NodeId),
            ResourceType::Topic | ResourceType::ClientMetrics | ResourceType::Group => None,
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigSource(pub i8);

impl ConfigSource {
    /// Set on the topic.
    pub const TOPIC: Self = Self(1);
    /// Set on the broker, while it runs.
    pub const BROKER: Self = Self(2);
    /// Set on all brokers, while they run.
    pub const DEFAULT_BROKER: Self = Self(3);
    /// Given to the broker at its start.
    pub const STATIC_BROKER: Self = Self(4);
    /// Built in.
    pub const DEFAULT: Self = Self(5);
    /// Set on a broker's logger.
    pub const BROKER_LOGGER: Self = Self(6);
    /// Set on the metrics subscription.
    pub const CLIENT_METRICS: Self = Self(7);
    /// Set on the group.
    pub const GROUP: Self = Self(8);
}

impl fmt::Display for ConfigSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match *self {
            Self::TOPIC => "DYNAMIC_TOPIC_CONFIG",
            Self::BROKER => "DYNAMIC_BROKER_CONFIG",
            Self::DEFAULT_BROKER => "DYNAMIC_DEFAULT_BROKER_CONFIG",
            Self::STATIC_BROKER => "STATIC_BROKER_CONFIG",
            Self::DEFAULT => "DEFAULT_CONFIG",
            Self::BROKER_LOGGER => "DYNAMIC_BROKER_LOGGER_CONFIG",
            Self::CLIENT_METRICS => "DYNAMIC_CLIENT_METRICS_CONFIG",
            Self::GROUP => "DYNAMIC_GROUP_CONFIG",
            _ => "UNKNOWN",
        })
    }
}

/// Another name or level that the value could come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The key there.
    pub name: String,
    /// The value there; hidden if it is a secret.
    pub value: Option<String>,
    /// The level.
    pub source: ConfigSource,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The key.
    pub name: String,
    /// The value; hidden if it is a secret.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it is a secret.
    pub is_sensitive: bool,
    /// Whether it can only be changed with a restart.
    pub is_read_only: bool,
    /// Where else it could come from, in order of precedence.
    pub synonyms: Vec<ConfigSynonym>,
}

impl ConfigEntry {
    /// Whether the value is the built-in one.
    pub fn is_default(&self) -> bool {
        self.source == ConfigSource::DEFAULT
    }
}

/// A change of one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigChange {
    /// Set it.
    Set {
        /// The key.
        name: String,
        /// The value.
        value: String,
    },
    /// Let it have its default again.
    Delete {
        /// The key.
        name: String,
    },
}

/// The settings of several things, each in the broker's order. Brokers, and controllers, are asked themselves.
pub async fn describe_configs(
    cluster: &Cluster,
    resources: &[Resource],
) -> Result<Each<Resource, Vec<ConfigEntry>>, ClientError> {
    let mut each = Vec::new();
    let (anywhere, somewhere): (Vec<_>, Vec<_>) = resources.iter().partition(|resource| resource.only_at().is_none());
    let alone = somewhere.into_iter().map(|resource| vec![resource]);
    for together in std::iter::once(anywhere)
        .chain(alone)
        .filter(|together| !together.is_empty())
    {
        let node = together[0].only_at();
        let request = DescribeConfigsRequest {
            resources: together.iter().map(|resource| described(resource)).collect(),
            include_synonyms: true,
            include_documentation: false,
        };
        let answer = match node {
            Some(node) => cluster.call_node("describeConfigs", node, &request).await?,
            None => cluster.call("describeConfigs", &request).await?,
        };
        for result in answer.results {
            let asked = together
                .iter()
                .find(|resource| resource.name == result.resource_name && resource.kind as i8 == result.resource_type);
            let Some(resource) = asked else { continue };
            let entries = outcome(result.error_code, said(result.error_message))
                .map(|()| result.configs.into_iter().map(entry).collect());
            each.push(((*resource).clone(), entries));
        }
    }
    Ok(each)
}

fn described(resource: &Resource) -> DescribeConfigsResource {
    DescribeConfigsResource {
        resource_type: resource.kind as i8,
        resource_name: resource.name.clone(),
        configuration_keys: None,
    }
}

/// A message that says something.
fn said(message: Option<String>) -> Option<String> {
    message.filter(|message| !message.is_empty())
}

fn entry(config: DescribeConfigsResourceResult) -> ConfigEntry {
    let synonym = |synonym: DescribeConfigsSynonym| ConfigSynonym {
        name: synonym.name,
        value: synonym.value,
        source: ConfigSource(synonym.source),
    };
    ConfigEntry {
        name: config.name,
        value: config.value,
        source: ConfigSource(config.config_source),
        is_sensitive: config.is_sensitive,
        is_read_only: config.read_only,
        synonyms: config.synonyms.into_iter().map(synonym).collect(),
    }
}

/// Changes settings of one thing; all of them or none.
pub async fn alter_configs(
    cluster: &Cluster,
    resource: &Resource,
    changes: &[ConfigChange],
) -> Result<(), ClientError> {
    let alterable = |change: &ConfigChange| match change {
        ConfigChange::Set { name, value } => AlterableConfig {
            name: name.clone(),
            config_operation: 0,
            value: Some(value.clone()),
        },
        ConfigChange::Delete { name } => AlterableConfig {
            name: name.clone(),
            config_operation: 1,
            value: None,
        },
    };
    let request = IncrementalAlterConfigsRequest {
        resources: vec![AlterConfigsResource {
            resource_type: resource.kind as i8,
            resource_name: resource.name.clone(),
            configs: changes.iter().map(alterable).collect(),
        }],
        validate_only: false,
    };
    let what = "incrementalAlterConfigs";
    let answer = match (cluster.settings().entrance, resource.only_at()) {
        (Entrance::Brokers, Some(node)) => cluster.call_node(what, node, &request).await?,
        (Entrance::Brokers, None) => cluster.call(what, &request).await?,
        (Entrance::Controllers, _) => cluster.call_controller(what, &request, first_code).await?,
    };
    answer
        .responses
        .into_iter()
        .try_for_each(|each| outcome(each.error_code, said(each.error_message)))
}

/// The only answer's code.
fn first_code(answer: &IncrementalAlterConfigsResponse) -> i16 {
    answer.responses.first().map_or(0, |response| response.error_code)
}
