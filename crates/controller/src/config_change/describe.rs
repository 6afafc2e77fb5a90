//! A new topic's configuration as CreateTopics shows it (KIP-525).

use crate::settings::ControllerSettings;
use crate::state::ControllerState;
use config::broker::DynamicConfigs;
use config::settings::Originals;
use config::{BrokerConfig, describe};
use protocol::messages::create_topics_response::CreatableTopicConfigs;
use std::sync::Arc;

/// What this controller gives a topic that sets nothing itself; made once a request.
#[derive(Debug)]
pub struct TopicDefaults {
    config: Arc<BrokerConfig>,
}

impl TopicDefaults {
    /// The defaults at this state: this node's configuration with what is set dynamically for it and for all brokers.
    pub fn new(state: &ControllerState, settings: &ControllerSettings) -> Self {
        let configs = &state.image().configs;
        let set = |values: Option<&Arc<Originals>>| values.map(|values| values.as_ref().clone()).unwrap_or_default();
        let broker = set(configs.broker(settings.node_id()));
        let dynamic = DynamicConfigs {
            broker,
            cluster: set(configs.all_brokers()),
        };
        // A dynamic value that makes no sense is refused when it is set; should one be there all the same, the static
        // configuration stands.
        let config = settings.config.with_dynamic(dynamic).map(Arc::new);
        Self {
            config: config.unwrap_or_else(|_| settings.config.clone()),
        }
    }

    /// Every key with its value for a topic that sets `own`, sorted by name.
    pub fn describe(&self, own: &Originals) -> Vec<CreatableTopicConfigs> {
        // `own` was validated before; should it not resolve, the topic is shown without configs rather than wrong ones.
        let entries = describe::topic(&self.config, own).unwrap_or_default();
        entries
            .into_iter()
            .map(|entry| CreatableTopicConfigs {
                name: entry.name,
                value: entry.value,
                read_only: entry.read_only,
                config_source: entry.source.id(),
                is_sensitive: entry.sensitive,
            })
            .collect()
    }
}
