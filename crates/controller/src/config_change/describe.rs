//! A new topic's configuration as CreateTopics shows it (KIP-525).

use crate::settings::ControllerSettings;
use crate::state::ControllerState;
use config::key::Visibility;
use config::settings::Originals;
use config::table::{BROKER, TOPIC};
use config::{Settings, topic};
use protocol::messages::create_topics_response::CreatableTopicConfigs;

const DYNAMIC_TOPIC_CONFIG: i8 = 1;
const DYNAMIC_BROKER_CONFIG: i8 = 2;
const DYNAMIC_DEFAULT_BROKER_CONFIG: i8 = 3;
const STATIC_BROKER_CONFIG: i8 = 4;
const DEFAULT_CONFIG: i8 = 5;

/// What this controller gives a topic that sets nothing itself; made once a request.
#[derive(Debug)]
pub struct TopicDefaults {
    node: Originals,
    cluster: Originals,
    statics: Originals,
    broker: Settings,
}

impl TopicDefaults {
    /// The defaults at this state.
    pub fn new(state: &ControllerState, settings: &ControllerSettings) -> Self {
        let configs = &state.image().configs;
        let node = configs
            .broker(settings.node_id())
            .map(|values| values.as_ref().clone())
            .unwrap_or_default();
        let cluster = configs
            .all_brokers()
            .map(|values| values.as_ref().clone())
            .unwrap_or_default();
        let statics = settings.config.originals.clone();
        let mut effective = statics.clone();
        effective.extend(cluster.clone());
        effective.extend(node.clone());
        // A dynamic value that does not parse was refused when it was set; should one be there all the same, the static
        // configuration stands.
        let broker = Settings::resolve(&BROKER, &effective).unwrap_or_else(|_| settings.config.settings.clone());
        Self {
            node,
            cluster,
            statics,
            broker,
        }
    }

    /// Every key with its value for a topic that sets `own`, sorted by name.
    pub fn describe(&self, own: &Originals) -> Vec<CreatableTopicConfigs> {
        // `own` was validated before; should it not resolve, the topic is shown without configs rather than wrong ones.
        let Ok(resolved) = topic::resolve(&self.broker, own) else {
            return Vec::new();
        };
        TOPIC
            .keys()
            .iter()
            .filter(|key| key.visibility != Visibility::Internal || own.contains_key(key.name))
            .map(|key| CreatableTopicConfigs {
                name: key.name.to_owned(),
                value: match own.get(key.name) {
                    Some(text) => Some(text.clone()),
                    None => resolved.get(key.name).and_then(|value| value.to_text()),
                },
                read_only: false,
                config_source: self.source(key.name, own),
                is_sensitive: key.is_sensitive(),
            })
            .collect()
    }

    fn source(&self, key: &str, own: &Originals) -> i8 {
        let sets = |layer: &Originals| topic::broker_synonyms(key).any(|name| layer.contains_key(name));
        match () {
            () if own.contains_key(key) => DYNAMIC_TOPIC_CONFIG,
            () if sets(&self.node) => DYNAMIC_BROKER_CONFIG,
            () if sets(&self.cluster) => DYNAMIC_DEFAULT_BROKER_CONFIG,
            () if sets(&self.statics) => STATIC_BROKER_CONFIG,
            () => DEFAULT_CONFIG,
        }
    }
}
