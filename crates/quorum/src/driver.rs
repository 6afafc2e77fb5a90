//! The one owner of the metadata log: runs operations in order, writes their records, and answers when they are committed.
//!
//! It lives on a thread of its own, because it waits for the disk. Operations that arrive while it does are decided
//! together and share the next flush; nobody waits for more to come (`controller.quorum.append.linger.ms` is an upper
//! bound that is never reached).

mod office;

use crate::active_controller::ActiveController;
use crate::error::QuorumError;
use crate::operation::{Answer as Reply, Operation, Refused};
use crate::peers::Outcome as Brought;
use crate::publisher::Publisher;
use crate::registration::Registration;
use crate::replica::Replica;
use crate::sign_of_life::LastWord;
use crate::snapshotter::Snapshotter;
use crate::standby::ControllerRuntime;
use base::{Clock, Instant, LeaderEpoch, NodeId, Offset, Rng};
use bytes::Bytes;
use controller::{ControllerSettings, ControllerState, MutationQuotas, OpContext, Origin, Periodic, Sessions};
use coordinator_runtime::{Atomicity, Outcome, Settled};
use metadata::record_version::record_version;
use protocol::metadata_records::MetadataRecord;
use raft::{Answer, Cut, Request};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// How many operations share a flush at most.
const GROUP: usize = 512;
/// The driver looks around at least so often.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// How long a leader that stops waits for the others to hear of it.
const FAREWELL: Duration = Duration::from_secs(1);

/// What comes through the driver's queue.
pub(crate) enum Command {
    /// For the controller to decide.
    Operate {
        operation: Box<dyn Operation>,
        origin: Origin,
    },
    /// For the machine to answer.
    Ask {
        request: Request,
        reply: oneshot::Sender<Answer>,
    },
    /// To look at, or tell, the replica itself.
    Inspect(Box<dyn FnOnce(&mut Replica) + Send>),
    /// To end cleanly.
    Stop,
}

/// The controller's state apart from the log.
pub(crate) struct Desk {
    pub(crate) settings: ControllerSettings,
    pub(crate) sessions: Sessions,
    pub(crate) mutations: MutationQuotas,
    pub(crate) periodic: Periodic,
    pub(crate) rng: Rng,
}

/// See the module.
pub(crate) struct Driver {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) replica: Replica,
    pub(crate) runtime: ControllerRuntime,
    pub(crate) desk: Desk,
    /// This node's own broker until the first office: whatever incarnation of it is registered ended with the process
    /// before this one, so nobody has to wait for its session to run out.
    pub(crate) previous_life: Option<NodeId>,
    pub(crate) publisher: Publisher,
    pub(crate) snapshotter: Snapshotter,
    pub(crate) commands: mpsc::Receiver<Command>,
    /// What the broker in the same process leaves.
    pub(crate) last_word: LastWord,
    /// What requests to other replicas brought.
    pub(crate) brought: mpsc::Receiver<Brought>,
    pub(crate) registration: Registration,
    /// What a new cluster begins with.
    pub(crate) bootstrap: Vec<MetadataRecord>,
    /// The epoch in which this node is the active controller.
    pub(crate) active: Option<LeaderEpoch>,
    pub(crate) log_ends: watch::Sender<LogEnds>,
    pub(crate) announced: watch::Sender<ActiveController>,
    /// The listener by which controllers reach one another.
    pub(crate) listener: String,
}

/// What fetches wait for a change of: where the log ends, what of it is committed, and whether this replica leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogEnds {
    pub(crate) end: Offset,
    pub(crate) high_watermark: Offset,
    /// The epoch that this replica leads.
    pub(crate) leading: Option<LeaderEpoch>,
}

impl LogEnds {
    /// Nothing is known yet.
    pub(crate) const NONE: Self = Self {
        end: Offset::NONE,
        high_watermark: Offset::NONE,
        leading: None,
    };
}

enum Next {
    Command(Command),
    Brought(Brought),
    Deadline,
    Stop,
}

