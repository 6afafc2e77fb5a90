//! Who sends a Fetch: a follower, or a consumer. A tool that names itself -2 is a consumer, too: it reads what is committed.

use base::{BrokerEpoch, NodeId};
use partition::{IsolationLevel, ReadFrom};
use protocol::views::fetch::FetchView;
use std::sync::Arc;

/// The first version in which a consumer tells its rack, and so knows that a follower may serve it (KIP-392).
const RACKS_FROM: i16 = 11;

/// Who reads.
#[derive(Clone, Debug)]
pub(super) enum Reader {
    /// A consumer.
    Consumer {
        /// Up to where.
        isolation: IsolationLevel,
        /// Whether a follower will do.
        from: ReadFrom,
        /// Its rack, or empty.
        rack: Arc<str>,
        /// The listener it came over.
        listener: Arc<str>,
    },
    /// A follower.
    Replica {
        /// Which.
        node: NodeId,
        /// The registration it has; none (-1) from old ones.
        epoch: BrokerEpoch,
    },
}

impl Reader {
    /// Who sent the request; none if it asks for an isolation level that does not exist.
    pub(super) fn of(view: &FetchView<'_>, version: i16, listener: &Arc<str>) -> Option<Self> {
        let isolation = IsolationLevel::from_code(view.isolation_level)?;
        Some(match view.replica_id {
            node if node >= 0 => Self::Replica { node: NodeId(node), epoch: BrokerEpoch(view.replica_epoch) },
            _ => Self::Consumer {
                isolation,
                from: if version >= RACKS_FROM { ReadFrom::AnyReplica } else { ReadFrom::Leader },
                rack: Arc::from(view.rack_id),
                listener: Arc::clone(listener),
            },
        })
    }

    /// The isolation level, where it matters.
    pub(super) fn isolation(&self) -> Option<IsolationLevel> {
        match self {
            Self::Consumer { isolation, .. } => Some(*isolation),
            Self::Replica { .. } => None,
        }
    }
}
