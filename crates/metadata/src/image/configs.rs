//! Dynamic configuration: what was set per topic, per broker, for all brokers, per client-metrics subscription, per group.

use base::NodeId;
use config::broker::DynamicConfigs;
use imbl::OrdMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What kind of thing a configuration belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConfigResourceType {
    /// A topic.
    Topic,
    /// A broker (name = its id), or all brokers (empty name).
    Broker,
    /// The log levels of a broker; never recorded, a broker answers for itself.
    BrokerLogger,
    /// A client metrics subscription (KIP-714).
    ClientMetrics,
    /// A consumer, share or streams group.
    Group,
}

impl ConfigResourceType {
    /// The type with Kafka's code.
    pub fn from_code(code: i8) -> Option<Self> {
        match code {
            2 => Some(Self::Topic),
            4 => Some(Self::Broker),
            8 => Some(Self::BrokerLogger),
            16 => Some(Self::ClientMetrics),
            32 => Some(Self::Group),
            _ => None,
        }
    }

    /// Kafka's code.
    pub fn code(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Broker => 4,
            Self::BrokerLogger => 8,
            Self::ClientMetrics => 16,
            Self::Group => 32,
        }
    }
}

/// A thing that can be configured.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigResource {
    /// Its kind.
    pub resource_type: ConfigResourceType,
    /// Its name; empty for all brokers together.
    pub name: String,
}

impl ConfigResource {
    /// A topic's configuration.
    pub fn topic(name: impl Into<String>) -> Self {
        Self {
            resource_type: ConfigResourceType::Topic,
            name: name.into(),
        }
    }

    /// One broker's configuration.
    pub fn broker(id: NodeId) -> Self {
        Self {
            resource_type: ConfigResourceType::Broker,
            name: id.to_string(),
        }
    }

    /// The configuration that all brokers share.
    pub fn all_brokers() -> Self {
        Self {
            resource_type: ConfigResourceType::Broker,
            name: String::new(),
        }
    }

    /// A group's configuration.
    pub fn group(name: impl Into<String>) -> Self {
        Self {
            resource_type: ConfigResourceType::Group,
            name: name.into(),
        }
    }
}

/// What is set for one resource, in the order of the keys.
pub type ConfigurationImage = BTreeMap<String, String>;

/// The configuration of every resource for which something is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigurationsImage {
    by_resource: OrdMap<ConfigResource, Arc<ConfigurationImage>>,
}

impl ConfigurationsImage {
    /// What is set for the resource, if anything.
    pub fn get(&self, resource: &ConfigResource) -> Option<&Arc<ConfigurationImage>> {
        self.by_resource.get(resource)
    }

    /// What is set for the topic, if anything.
    pub fn topic(&self, name: &str) -> Option<&Arc<ConfigurationImage>> {
        self.get(&ConfigResource::topic(name))
    }

    /// What is set for this broker alone, if anything.
    pub fn broker(&self, id: NodeId) -> Option<&Arc<ConfigurationImage>> {
        self.get(&ConfigResource::broker(id))
    }

    /// What is set for all brokers, if anything.
    pub fn all_brokers(&self) -> Option<&Arc<ConfigurationImage>> {
        self.get(&ConfigResource::all_brokers())
    }

    /// What is set dynamically for the node: for it alone, and for all nodes.
    pub fn dynamic(&self, id: NodeId) -> DynamicConfigs {
        let set = |values: Option<&Arc<ConfigurationImage>>| values.map(|values| values.as_ref().clone());
        DynamicConfigs {
            broker: set(self.broker(id)).unwrap_or_default(),
            cluster: set(self.all_brokers()).unwrap_or_default(),
        }
    }

    /// Whether the same is set dynamically for the node here and in `other`: no values are compared if they are shared.
    pub fn dynamic_is_same(&self, other: &Self, id: NodeId) -> bool {
        self.broker(id) == other.broker(id) && self.all_brokers() == other.all_brokers()
    }

    /// What is set for the group, if anything.
    pub fn group(&self, name: &str) -> Option<&Arc<ConfigurationImage>> {
        self.get(&ConfigResource::group(name))
    }

    /// One value.
    pub fn value(&self, resource: &ConfigResource, key: &str) -> Option<&str> {
        self.get(resource)?.get(key).map(String::as_str)
    }

    /// Every resource for which something is set.
    pub fn iter(&self) -> impl Iterator<Item = (&ConfigResource, &Arc<ConfigurationImage>)> {
        self.by_resource.iter()
    }

    /// Every resource of one kind for which something is set.
    pub fn of_type(&self, resource_type: ConfigResourceType) -> impl Iterator<Item = (&str, &Arc<ConfigurationImage>)> {
        self.iter()
            .filter(move |(resource, _)| resource.resource_type == resource_type)
            .map(|(resource, values)| (resource.name.as_str(), values))
    }

    pub(crate) fn set(&mut self, resource: ConfigResource, key: String, value: String) {
        Arc::make_mut(self.by_resource.entry(resource).or_default()).insert(key, value);
    }

    pub(crate) fn unset(&mut self, resource: &ConfigResource, key: &str) {
        if let Some(values) = self.by_resource.get_mut(resource) {
            let values = Arc::make_mut(values);
            values.remove(key);
            if values.is_empty() {
                self.by_resource.remove(resource);
            }
        }
    }

    pub(crate) fn remove(&mut self, resource: &ConfigResource) {
        self.by_resource.remove(resource);
    }
}
