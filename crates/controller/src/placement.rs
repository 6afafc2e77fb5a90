//! Which brokers get a new partition's replicas: stripes over the racks, so that leaders and replicas spread evenly.
//!
//! As Kafka's striped placer: each rack has a list of its unfenced and one of its fenced brokers; a partition's first
//! replica is an unfenced broker of the rack whose turn it is, the others come from the racks in order, fenced brokers
//! only where a rack has no unfenced one left. With every partition the turn and the lists move on by one, and after as
//! many partitions as there are unfenced brokers everything is shuffled.

use base::{NodeId, Rng};
use std::collections::BTreeMap;

/// A broker that may get replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsableBroker {
    /// The broker.
    pub id: NodeId,
    /// Its rack.
    pub rack: Option<String>,
    /// Whether it is fenced.
    pub fenced: bool,
}

/// What is to be placed cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlacementError {
    /// No replicas at all.
    #[error("Invalid replication factor {0}: the replication factor must be positive.")]
    NotPositive(i16),
    /// Nobody could lead.
    #[error("All brokers are currently fenced, or have all their log directories cordoned.")]
    AllFenced,
    /// A broker holds at most one replica of a partition.
    #[error(
        "The target replication factor of {wanted} cannot be reached because only {usable} broker(s) are registered or \
         some brokers have all their log directories cordoned."
    )]
    TooFewBrokers {
        /// The replication factor.
        wanted: i16,
        /// How many brokers there are.
        usable: usize,
    },
}

/// Places `partitions` partitions of `replication_factor` replicas each.
///
/// # Errors
/// If that many replicas cannot be placed.
pub fn place(
    partitions: i32,
    replication_factor: i16,
    brokers: &[UsableBroker],
    rng: &mut Rng,
) -> Result<Vec<Vec<NodeId>>, PlacementError> {
    let unfenced = brokers.iter().filter(|broker| !broker.fenced).count();
    let replicas = match usize::try_from(replication_factor) {
        Ok(replicas) if replicas > 0 => replicas,
        _ => return Err(PlacementError::NotPositive(replication_factor)),
    };
    if unfenced == 0 {
        return Err(PlacementError::AllFenced);
    }
    if replicas > brokers.len() {
        return Err(PlacementError::TooFewBrokers {
            wanted: replication_factor,
            usable: brokers.len(),
        });
    }
    let mut racks = RackList::new(brokers, rng);
    Ok((0..partitions).map(|_| racks.place(replicas, rng)).collect())
}

struct RackList {
    racks: Vec<Rack>,
    unfenced: usize,
    epoch: usize,
    /// Whose turn it is to have the first replica.
    offset: usize,
}

impl RackList {
    fn new(brokers: &[UsableBroker], rng: &mut Rng) -> Self {
        let mut racks: BTreeMap<Option<&str>, Rack> = BTreeMap::new();
        for broker in brokers {
            let rack = racks.entry(broker.rack.as_deref()).or_default();
            let list = if broker.fenced {
                &mut rack.fenced
            } else {
                &mut rack.unfenced
            };
            list.brokers.push(broker.id);
        }
        let mut racks: Vec<Rack> = racks.into_values().collect();
        for list in racks.iter_mut().flat_map(|rack| [&mut rack.fenced, &mut rack.unfenced]) {
            list.brokers.sort_unstable();
            list.offset = below(rng, list.brokers.len());
        }
        let offset = below(rng, racks.len());
        let unfenced = brokers.iter().filter(|broker| !broker.fenced).count();
        Self {
            racks,
            unfenced,
            epoch: 0,
            offset,
        }
    }

    fn place(&mut self, replicas: usize, rng: &mut Rng) -> Vec<NodeId> {
        if self.epoch == self.unfenced && self.unfenced > 1 {
            self.shuffle(rng);
            self.epoch = 0;
        }
        let count = self.racks.len();
        let turn = self.offset % count;
        let epoch = self.epoch;
        let mut placed = Vec::with_capacity(replicas);
        // The first replica leads, so it must be an unfenced broker: the first rack from the turn on that has one.
        let mut first_rack = None;
        for rack in (0..count).map(|step| (turn + step) % count) {
            if let Some(leader) = self.racks[rack].unfenced.next(epoch) {
                placed.push(leader);
                first_rack = Some(rack);
                break;
            }
        }
        let mut rack = turn;
        while placed.len() < replicas {
            // The rack that gave the leader is passed over once.
            if first_rack == Some(rack) {
                first_rack = None;
            } else if let Some(replica) = self.racks[rack].next(epoch) {
                placed.push(replica);
            }
            rack = (rack + 1) % count;
        }
        self.epoch += 1;
        self.offset = turn + 1;
        placed
    }