impl Driver {
    /// Runs until told to stop, or until the disk fails.
    ///
    /// # Errors
    /// Why the metadata log is lost to this process.
    pub(crate) async fn run(mut self) -> Result<(), QuorumError> {
        let ran = self.serve().await;
        self.fail_everything();
        match ran {
            Ok(()) => self.close().await,
            Err(error) => {
                tracing::error!(%error, "the metadata log is lost to this process");
                Err(error)
            }
        }
    }

    async fn serve(&mut self) -> Result<(), QuorumError> {
        loop {
            match self.next().await {
                Next::Stop => return Ok(()),
                Next::Deadline => {}
                Next::Brought((id, outcome)) => self.replica.on_outcome(id, outcome),
                Next::Command(command) => {
                    if self.take_group(command) {
                        return Ok(());
                    }
                }
            }
            self.replica.on_timeout();
            self.tick();
            self.settle()?;
            self.snapshotter.run(&mut self.replica, &self.runtime)?;
        }
    }

    async fn next(&mut self) -> Next {
        let sleep = self.until_deadline();
        let flushed = self.replica.flush_ended();
        tokio::select! {
            biased;
            // Never `None`: the replica keeps a sender.
            Some(brought) = self.brought.recv() => Next::Brought(brought),
            command = self.commands.recv() => command.map_or(Next::Stop, Next::Command),
            () = flushed.notified() => Next::Deadline,
            () = self.snapshotter.finished() => Next::Deadline,
            () = network::thread::sleep(sleep) => Next::Deadline,
        }
    }

    fn until_deadline(&self) -> Duration {
        let periodic = self
            .active
            .map(|_| self.desk.periodic.next_deadline(&self.desk.sessions));
        let deadlines = [self.replica.raft.next_deadline(), periodic, self.snapshotter.deadline()];
        self.until(deadlines.into_iter().flatten().min())
    }

    fn until(&self, next: Option<Instant>) -> Duration {
        next.map_or(LONGEST_SLEEP, |next| next.since(self.clock.now()).min(LONGEST_SLEEP))
    }

    /// Decides what is in the queue, up to a group; returns whether it is time to stop.
    fn take_group(&mut self, first: Command) -> bool {
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(command) = next {
            match command {
                Command::Operate { operation, origin } => self.operate(operation, origin),
                Command::Ask { request, reply } => self.replica.on_request(request, reply),
                Command::Inspect(inspect) => inspect(&mut self.replica),
                Command::Stop => return true,
            }
            taken += 1;
            next = if taken < GROUP {
                self.commands.try_recv().ok()
            } else {
                None
            };
        }
        false
    }

    fn operate(&mut self, operation: Box<dyn Operation>, origin: Origin) {
        if self.active.is_none() || self.active != self.replica.raft.leading() {
            return operation.refuse(Refused::NotController);
        }
        let decision = self.decide(origin, |state, context, _| operation.decide(state, context));
        if let Some(level) = decision.kraft_version {
            if let Err(error) = self.replica.raft.check_kraft_version(level) {
                tracing::warn!(%error, level, "kraft.version is not raised");
                return (decision.outcome.response)(Err(Refused::KRaftVersion));
            }
            self.replica.upgrade_kraft_version(level);
        }
        self.write(decision.outcome);
    }

