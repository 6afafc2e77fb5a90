//! What goes wrong.

use crate::message::Place;
use crate::node::End;
use crate::world::World;
use base::{NodeId, Rng};
use storage::Durability;

/// Which kinds of trouble a history may have.
#[derive(Debug, Default)]
pub struct Nemesis {
    may_kill: bool,
    /// How many power cuts there may still be.
    power_cuts: u64,
    may_fail_disks: bool,
    /// The greatest pause between two troubles.
    pause: u64,
}

impl Nemesis {
    /// Where the disk is waited for, any number of nodes may lose their power at any time. Where it is not, one node may,
    /// once, in a cluster that keeps two copies and knows who has them (`keeps_two`: KIP-966, min.insync.replicas), and then
    /// no other's process is killed: the controller would take that for a loss as well, and at last fall back on the one
    /// that really lost something.
    pub fn new(rng: &mut Rng, durability: Durability, keeps_two: bool) -> Self {
        let (may_kill, power_cuts) = match durability {
            Durability::Flush => (true, u64::MAX),
            Durability::Os if keeps_two && rng.below(2) == 0 => (false, 1),
            Durability::Os => (true, 0),
        };
        Self {
            may_kill,
            power_cuts,
            may_fail_disks: durability == Durability::Flush,
            pause: [100, 300, 900][usize::try_from(rng.below(3)).unwrap()],
        }
    }

    /// Does something; answers how long there is peace.
    pub fn act(&mut self, world: &mut World) -> u64 {
        let ids: Vec<NodeId> = world.nodes.keys().copied().collect();
        let id = if world.rng.below(2) == 0 {
            any(&mut world.rng, &ids)
        } else {
            // Leaders are where it hurts.
            ids.iter().copied().find(|id| world.is_leading(*id)).unwrap_or(ids[0])
        };
        let restart = world.rng.below(1_200);
        match world.rng.below(14) {
            0 if self.may_kill => world.stop_if_running(id, End::Killed, restart),
            1 if self.power_cuts > 0 => {
                self.power_cuts -= 1;
                world.stop_if_running(id, End::PowerCut, restart);
            }
            2 if self.power_cuts > 1 => {
                for id in ids {
                    let restart = world.rng.below(800);
                    world.stop_if_running(id, End::PowerCut, restart);
                }
            }
            3 | 4 => {
                let until = world.now() + world.rng.below(1_200);
                world.nodes.get_mut(&id).unwrap().paused_until = until;
            }
            5..=7 => cut_link(world, id, &ids),
            8 => cut_off(world, id, &ids),
            9 => {
                if let Some(running) = &mut world.nodes.get_mut(&id).unwrap().running {
                    running.shut_down();
                }
            }
            10 => reassign(world, &ids),
            11 => world.delete_records(id),
            12 => world.controller.fail_over(),
            13 if self.may_fail_disks && world.nodes[&id].running.is_some() => world.nodes[&id].disk.fail_syncs(),
            _ => {}
        }
        1 + world.rng.below(self.pause)
    }
}

fn any(rng: &mut Rng, ids: &[NodeId]) -> NodeId {
    ids[usize::try_from(rng.below(ids.len() as u64)).unwrap()]
}

/// One direction or both, between two nodes or a node and the controller.
fn cut_link(world: &mut World, id: NodeId, ids: &[NodeId]) {
    let until = world.now() + world.rng.below(1_500);
    let one = Place::Node(id);
    let other = match world.rng.below(3) {
        0 => Place::Controller,
        _ => Place::Node(any(&mut world.rng, ids)),
    };
    let (to, from) = match world.rng.below(3) {
        0 => (true, false),
        1 => (false, true),
        _ => (true, true),
    };
    if to {
        world.network.cut(one, other, until);
    }
    if from {
        world.network.cut(other, one, until);
    }
}

/// A node is alone, but for clients.
fn cut_off(world: &mut World, id: NodeId, ids: &[NodeId]) {
    let until = world.now() + world.rng.below(1_500);
    let others = ids.iter().copied().map(Place::Node).chain([Place::Controller]);
    for other in others {
        world.network.cut(Place::Node(id), other, until);
        world.network.cut(other, Place::Node(id), until);
    }
}

fn reassign(world: &mut World, ids: &[NodeId]) {
    if world.rng.below(5) == 0 {
        world.controller.reassign(None);
        return;
    }
    let mut left = ids.to_vec();
    let count = 2 + world.rng.below(2);
    let mut replicas = Vec::new();
    for _ in 0..count {
        let at = usize::try_from(world.rng.below(left.len() as u64)).unwrap();
        replicas.push(left.remove(at));
    }
    world.controller.reassign(Some(&replicas));
    world.done.reassignments += 1;
}

impl World {
    fn stop_if_running(&mut self, id: NodeId, end: End, restart_after: u64) {
        if self.nodes[&id].running.is_some() {
            self.stop(id, end, restart_after);
        }
    }
}