    fn shuffle(&mut self, rng: &mut Rng) {
        shuffle(&mut self.racks, rng);
        for rack in &mut self.racks {
            shuffle(&mut rack.fenced.brokers, rng);
            shuffle(&mut rack.unfenced.brokers, rng);
        }
    }
}

#[derive(Default)]
struct Rack {
    fenced: BrokerList,
    unfenced: BrokerList,
}

impl Rack {
    fn next(&mut self, epoch: usize) -> Option<NodeId> {
        self.unfenced.next(epoch).or_else(|| self.fenced.next(epoch))
    }
}

/// A list that hands out each broker once an epoch, starting one further with every epoch.
#[derive(Default)]
struct BrokerList {
    brokers: Vec<NodeId>,
    epoch: usize,
    index: usize,
    offset: usize,
}

impl BrokerList {
    fn next(&mut self, epoch: usize) -> Option<NodeId> {
        if self.brokers.is_empty() {
            return None;
        }
        if self.epoch != epoch {
            self.epoch = epoch;
            self.index = 0;
            self.offset = (self.offset + 1) % self.brokers.len();
        }
        if self.index >= self.brokers.len() {
            return None;
        }
        let broker = self.brokers[(self.index + self.offset) % self.brokers.len()];
        self.index += 1;
        Some(broker)
    }
}

fn below(rng: &mut Rng, bound: usize) -> usize {
    usize::try_from(rng.below(bound as u64)).expect("below a usize")
}

fn shuffle<T>(items: &mut [T], rng: &mut Rng) {
    for end in (1..items.len()).rev() {
        items.swap(end, below(rng, end + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brokers(racks: &[(&str, &[i32])], fenced: &[i32]) -> Vec<UsableBroker> {
        let broker = |rack: &str, id: i32| UsableBroker {
            id: NodeId(id),
            rack: (!rack.is_empty()).then(|| rack.to_owned()),
            fenced: fenced.contains(&id),
        };
        racks
            .iter()
            .flat_map(|(rack, ids)| ids.iter().map(move |id| broker(rack, *id)))
            .collect()
    }

    #[test]
    fn what_cannot_be_placed_is_refused() {
        let mut rng = Rng::from_seed(1);
        let two = brokers(&[("", &[1, 2])], &[]);
        assert_eq!(place(1, 0, &two, &mut rng), Err(PlacementError::NotPositive(0)));
        assert_eq!(
            place(1, 3, &two, &mut rng),
            Err(PlacementError::TooFewBrokers { wanted: 3, usable: 2 })
        );
        let fenced = brokers(&[("", &[1, 2])], &[1, 2]);
        assert_eq!(place(1, 1, &fenced, &mut rng), Err(PlacementError::AllFenced));
        assert_eq!(place(1, 1, &[], &mut rng), Err(PlacementError::AllFenced));
    }

    #[test]
    fn leaders_and_replicas_spread_evenly() {
        for seed in 0..50 {
            let mut rng = Rng::from_seed(seed);
            let six = brokers(&[("a", &[1, 2]), ("b", &[3, 4]), ("c", &[5, 6])], &[]);
            let placed = place(60, 3, &six, &mut rng).unwrap();
            let mut leads = BTreeMap::new();
            let mut holds = BTreeMap::new();
            for replicas in &placed {
                *leads.entry(replicas[0]).or_insert(0) += 1;
                let mut racks: Vec<i32> = replicas.iter().map(|node| (node.0 - 1) / 2).collect();
                racks.sort_unstable();
                assert_eq!(
                    racks,
                    [0, 1, 2],
                    "seed {seed}: every rack holds a replica of {replicas:?}"
                );
                replicas.iter().for_each(|node| *holds.entry(*node).or_insert(0) += 1);
            }
            assert!(leads.values().all(|count| *count == 10), "seed {seed}: {leads:?}");
            assert!(holds.values().all(|count| *count == 30), "seed {seed}: {holds:?}");
        }
    }

    #[test]
    fn a_fenced_broker_never_comes_first() {
        for seed in 0..50 {
            let mut rng = Rng::from_seed(seed);
            let four = brokers(&[("a", &[1, 2]), ("b", &[3, 4])], &[3, 4]);
            for replicas in place(20, 3, &four, &mut rng).unwrap() {
                assert!(replicas[0].0 <= 2, "seed {seed}: {replicas:?}");
                let mut distinct = replicas.clone();
                distinct.sort_unstable();
                distinct.dedup();
                assert_eq!(distinct.len(), 3, "seed {seed}: {replicas:?}");
            }
        }
    }
}
