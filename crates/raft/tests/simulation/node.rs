//! One node: the machine, its disk, and what waits to be done.

use crate::disk::{Disk, Log};
use crate::parked::Parked;
use base::{LeaderEpoch, NodeId, Offset, Rng, Timestamp, Uuid};
use raft::voters::{Endpoint, VoterSet};
use raft::{Destination, Effect, Now, Participation, Raft, RaftConfig, ReplicaKey, RequestId, Ticket};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

pub const LISTENER: &str = "CONTROLLER";
pub const FETCH_TIMEOUT: u64 = 2_000;

/// Who asked, and in which of its lives.
#[derive(Clone, Copy, Debug)]
pub enum Asker {
    Node {
        at: usize,
        life: u64,
        id: RequestId,
        /// What is asked, if that is a vote: the epoch, and for whom.
        vote: Option<(LeaderEpoch, ReplicaKey)>,
    },
    Operator,
}

#[derive(Debug)]
pub struct Node {
    pub key: ReplicaKey,
    pub participation: Participation,
    /// Counts the ports it has had: it may come back with another.
    pub moves: u16,
    /// Counts its starts.
    pub life: u64,
    pub raft: Option<Raft>,
    pub disk: Disk,
    pub static_voters: VoterSet,
    pub bootstrap: Vec<Destination>,
    pub queue: VecDeque<Effect>,
    pub is_at_work: bool,
    /// How often in a row its leader did not answer.
    pub silent: u64,
    pub askers: BTreeMap<Ticket, Asker>,
    pub parked: Vec<Parked>,
    /// The flushes under way, by the log as it was when they began.
    pub flushes: VecDeque<Log>,
    /// Its voters are to be compared with those of its log.
    pub is_doubtful: bool,
    /// What it committed as leader of an epoch, with the voters of that moment, and has not executed.
    pub promises: VecDeque<(Offset, LeaderEpoch, VoterSet)>,
    pub high_watermark: Offset,
    /// Where its newest epoch as leader began.
    pub leads_from: Offset,
    /// The end of what was compared with everybody's committed log.
    pub checked: Offset,
}

/// The port of the node numbered `at` after so many moves.
pub fn port(at: usize, moves: u16) -> u16 {
    1_000 + moves * 100 + u16::try_from(at).unwrap()
}

/// Which node has, or had, this port, and after how many moves.
pub fn at_port(port: u16) -> (usize, u16) {
    (usize::from((port - 1_000) % 100), (port - 1_000) / 100)
}

pub fn endpoint(at: usize, moves: u16) -> Endpoint {
    Endpoint {
        listener: LISTENER.to_owned(),
        host: "node".to_owned(),
        port: port(at, moves),
    }
}

pub fn key(at: usize, disk: u8) -> ReplicaKey {
    ReplicaKey {
        id: NodeId(i32::try_from(at).unwrap()),
        directory: Some(Uuid([
            u8::try_from(at).unwrap() + 1,
            disk,
            1,
            1,
            1,
            1,
            1,
            1,
            1,
            1,
            1,
            1,
            1,
            1,
            1,
            1,
        ])),
    }
}

pub fn now(millis: u64) -> Now {
    Now {
        instant: base::Instant::from_zero(Duration::from_millis(millis)),
        wall: Timestamp(1 + i64::try_from(millis).unwrap()),
    }
}

impl Node {
    pub fn new(at: usize, participation: Participation, disk: Disk, static_voters: VoterSet) -> Self {
        Self {
            key: key(at, 1),
            participation,
            moves: 0,
            life: 0,
            raft: None,
            disk,
            static_voters,
            bootstrap: Vec::new(),
            queue: VecDeque::new(),
            is_at_work: false,
            silent: 0,
            askers: BTreeMap::new(),
            parked: Vec::new(),
            flushes: VecDeque::new(),
            is_doubtful: false,
            promises: VecDeque::new(),
            high_watermark: Offset::ZERO,
            leads_from: Offset::ZERO,
            checked: Offset::ZERO,
        }
    }

    pub fn at(&self) -> usize {
        usize::try_from(self.key.id.0).unwrap()
    }

    pub fn is_controller(&self) -> bool {
        self.participation != Participation::Broker
    }

    /// Starts from what is on the disk.
    pub fn start(&mut self, millis: u64, rng: &mut Rng) {
        self.life += 1;
        let (shape, history, _) = self.disk.load(self.static_voters.clone());
        let config = RaftConfig {
            own: self.key,
            endpoints: vec![endpoint(self.at(), self.moves)],
            listener: LISTENER.to_owned(),
            bootstrap: self.bootstrap.clone(),
            participation: self.participation,
            election_timeout: Duration::from_millis(1_000),
            election_backoff_max: Duration::from_millis(1_000),
            fetch_timeout: Duration::from_millis(FETCH_TIMEOUT),
            request_timeout: Duration::from_millis(2_000),
            retry_backoff: Duration::from_millis(20),
            max_batch: 400,
        };
        self.high_watermark = Offset::ZERO;
        self.checked = self.disk.cached.start;
        let mut effects = Vec::new();
        let election = self.disk.election.clone();
        let seed = Rng::from_seed(rng.next_u64());
        let raft = Raft::start(config, election, shape, history, seed, now(millis), &mut effects);
        self.raft = Some(raft.expect("the quorum is one to take part in"));
        self.queue.extend(effects);
    }

    /// Stops at once, with whatever was under way.
    pub fn die(&mut self) {
        self.raft = None;
        self.queue.clear();
        self.is_at_work = false;
        self.silent = 0;
        self.askers.clear();
        self.parked.clear();
        self.flushes.clear();
        self.promises.clear();
    }

    /// Tells the machine something and keeps what it wants done.
    pub fn tell<T>(&mut self, tell: impl FnOnce(&mut Raft, &mut Vec<Effect>) -> T) -> Option<T> {
        let mut effects = Vec::new();
        let raft = self.raft.as_mut()?;
        let told = tell(raft, &mut effects);
        for effect in &effects {
            if let Effect::HighWatermark(end) = effect
                && raft.leading().is_some()
            {
                let voters = raft.history().voters().clone();
                self.promises.push_back((*end, raft.epoch(), voters));
            }
        }
        self.queue.extend(effects);
        Some(told)
    }
}
