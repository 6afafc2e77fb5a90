//! Dynamic configs over a node's own: which of them it takes, and what is said of the others.

use super::BrokerConfig;
use crate::alter::{self, Scope};
use crate::layer::notice;
use crate::settings::Originals;
use crate::synonym::broker_key;

/// The dynamic configs of the cluster that concern one node, as the metadata image holds them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DynamicConfigs {
    /// Of the node itself (resource name: its id).
    pub broker: Originals,
    /// Of all nodes (empty resource name).
    pub cluster: Originals,
}

impl DynamicConfigs {
    /// What to tell the operator of values that `before` has not: which of them tune what is not built.
    pub fn notices(&self, before: &Self) -> Vec<String> {
        let layers = [(&self.cluster, &before.cluster), (&self.broker, &before.broker)];
        let new = layers
            .into_iter()
            .flat_map(|(wanted, before)| wanted.iter().filter(|(name, value)| before.get(*name) != Some(value)));
        new.filter_map(|(name, value)| broker_key(name).and_then(|key| notice(key, value)))
            .collect()
    }
}

impl BrokerConfig {
    /// As [`BrokerConfig::with_dynamic`], without the values that cannot be used, and with what is wrong with them: a
    /// controller takes what it is told directly without a look at the key, as Kafka's does, and that must not keep a node
    /// from its other configs. Where the rest together cannot be used, the settings stay as they are.
    pub fn with_usable_dynamic(&self, dynamic: DynamicConfigs) -> (Self, Vec<String>) {
        let mut refused = Vec::new();
        let mut usable = dynamic;
        for (layer, scope) in [
            (&mut usable.cluster, Scope::Cluster),
            (&mut usable.broker, Scope::Broker),
        ] {
            layer.retain(|name, text| {
                let one = Originals::from([(name.clone(), text.clone())]);
                let checked = alter::check_each(self, &one, scope);
                let is_usable = checked.is_ok();
                refused.extend(checked.err().map(|error| error.to_string()));
                is_usable
            });
        }
        match self.with_dynamic(usable) {
            Ok(config) => (config, refused),
            Err(error) => {
                refused.push(error.to_string());
                (self.clone(), refused)
            }
        }
    }
}
