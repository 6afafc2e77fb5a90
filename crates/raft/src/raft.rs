//! The machine: the state of this replica, what it is told, and what it wants done.

use crate::accumulator::{Accumulator, Cut, TooLarge};
use crate::control::ControlRecord;
use crate::effect::Effect;
use crate::history::QuorumHistory;
use crate::log_shape::LogShape;
use crate::quorum_state::QuorumState;
use crate::replica::ReplicaKey;
use crate::snapshot_id::SnapshotId;
use crate::state::{Candidate, Leader, Prospective, Resigned, State, Unattached};
use crate::voters::{Endpoint, KRaftVersionRange, Voter};
use crate::votes::Votes;
use base::{Instant, LeaderEpoch, Offset, Rng, Timestamp};
use bytes::Bytes;
use std::time::Duration;

/// What does not change while the replica runs.
#[derive(Clone, Debug)]
pub struct RaftConfig {
    /// This replica.
    pub own: ReplicaKey,
    /// Where it listens for the quorum.
    pub endpoints: Vec<Endpoint>,
    /// `controller.quorum.election.timeout.ms`.
    pub election_timeout: Duration,
    /// `internal.metadata.max.batch.size.in.bytes`.
    pub max_batch: usize,
}

/// Both clocks at one moment: the monotonic one for deadlines, the wall's for records and reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// For deadlines.
    pub instant: Instant,
    /// For record timestamps.
    pub wall: Timestamp,
}

/// Why this program does not take part in the quorum it is configured for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// More than one voter.
    #[error(
        "the metadata quorum has {voters} voters ({ids}); this release runs quorums of one voter. Set \
         controller.quorum.voters to this node alone, or format with --standalone"
    )]
    SeveralVoters {
        /// How many.
        voters: usize,
        /// Their node ids.
        ids: String,
    },
    /// Others vote.
    #[error(
        "node {own} is not the voter of its metadata quorum (the voter is {voter}); this release does not follow another \
         node's metadata log. Check node.id, controller.quorum.voters and the directory.id in meta.properties"
    )]
    NotTheVoter {
        /// This replica.
        own: ReplicaKey,
        /// The one voter.
        voter: ReplicaKey,
    },
    /// Nobody votes.
    #[error(
        "the metadata quorum has no voters: set controller.quorum.voters, or format the storage with --standalone or \
         --initial-controllers"
    )]
    NoVoters,
}

/// Why records were not appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// This replica does not lead.
    #[error("this node does not lead the metadata quorum")]
    NotLeader,
    /// They fit in no batch.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

/// One replica of the metadata log.
#[derive(Debug)]
pub struct Raft {
    pub(crate) config: RaftConfig,
    rng: Rng,
    pub(crate) history: QuorumHistory,
    pub(crate) shape: LogShape,
    pub(crate) state: State,
}

impl Raft {
    /// A replica as it was when it stopped: `persisted` is its quorum state, `shape` its log, `history` what the control
    /// records in it say. A lone voter is leader when this returns; its effects must be executed first.
    ///
    /// # Errors
    /// If the quorum is not one this program can take part in.
    pub fn start(
        config: RaftConfig,
        persisted: QuorumState,
        shape: LogShape,
        history: QuorumHistory,
        rng: Rng,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<Self, StartError> {
        check_quorum(&config, &history)?;
        let deadline = now.instant.plus(config.election_timeout);
        let state = initial_state(&config, persisted, &shape, deadline);
        let mut raft = Self {
            config,
            rng,
            history,
            shape,
            state,
        };
        if raft.history.voters().is_only_voter(&raft.config.own) {
            // Nobody else can win or object, so there is nothing to wait for.
            raft.stand(now, out);
        }
        Ok(raft)
    }

    /// This replica.
    pub fn own(&self) -> ReplicaKey {
        self.config.own
    }

    /// The current epoch.
    pub fn epoch(&self) -> LeaderEpoch {
        self.state.epoch()
    }

    /// The epoch this replica leads, if it does.
    pub fn leading(&self) -> Option<LeaderEpoch> {
        match &self.state {
            State::Leader(leader) => Some(leader.epoch),
            State::Unattached(_) | State::Prospective(_) | State::Candidate(_) | State::Resigned(_) => None,
        }
    }

    /// The offset that the next record taken gets, if this replica leads.
    pub fn next_offset(&self) -> Option<Offset> {
        match &self.state {
            State::Leader(leader) => Some(leader.accumulator.next()),
            State::Unattached(_) | State::Prospective(_) | State::Candidate(_) | State::Resigned(_) => None,
        }
    }

    /// What the log's control records say.
    pub fn history(&self) -> &QuorumHistory {
        &self.history
    }

    /// The log's outline.
    pub fn shape(&self) -> &LogShape {
        &self.shape
    }

    /// When [`Raft::on_timeout`] must be called.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.state.deadline()
    }

