//! This node's settings as the committed dynamic configs make them: those of its id and those of all nodes, which a
//! controller takes as a broker does (KAFKA-18928).

use config::BrokerConfig;
use metadata::MetadataImage;
use std::sync::Arc;
use tokio::sync::watch;
use tracing::warn;

/// The sending end of [`crate::QuorumNode::settings`].
#[derive(Debug)]
pub(crate) struct SettingsInForce {
    settings: watch::Sender<Arc<BrokerConfig>>,
}

impl SettingsInForce {
    /// Shows what the node's own files say, until more is known.
    pub(crate) fn new(config: Arc<BrokerConfig>) -> (Self, watch::Receiver<Arc<BrokerConfig>>) {
        let (settings, receiver) = watch::channel(config);
        (Self { settings }, receiver)
    }

    /// Takes over what `new` sets otherwise than `old`.
    pub(crate) fn follow(&self, old: &MetadataImage, new: &MetadataImage) {
        let before = Arc::clone(&self.settings.borrow());
        if new.configs.dynamic_is_same(&old.configs, before.node_id) {
            return;
        }
        let wanted = new.configs.dynamic(before.node_id);
        let notices = wanted.notices(&before.dynamic);
        let (settings, refused) = before.with_usable_dynamic(wanted);
        // A broker in the same process says it itself.
        if !before.roles.broker {
            for reason in refused {
                warn!(reason, "a dynamic config cannot be applied");
            }
            for notice in notices {
                warn!("{notice}");
            }
        }
        self.settings.send_replace(Arc::new(settings));
    }
}
