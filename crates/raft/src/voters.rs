//! The voter set: who elects, and where they are reached.

use crate::replica::ReplicaKey;
use base::NodeId;
use std::collections::BTreeMap;

/// Where a voter listens for the quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The listener's name.
    pub listener: String,
    /// The host name or address that others connect to.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// The `kraft.version` levels a voter can live with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KRaftVersionRange {
    /// The lowest.
    pub min: i16,
    /// The highest.
    pub max: i16,
}

impl KRaftVersionRange {
    /// What this program supports.
    pub const SUPPORTED: Self = Self { min: 0, max: 1 };

    /// Whether `level` is in the range.
    pub fn covers(&self, level: i16) -> bool {
        self.min <= level && level <= self.max
    }
}

/// One voter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    /// Who it is.
    pub key: ReplicaKey,
    /// Where it listens, in the order of its `controller.listener.names`.
    pub endpoints: Vec<Endpoint>,
    /// What it supports.
    pub kraft_versions: KRaftVersionRange,
}

/// All voters, at most one for a node id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VoterSet {
    voters: BTreeMap<NodeId, Voter>,
}

impl VoterSet {
    /// The set of `voters`; `None` if two have the same node id.
    pub fn new(voters: Vec<Voter>) -> Option<Self> {
        let count = voters.len();
        let voters: BTreeMap<_, _> = voters.into_iter().map(|voter| (voter.key.id, voter)).collect();
        (voters.len() == count).then_some(Self { voters })
    }

    /// How many voters there are.
    pub fn len(&self) -> usize {
        self.voters.len()
    }

    /// Whether nobody votes, as on a node that waits to hear of its quorum.
    pub fn is_empty(&self) -> bool {
        self.voters.is_empty()
    }

    /// The voters in order of node id.
    pub fn iter(&self) -> impl Iterator<Item = &Voter> {
        self.voters.values()
    }

    /// The voters' node ids in order.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> {
        self.voters.keys().copied()
    }

    /// The voter with this node id.
    pub fn get(&self, id: NodeId) -> Option<&Voter> {
        self.voters.get(&id)
    }

    /// Whether `replica` is a voter: the ids agree, and the directories too where the set knows the voter's.
    pub fn contains(&self, replica: &ReplicaKey) -> bool {
        self.get(replica.id)
            .is_some_and(|voter| voter.key.directory.is_none() || voter.key.directory == replica.directory)
    }

    /// Whether `replica` can elect itself.
    pub fn is_only_voter(&self, replica: &ReplicaKey) -> bool {
        self.len() == 1 && self.contains(replica)
    }

    /// How many voters are more than half.
    pub fn majority(&self) -> usize {
        self.len() / 2 + 1
    }

    /// The set with `voter` in it too; `None` if its node id is taken.
    pub fn with_added(&self, voter: Voter) -> Option<Self> {
        let mut added = self.clone();
        added.voters.insert(voter.key.id, voter).is_none().then_some(added)
    }

    /// The set without `replica`; `None` if it is not exactly one of the voters, or the only one.
    pub fn without(&self, replica: &ReplicaKey) -> Option<Self> {
        if self.get(replica.id)?.key != *replica || self.len() == 1 {
            return None;
        }
        let mut left = self.clone();
        left.voters.remove(&replica.id);
        Some(left)
    }

    /// The set with `voter` in place of the one with the same node id; unchanged if there is none.
    #[must_use]
    pub fn with_updated(&self, voter: Voter) -> Self {
        let mut updated = self.clone();
        if let Some(place) = updated.voters.get_mut(&voter.key.id) {
            *place = voter;
        }
        updated
    }
}

/// A part of `controller.quorum.voters` that is not `id@host:port`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseVotersError {
    /// Not of the form `id@host:port`.
    #[error("`{0}` in controller.quorum.voters is not of the form id@host:port, such as 1@localhost:9093")]
    Form(String),
    /// A node id twice.
    #[error("controller.quorum.voters `{0}` names a node id twice")]
    Twice(String),
}

/// Reads `controller.quorum.voters` (`1@a:9093,2@b:9093`): voters without directory ids, reached through `listener`.
///
/// # Errors
/// The entry that cannot be read.
pub fn parse_static(text: &str, listener: &str) -> Result<VoterSet, ParseVotersError> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let voters = entries
        .map(|entry| parse_voter(entry, listener))
        .collect::<Result<Vec<_>, _>>()?;
    VoterSet::new(voters).ok_or_else(|| ParseVotersError::Twice(text.to_owned()))
}

fn parse_voter(entry: &str, listener: &str) -> Result<Voter, ParseVotersError> {
    let refused = || ParseVotersError::Form(entry.to_owned());
    let (id, address) = entry.split_once('@').ok_or_else(refused)?;
    let (host, port) = address.rsplit_once(':').ok_or_else(refused)?;
    let id: i32 = id.parse().map_err(|_| refused())?;
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if id < 0 || host.is_empty() {
        return Err(refused());
    }
    Ok(Voter {
        key: ReplicaKey {
            id: NodeId(id),
            directory: None,
        },
        endpoints: vec![Endpoint {
            listener: listener.to_owned(),
            host: host.to_owned(),
            port: port.parse().map_err(|_| refused())?,
        }],
        // KIP-853: nothing is known of a static voter but that it can do without dynamic quorums.
        kraft_versions: KRaftVersionRange { min: 0, max: 0 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Uuid;

    fn show(text: &str) -> Result<Vec<String>, String> {
        let voters = parse_static(text, "CONTROLLER").map_err(|error| error.to_string())?;
        Ok(voters
            .iter()
            .map(|voter| {
                format!(
                    "{}@{}:{}",
                    voter.key.id, voter.endpoints[0].host, voter.endpoints[0].port
                )
            })
            .collect())
    }

    #[test]
    fn static_voters_are_read_as_kafka_writes_them() {
        assert_eq!(show("1@localhost:9093"), Ok(vec!["1@localhost:9093".into()]));
        assert_eq!(show("3@c:3, 1@[::1]:1"), Ok(vec!["1@::1:1".into(), "3@c:3".into()]));
        for wrong in ["1", "1@a", "a@b:1", "1@a:99999", "-1@a:1", "1@:9", "1@a:1,1@b:2"] {
            assert!(show(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_voter_with_another_directory_is_another_replica() {
        let key = |directory| ReplicaKey {
            id: NodeId(1),
            directory,
        };
        let voter = |key| Voter {
            key,
            endpoints: Vec::new(),
            kraft_versions: KRaftVersionRange::SUPPORTED,
        };
        let (old, new) = (Some(Uuid([1; 16])), Some(Uuid([2; 16])));
        let known = VoterSet::new(vec![voter(key(old))]).unwrap();
        assert!(known.is_only_voter(&key(old)));
        assert!(!known.contains(&key(new)));
        let unknown = VoterSet::new(vec![voter(key(None))]).unwrap();
        assert!(unknown.contains(&key(new)));
    }

    #[test]
    fn more_than_half() {
        for (voters, majority) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)] {
            let set = VoterSet::new(
                (0..voters)
                    .map(|id| Voter {
                        key: ReplicaKey {
                            id: NodeId(id),
                            directory: None,
                        },
                        endpoints: Vec::new(),
                        kraft_versions: KRaftVersionRange::SUPPORTED,
                    })
                    .collect(),
            );
            assert_eq!(set.unwrap().majority(), majority, "{voters} voters");
        }
    }
}