    /// A deadline passed.
    pub fn on_timeout(&mut self, now: Now, out: &mut Vec<Effect>) {
        if self.state.deadline().is_some_and(|deadline| deadline <= now.instant) {
            self.stand(now, out);
        }
    }

    /// Whether [`Raft::append`] would take these records.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, values: &[Bytes], cut: Cut) -> Result<(), AppendError> {
        match &self.state {
            State::Leader(leader) => Ok(leader.accumulator.admit(values, cut)?),
            State::Unattached(_) | State::Prospective(_) | State::Candidate(_) | State::Resigned(_) => {
                Err(AppendError::NotLeader)
            }
        }
    }

    /// Takes record values for the log and returns the first one's offset. They reach the log with [`Raft::seal`].
    ///
    /// # Errors
    /// As [`Raft::admit`].
    pub fn append(&mut self, now: Now, values: &[Bytes], cut: Cut) -> Result<Offset, AppendError> {
        self.admit(values, cut)?;
        let State::Leader(leader) = &mut self.state else {
            return Err(AppendError::NotLeader);
        };
        let first = leader.accumulator.next();
        leader.accumulator.append(now.wall, values, cut);
        Ok(first)
    }

    /// Sends what was taken to the log, with one flush for all of it.
    pub fn seal(&mut self, out: &mut Vec<Effect>) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let batches = leader.accumulator.drain();
        if batches.is_empty() {
            return;
        }
        for batch in batches {
            self.shape.grow(batch.epoch, batch.end());
            out.push(Effect::Append(batch));
        }
        out.push(Effect::Flush);
    }

    /// The log is durable up to `end`.
    pub fn on_flushed(&mut self, end: Offset, out: &mut Vec<Effect>) {
        let majority = self.history.voters().majority();
        if let State::Leader(leader) = &mut self.state {
            leader.on_own_flush(self.config.own.id, end);
            if let Some(high_watermark) = leader.advance(majority) {
                out.push(Effect::HighWatermark(high_watermark));
            }
        }
    }

    /// A snapshot is finished.
    pub fn on_snapshot(&mut self, id: SnapshotId) {
        self.shape.add_snapshot(id);
    }

    /// The log's prefix below `start`, which a snapshot covers, is gone.
    pub fn on_log_start(&mut self, start: Offset) {
        self.shape.start_at(start);
        self.history.forget_before(start);
    }

    /// KIP-853: raises `kraft.version` to `level`, from which on the voters are records of the log. Nothing happens unless
    /// this replica leads and the level is above the current one.
    pub fn upgrade_kraft_version(&mut self, now: Now, level: i16) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        if level <= self.history.kraft_version() {
            return;
        }
        let own = own_voter(&self.config);
        let voters = self.history.voters().with_updated(own);
        let first = leader.accumulator.next();
        self.history.set_kraft_version(first, level);
        self.history.set_voters(first.next(), voters.clone());
        let records = [ControlRecord::KRaftVersion(level), ControlRecord::Voters(voters)];
        leader.accumulator.append_control(now.wall, &records);
    }

    /// Steps down for good, as before a shutdown. What was taken but not sealed is dropped.
    pub fn resign(&mut self, out: &mut Vec<Effect>) {
        if let State::Leader(leader) = &self.state {
            self.state = State::Resigned(Resigned {
                epoch: leader.epoch,
                deadline: None,
            });
            out.push(Effect::Deposed);
        }
    }

    /// Stands for election: sounds out the voters first, and at once becomes candidate if nobody else has to agree.
    fn stand(&mut self, now: Now, out: &mut Vec<Effect>) {
        let votes = Votes::begin(self.history.voters(), &self.config.own);
        let election = self.state.election(self.config.own);
        let deadline = self.election_deadline(now.instant);
        let prospective = Prospective {
            election,
            votes,
            deadline,
        };
        let won = prospective.votes.is_won();
        self.state = State::Prospective(prospective);
        if won {
            self.become_candidate(now, out);
        }
    }

    fn become_candidate(&mut self, now: Now, out: &mut Vec<Effect>) {
        let votes = Votes::begin(self.history.voters(), &self.config.own);
        let won = votes.is_won();
        let epoch = LeaderEpoch(self.state.epoch().0.checked_add(1).expect("fewer than 2^31 elections"));
        let deadline = self.election_deadline(now.instant);
        self.state = State::Candidate(Candidate { epoch, votes, deadline });
        self.persist(out);
        if won {
            self.become_leader(now, out);
        }
    }

    fn become_leader(&mut self, now: Now, out: &mut Vec<Effect>) {
        let granting = match &self.state {
            State::Candidate(candidate) => candidate.votes.granted().collect(),
            State::Unattached(_) | State::Prospective(_) | State::Leader(_) | State::Resigned(_) => {
                unreachable!("only a candidate wins an election")
            }
        };
        let epoch = self.state.epoch();
        let accumulator = Accumulator::new(epoch, self.shape.end(), self.config.max_batch);
        let mut leader = Leader::new(epoch, self.history.voters(), accumulator);
        let start = leader.start();
        let mut records = vec![ControlRecord::LeaderChange {
            leader: self.config.own.id,
            voters: self.history.voters().ids().collect(),
            granting,
        }];
        records.extend(self.voters_to_write(start.next()));
        leader.accumulator.append_control(now.wall, &records);
        self.state = State::Leader(Box::new(leader));
        self.persist(out);
        out.push(Effect::Leading { epoch, start });
    }

    /// KIP-853: the leader writes the voters if they are known from the bootstrap snapshot only, which nobody replicates,
    /// or if it is reached elsewhere than they say.
    fn voters_to_write(&mut self, offset: Offset) -> Vec<ControlRecord> {
        let level = self.history.kraft_version();
        if level < 1 {
            return Vec::new();
        }
        let voters = self.history.voters();
        let updated = voters.with_updated(own_voter(&self.config));
        if self.history.voters_are_replicated() && updated == *voters {
            return Vec::new();
        }
        self.history.set_kraft_version(offset, level);
        self.history.set_voters(offset.next(), updated.clone());
        vec![ControlRecord::KRaftVersion(level), ControlRecord::Voters(updated)]
    }

    fn persist(&self, out: &mut Vec<Effect>) {
        out.push(Effect::Persist(self.state.election(self.config.own)));
    }

    /// The election timeout and up to as much again, so that two voters rarely stand at the same moment.
    fn election_deadline(&mut self, now: Instant) -> Instant {
        let timeout = self.config.election_timeout;
        let jitter = self
            .rng
            .below(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).max(1));
        now.plus(timeout).plus(Duration::from_millis(jitter))
    }
}