    fn decide<T>(
        &mut self,
        origin: Origin,
        decide: impl FnOnce(&ControllerState, &mut OpContext<'_>, &mut Periodic) -> T,
    ) -> T {
        self.follow_machine();
        self.last_word.take(self.runtime.latest(), &mut self.desk.sessions);
        let mut context = OpContext {
            now: self.clock.now(),
            next_offset: self.runtime.end(),
            kraft_version: self.replica.raft.history().kraft_version(),
            origin,
            settings: &self.desk.settings,
            sessions: &mut self.desk.sessions,
            mutations: &mut self.desk.mutations,
            rng: &mut self.desk.rng,
        };
        decide(self.runtime.latest(), &mut context, &mut self.desk.periodic)
    }

    /// Control records of the machine take offsets too: at the start of its epoch, and whenever the voters change.
    fn follow_machine(&mut self) {
        if let Some(next) = self.replica.raft.next_offset() {
            self.runtime.skip_to(next);
        }
    }

    /// Hands an outcome's records to the machine and its answer to the runtime.
    pub(crate) fn write(&mut self, outcome: Outcome<MetadataRecord, Reply>) {
        self.follow_machine();
        match self.append(&outcome.records, outcome.atomicity) {
            Ok(()) => {
                if let Settled::Due(answer) = self.runtime.settle(outcome.response) {
                    answer(Ok(()));
                }
            }
            Err(refused) => (outcome.response)(Err(refused)),
        }
    }

    fn append(&mut self, records: &[MetadataRecord], atomicity: Atomicity) -> Result<(), Refused> {
        if records.is_empty() {
            return Ok(());
        }
        let values = self.encode(records)?;
        let cut = match atomicity {
            Atomicity::Atomic => Cut::Never,
            Atomicity::Splittable => Cut::Anywhere,
        };
        self.replica.raft.admit(&values, cut).map_err(|error| match error {
            raft::AppendError::NotLeader => Refused::NotController,
            raft::AppendError::TooLarge(_) => Refused::TooLarge,
        })?;
        let first = self.runtime.end();
        self.runtime.write(records).map_err(|error| {
            tracing::error!(%error, "an operation decided on records that contradict the state; nothing was written");
            Refused::Contradiction
        })?;
        let appended = self.replica.raft.append(self.replica.now(), &values, cut);
        assert_eq!(
            appended,
            Ok(first),
            "what was admitted is taken, at the offset that the state knows"
        );
        self.publisher.note(records, self.runtime.end());
        Ok(())
    }

    fn encode(&self, records: &[MetadataRecord]) -> Result<Vec<Bytes>, Refused> {
        let mut version = self.runtime.latest().metadata_version();
        let mut values = Vec::with_capacity(records.len());
        for record in records {
            if let MetadataRecord::FeatureLevel(level) = record
                && level.name == metadata::MetadataVersion::FEATURE_NAME
            {
                version = metadata::MetadataVersion(level.feature_level);
            }
            let value = record.encode(record_version(record, version)).map_err(|error| {
                tracing::error!(%error, ?record, "a record cannot be written at the finalized metadata.version");
                Refused::Contradiction
            })?;
            values.push(value);
        }
        Ok(values)
    }

    /// Writes, flushes, commits, publishes and answers; takes office first, if this replica was elected.
    pub(crate) fn settle(&mut self) -> Result<(), QuorumError> {
        self.take_office()?;
        let progress = self.replica.settle()?;
        if progress.deposed {
            self.leave_office();
        }
        if let Some(installed) = progress.installed {
            self.take_over(installed);
        }
        self.follow_voters();
        if let Some(high_watermark) = progress.high_watermark {
            self.commit(high_watermark)?;
        }
        let ends = LogEnds {
            end: self.replica.log.end(),
            high_watermark: self.replica.high_watermark,
            leading: self.replica.raft.leading(),
        };
        self.announce();
        self.log_ends
            .send_if_modified(|known| std::mem::replace(known, ends) != ends);
        Ok(())
    }

    async fn close(mut self) -> Result<(), QuorumError> {
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Operate { operation, .. } = command {
                operation.refuse(Refused::NotController);
            }
        }
        self.snapshotter.wait().await;
        self.replica.resign();
        self.replica.settle()?;
        self.say_farewell().await?;
        self.replica.close()
    }

    /// A leader that stops waits until the others know, so that they elect another one at once.
    async fn say_farewell(&mut self) -> Result<(), QuorumError> {
        let patience = network::thread::sleep(FAREWELL);
        tokio::pin!(patience);
        while !self.replica.raft.may_stop() {
            // The machine's alone: nobody does an active controller's duties any more, and one that is due would be for ever.
            let sleep = self.until(self.replica.raft.next_deadline());
            tokio::select! {
                Some((id, outcome)) = self.brought.recv() => self.replica.on_outcome(id, outcome),
                () = network::thread::sleep(sleep) => self.replica.on_timeout(),
                () = &mut patience => return Ok(()),
            }
            self.replica.settle()?;
        }
        Ok(())
    }
}
