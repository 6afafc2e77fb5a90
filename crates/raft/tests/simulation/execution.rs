//! What a node's machine wants done, done.

use crate::disk;
use crate::node::{Asker, at_port, now};
use crate::telling::Told;
use crate::world::{Event, World};
use base::{NodeId, Offset, Timestamp};
use raft::message::Destination;
use raft::snapshot::SnapshotHeader;
use raft::{Answer, Effect, Request, RequestId, SendFailure, Ticket};

impl World {
    /// Executes what a node's machine wants done, soon.
    pub fn work(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        if node.is_at_work || node.raft.is_none() {
            return;
        }
        node.is_at_work = true;
        let delay = self.rng.below(self.sloth);
        if delay == 0 {
            self.nodes[at].is_at_work = false;
            self.execute(at);
        } else {
            let life = self.nodes[at].life;
            self.timeline.after(delay, Event::Work { at, life });
        }
    }

    pub fn execute(&mut self, at: usize) {
        self.nodes[at].tell(|raft, out| raft.seal(out));
        let has_news = !self.nodes[at].queue.is_empty();
        while let Some(effect) = self.nodes[at].queue.pop_front() {
            if self.fragility > 0 && self.rng.below(1_000) < self.fragility && self.nemesis.may_crash() {
                return self.crash(at);
            }
            self.note(format_args!("{at}: {}", Told(&effect)));
            self.do_one(at, effect);
            self.check(at);
        }
        if has_news && !self.nodes[at].parked.is_empty() {
            let life = self.nodes[at].life;
            self.timeline.after(0, Event::Look { at, life });
        }
        self.snapshot_now_and_then(at);
    }

    fn do_one(&mut self, at: usize, effect: Effect) {
        let key = self.nodes[at].key;
        let committed = self.nodes[at].high_watermark;
        let disk = &mut self.nodes[at].disk;
        match effect {
            Effect::Persist(election) => {
                self.checks.persisted(key, &disk.election, &election);
                disk.election = election;
            }
            Effect::Append(sealed) => {
                let mut bytes = sealed.batch.header_at(sealed.base, sealed.epoch).to_vec();
                bytes.extend_from_slice(sealed.batch.body());
                disk.append(&bytes.into());
                let node = &self.nodes[at];
                self.checks.appended(&node.disk.cached, sealed.base);
                self.checks
                    .changes(&node.disk.cached, sealed.base, node.leads_from, node.high_watermark);
            }
            Effect::AppendFetched { bytes, base, end } => {
                self.end_flushes(at, usize::MAX);
                let disk = &mut self.nodes[at].disk;
                assert_eq!(base, disk.cached.end(), "what is appended continues the log");
                disk.append(&bytes);
                assert_eq!(end, disk.cached.end());
                self.checks.appended(&self.nodes[at].disk.cached, base);
            }
            Effect::Flush => self.flush(at),
            Effect::Truncate(to) => {
                self.end_flushes(at, usize::MAX);
                let disk = &mut self.nodes[at].disk;
                assert!(to >= committed, "what is committed is never cut off");
                disk.truncate(to);
                self.done.truncations += 1;
                self.nodes[at].is_doubtful = true;
            }
            Effect::BeginSnapshot(id) => disk.begin_snapshot(id),
            Effect::WriteSnapshot { id, position, bytes } => disk.write_snapshot(id, position, &bytes),
            Effect::AbandonSnapshot(id) => disk.abandon_snapshot(id),
            Effect::InstallSnapshot(id) => self.install(at, id),
            Effect::Send { id, to, request } => self.send(at, id, &to, request),
            Effect::Answer { ticket, answer } => self.answer(at, ticket, answer),
            Effect::Leading { epoch, start } => {
                self.nodes[at].leads_from = start;
                // What it took for its log before is on the way there.
                self.checks.leads(key, epoch, &self.nodes[at].disk.cached);
                let raft = self.nodes[at].raft.as_ref().unwrap();
                if raft.leading() == Some(epoch) && raft.history().voters_are_replicated() {
                    let keys: Vec<_> = self.nodes.iter().map(|node| node.key).collect();
                    self.checks.elected(key, epoch, raft.history().voters(), &keys);
                }
                if self.rng.below(2) == 0 {
                    let soon = self.rng.below(60);
                    self.timeline.after(soon, Event::Operate { at });
                }
            }
            Effect::Deposed => self.nodes[at].is_doubtful = true,
            Effect::Following(_) => {}
            Effect::HighWatermark(end) => self.commit(at, end),
            Effect::Fault(fault) => panic!("{at}: {fault}"),
        }
    }

    /// A leader's log is flushed while other things go on; all others wait.
    fn flush(&mut self, at: usize) {
        let millis = self.timeline.now();
        let leads = self.nodes[at]
            .raft
            .as_ref()
            .is_some_and(|raft| raft.leading().is_some());
        if leads && self.sloth > 1 {
            let begun = self.nodes[at].disk.cached.clone();
            self.nodes[at].flushes.push_back(begun);
            let (delay, life) = (self.rng.below(2 * self.sloth), self.nodes[at].life);
            self.timeline.after(delay, Event::Flushed { at, life });
            return;
        }
        self.end_flushes(at, usize::MAX);
        self.nodes[at].disk.flush();
        self.nodes[at].tell(|raft, out| raft.on_flushed(now(millis), out));
    }