fn check_quorum(config: &RaftConfig, history: &QuorumHistory) -> Result<(), StartError> {
    let voters = history.voters();
    let Some(first) = voters.iter().next() else {
        return Err(StartError::NoVoters);
    };
    if voters.len() > 1 {
        let ids: Vec<String> = voters.ids().map(|id| id.to_string()).collect();
        return Err(StartError::SeveralVoters {
            voters: voters.len(),
            ids: ids.join(", "),
        });
    }
    if !voters.contains(&config.own) {
        return Err(StartError::NotTheVoter {
            own: config.own,
            voter: first.key,
        });
    }
    Ok(())
}

/// This replica as it is to stand in the voter set.
fn own_voter(config: &RaftConfig) -> Voter {
    Voter {
        key: config.own,
        endpoints: config.endpoints.clone(),
        kraft_versions: KRaftVersionRange::SUPPORTED,
    }
}

/// As Kafka resumes: a log newer than the quorum state wins over it, a former leader comes back resigned.
fn initial_state(config: &RaftConfig, persisted: QuorumState, shape: &LogShape, deadline: Instant) -> State {
    if shape.last_epoch() > persisted.epoch {
        let election = QuorumState {
            epoch: shape.last_epoch(),
            leader: None,
            voted: None,
        };
        return State::Unattached(Unattached { election, deadline });
    }
    if persisted.leader == Some(config.own.id) {
        return State::Resigned(Resigned {
            epoch: persisted.epoch,
            deadline: Some(deadline),
        });
    }
    State::Unattached(Unattached {
        election: persisted,
        deadline,
    })
}

#[cfg(test)]
mod tests;
