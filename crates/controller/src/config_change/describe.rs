//! A new topic's configuration as CreateTopics shows it (KIP-525).

use crate::settings::ControllerSettings;
use crate::state::ControllerState;
use config::settings::Originals;
use config::{BrokerConfig, describe};
use protocol::messages::create_topics_response::CreatableTopicConfigs;

/// What this controller gives a topic that sets nothing itself; made once a request.
#[derive(Debug)]
pub struct TopicDefaults {
    config: BrokerConfig,
}

impl TopicDefaults {
    /// The defaults at this state: this node's configuration with what is set dynamically for it and for all brokers.
    pub fn new(state: &ControllerState, settings: &ControllerSettings) -> Self {
        let dynamic = state.image().configs.dynamic(settings.node_id());
        let (config, _) = settings.config.with_usable_dynamic(dynamic);
        Self { config }
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