    /// The oldest flushes under way end.
    pub fn end_flushes(&mut self, at: usize, count: usize) {
        let millis = self.timeline.now();
        for _ in 0..count {
            let Some(begun) = self.nodes[at].flushes.pop_front() else {
                return;
            };
            self.nodes[at].disk.end_flush(&begun);
            self.nodes[at].tell(|raft, out| raft.on_flushed(now(millis), out));
        }
    }

    fn install(&mut self, at: usize, id: raft::SnapshotId) {
        let millis = self.timeline.now();
        self.end_flushes(at, usize::MAX);
        // A bit may have flipped on the way.
        let installed = if self.rng.below(10) == 0 {
            None
        } else {
            self.nodes[at].disk.install_snapshot(id)
        };
        let Some((header, chain)) = installed else {
            self.nodes[at].disk.abandon_snapshot(id);
            self.nodes[at].tell(|raft, out| raft.on_snapshot_rejected(now(millis), id, out));
            return;
        };
        assert_eq!(
            Some(chain),
            self.checks.committed_at(id.end),
            "a snapshot is what was committed"
        );
        self.nodes[at].checked = id.end;
        self.done.snapshots += 1;
        self.nodes[at].tell(|raft, out| raft.on_snapshot_installed(now(millis), id, &header, out));
    }

    fn commit(&mut self, at: usize, end: Offset) {
        let node = &mut self.nodes[at];
        assert!(end > node.high_watermark, "the high watermark only rises");
        node.high_watermark = end;
        self.checks.commits(&node.disk.cached, node.checked, end);
        node.checked = end;
        if let Some((_, epoch, voters)) = node.promises.pop_front_if(|(promised, ..)| *promised == end) {
            let start = node.leads_from;
            assert!(
                end > start,
                "a leader commits nothing before it commits something of its own epoch, from {start} on"
            );
            let nodes = &self.nodes;
            let disk_of = |id: NodeId| {
                let node = nodes.get(usize::try_from(id.0).unwrap())?;
                Some((node.key, &node.disk))
            };
            self.checks.leader_commits(epoch, &voters, end, disk_of);
        }
    }

    fn send(&mut self, at: usize, id: RequestId, to: &Destination, request: Request) {
        if let Request::Fetch(fetch) = &request
            && self.nodes[at].is_controller()
        {
            let durable = self.nodes[at].disk.durable.end();
            assert!(
                fetch.position.offset <= durable,
                "{at} says it has {} and has {durable}",
                fetch.position.offset
            );
        }
        let life = self.nodes[at].life;
        let (other, _) = at_port(to.port);
        let arrivals = self.network.carry(&mut self.rng, at, other);
        if arrivals.is_empty() && self.rng.below(2) == 0 {
            let delay = 1 + self.rng.below(300);
            self.fail(at, life, id, SendFailure::Disconnected, delay);
        }
        for delay in arrivals {
            let request = request.clone();
            let ask = Event::Ask {
                from: at,
                life,
                id,
                to: to.port,
                request,
            };
            self.timeline.after(delay, ask);
        }
    }

    fn answer(&mut self, at: usize, ticket: Ticket, answer: Answer) {
        let Some(asker) = self.nodes[at].askers.remove(&ticket) else {
            panic!("{at} answers {ticket:?} twice");
        };
        match asker {
            Asker::Node { at: to, life, id, vote } => {
                if let (Some((epoch, candidate)), Answer::Vote { granted: true, .. }) = (vote, &answer) {
                    self.checks
                        .granted(self.nodes[at].key, epoch, candidate, &self.nodes[at].disk);
                }
                self.reply(at, to, life, id, answer);
            }
            Asker::Operator => self.note(format_args!("operator: {answer:?}")),
        }
    }

    /// What holds of a node at any time.
    fn check(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        if node.queue.is_empty()
            && let Some(raft) = &node.raft
        {
            if node.is_doubtful && raft.leading().is_none() {
                node.is_doubtful = false;
                let written = node.disk.clone().load(node.static_voters.clone()).1;
                assert_eq!(
                    raft.history().voters(),
                    written.voters(),
                    "{at} has the voters of its log"
                );
                assert_eq!(raft.history().kraft_version(), written.kraft_version());
            }
            assert_eq!(
                raft.shape().end(),
                node.disk.cached.end(),
                "the machine knows where the log ends"
            );
            let last = node.disk.cached.batches.last();
            assert!(last.is_none_or(|last| last.epoch == raft.shape().last_epoch()));
        }
    }

    fn snapshot_now_and_then(&mut self, at: usize) {
        let is_time = self.nodes[at].queue.is_empty() && self.rng.below(400) == 0;
        let node = &mut self.nodes[at];
        let Some(raft) = node.raft.as_mut().filter(|_| is_time) else {
            return;
        };
        let end = node.high_watermark;
        let newest = raft.shape().snapshot();
        let Some(id) = raft
            .shape()
            .snapshot_id(end)
            .filter(|id| newest.is_none_or(|newest| newest < *id))
        else {
            return;
        };
        let Some(chain) = node.disk.cached.chain_at(end) else {
            return;
        };
        let header = SnapshotHeader {
            last_contained_timestamp: Timestamp(1),
            kraft_version: raft.history().kraft_version_at(end),
            voters: raft.history().voters_at(end).cloned(),
        };
        let padding = usize::try_from(self.rng.below(800)).unwrap();
        node.disk.snapshots.insert(id, disk::write(id, &header, chain, padding));
        raft.on_snapshot(id);
        if self.rng.below(2) == 0
            && let Some(start) = node.disk.clean()
        {
            raft.on_log_start(start);
        }
    }
}
