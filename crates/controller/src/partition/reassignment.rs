//! Moving a partition to other brokers.

use base::NodeId;
use metadata::image::PartitionImage;

/// A move under way: the replicas (those that stay or come, then those that go), who comes and who goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reassignment {
    /// All replicas, the target's first, in its order.
    pub replicas: Vec<NodeId>,
    /// Who goes, ascending.
    pub removing: Vec<NodeId>,
    /// Who comes, ascending.
    pub adding: Vec<NodeId>,
}

impl Reassignment {
    /// The move from the replicas `current` to `target`.
    pub fn new(current: &[NodeId], target: &[NodeId]) -> Self {
        let removing = difference(current, target);
        let adding = difference(target, current);
        let replicas = target.iter().chain(&removing).copied().collect();
        Self {
            replicas,
            removing,
            adding,
        }
    }

    /// The replicas and in-sync replicas after the move, once it can be completed: everyone who came is in sync, and
    /// somebody is left. When fewer come than go, everyone who stays must be in sync too.
    pub fn complete(&self, isr: &[NodeId]) -> Option<(Vec<NodeId>, Vec<NodeId>)> {
        if self.removing.is_empty() && self.adding.is_empty() {
            return None;
        }
        let stays = |node: &&NodeId| !self.removing.contains(node);
        let replicas: Vec<NodeId> = self.replicas.iter().filter(stays).copied().collect();
        let isr: Vec<NodeId> = isr.iter().filter(stays).copied().collect();
        let somebody_left = self.removing.is_empty() || (!isr.is_empty() && !replicas.is_empty());
        let coming: Vec<&NodeId> = self.adding.iter().filter(stays).collect();
        let all_came = coming.iter().all(|node| isr.contains(node));
        let shrinks = coming.len() < self.removing.len();
        let enough = !shrinks || replicas.iter().all(|node| isr.contains(node));
        (somebody_left && all_came && enough).then_some((replicas, isr))
    }
}

fn difference(from: &[NodeId], without: &[NodeId]) -> Vec<NodeId> {
    let mut rest: Vec<NodeId> = from.iter().filter(|node| !without.contains(node)).copied().collect();
    rest.sort_unstable();
    rest.dedup();
    rest
}

/// The way back from a move under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revert {
    /// The replicas before the move.
    pub replicas: Vec<NodeId>,
    /// The in-sync replicas among them.
    pub isr: Vec<NodeId>,
    /// None of the old replicas is in sync any more: only an unclean election leads back.
    pub unclean: bool,
}

impl Revert {
    /// The way back from the partition's move; `None` if no replica would be left.
    pub fn of(partition: &PartitionImage) -> Option<Self> {
        let stays = |node: &&NodeId| !partition.adding_replicas.contains(node);
        let replicas: Vec<NodeId> = partition.replicas.iter().filter(stays).copied().collect();
        let isr: Vec<NodeId> = partition.isr.iter().filter(stays).copied().collect();
        if !isr.is_empty() {
            return Some(Self {
                replicas,
                isr,
                unclean: false,
            });
        }
        let first = *replicas.first()?;
        Some(Self {
            replicas,
            isr: vec![first],
            unclean: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(ids: &[i32]) -> Vec<NodeId> {
        ids.iter().copied().map(NodeId).collect()
    }

    #[test]
    fn a_move_completes_when_who_came_is_in_sync() {
        let moving = Reassignment::new(&nodes(&[1, 2, 3]), &nodes(&[4, 2, 5]));
        assert_eq!(moving.replicas, nodes(&[4, 2, 5, 1, 3]));
        assert_eq!(
            (moving.removing.clone(), moving.adding.clone()),
            (nodes(&[1, 3]), nodes(&[4, 5]))
        );
        assert_eq!(moving.complete(&nodes(&[1, 2, 4])), None);
        assert_eq!(
            moving.complete(&nodes(&[1, 4, 5])),
            Some((nodes(&[4, 2, 5]), nodes(&[4, 5])))
        );
        let nothing = Reassignment::new(&nodes(&[1, 2]), &nodes(&[1, 2]));
        assert_eq!(nothing.complete(&nodes(&[1])), None);
    }

    #[test]
    fn who_came_and_goes_again_is_not_waited_for() {
        let moving = Reassignment {
            replicas: nodes(&[2, 1, 3, 4]),
            removing: nodes(&[3, 4]),
            adding: nodes(&[4]),
        };
        assert_eq!(moving.complete(&nodes(&[4, 2, 3])), None);
        assert_eq!(
            moving.complete(&nodes(&[4, 2, 1, 3])),
            Some((nodes(&[2, 1]), nodes(&[2, 1])))
        );
    }

    #[test]
    fn a_shrinking_move_waits_for_everyone_who_stays() {
        let moving = Reassignment::new(&nodes(&[1, 2, 3, 4]), &nodes(&[1, 2]));
        assert_eq!(moving.complete(&nodes(&[1, 3, 4])), None);
        assert_eq!(
            moving.complete(&nodes(&[1, 2, 3])),
            Some((nodes(&[1, 2]), nodes(&[1, 2])))
        );
        assert_eq!(moving.complete(&nodes(&[3, 4])), None);
    }
}
