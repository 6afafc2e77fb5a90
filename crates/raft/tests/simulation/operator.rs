//! What an operator does to the voters.

use crate::node::{Asker, endpoint, now};
use crate::world::World;
use raft::Request;
use raft::message::{AckWhen, AddVoterRequest, RemoveVoterRequest};

impl World {
    /// Adds a voter, removes one, or makes the voters records of the log.
    pub fn operate(&mut self, leader: usize) {
        let raft = self.nodes[leader].raft.as_ref().unwrap();
        if raft.history().kraft_version() == 0 {
            if self.rng.below(2) == 0 {
                self.upgrade(leader);
            }
            return;
        }
        let voters = raft.history().voters().clone();
        let at = self.any(self.nodes.len());
        if voters.contains(&self.nodes[at].key) {
            if voters.len() > 2 && self.all_are_found(2) {
                let voter = self.nodes[at].key;
                self.note(format_args!("operator removes {voter}"));
                self.ask(
                    leader,
                    Asker::Operator,
                    Request::RemoveVoter(RemoveVoterRequest { voter }),
                );
                self.done.voters_removed += 1;
            }
        } else if let Some(former) = voters.get(self.nodes[at].key.id) {
            let voter = former.key;
            self.ask(
                leader,
                Asker::Operator,
                Request::RemoveVoter(RemoveVoterRequest { voter }),
            );
        } else if self.nodes[at].is_controller() {
            let ack = if self.rng.below(2) == 0 {
                AckWhen::Appended
            } else {
                AckWhen::Committed
            };
            let request = AddVoterRequest {
                voter: self.nodes[at].key,
                endpoints: vec![endpoint(at, self.nodes[at].moves)],
                ack,
            };
            self.note(format_args!("operator adds {at}"));
            self.ask(leader, Asker::Operator, Request::AddVoter(request));
            self.done.voters_added += 1;
        }
    }

    fn upgrade(&mut self, leader: usize) {
        let millis = self.timeline.now();
        let checked = self.nodes[leader].raft.as_ref().unwrap().check_kraft_version(1);
        self.note(format_args!("operator upgrades: {checked:?}"));
        if checked.is_ok() {
            self.nodes[leader].tell(|raft, _| raft.upgrade_kraft_version(now(millis), 1));
            self.work(leader);
            self.done.upgrades += 1;
        }
    }
}
