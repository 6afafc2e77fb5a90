//! The one owner of the metadata log: runs operations in order, writes their records, and answers when they are committed.
//!
//! It lives on a thread of its own, because it waits for the disk. Operations that arrive while it does are decided
//! together and share the next flush; nobody waits for more to come (`controller.quorum.append.linger.ms` is an upper
//! bound that is never reached).

use crate::active_controller::ActiveController;
use crate::error::QuorumError;
use crate::operation::{Answer, Operation, Refused};
use crate::publisher::Publisher;
use crate::registration::Registration;
use crate::replica::Replica;
use crate::snapshotter::Snapshotter;
use base::{Clock, Instant, LeaderEpoch, NodeId, Offset, Rng};
use bytes::Bytes;
use controller::{ControllerSettings, ControllerState, OpContext, Origin, Periodic, Sessions};
use coordinator_runtime::{Atomicity, Outcome, Runtime, Settled};
use metadata::record_version::record_version;
use protocol::metadata_records::MetadataRecord;
use raft::Cut;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How many operations share a flush at most.
const GROUP: usize = 512;
/// The driver looks around at least so often.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// What comes through the driver's queue.
pub(crate) enum Command {
    /// For the controller to decide.
    Operate {
        operation: Box<dyn Operation>,
        origin: Origin,
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
    pub(crate) periodic: Periodic,
    pub(crate) rng: Rng,
}

/// See the module.
pub(crate) struct Driver {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) replica: Replica,
    pub(crate) runtime: Runtime<ControllerState, Answer>,
    pub(crate) desk: Desk,
    /// This node's own broker until the first office: whatever incarnation of it is registered ended with the process
    /// before this one, so nobody has to wait for its session to run out.
    pub(crate) previous_life: Option<NodeId>,
    pub(crate) publisher: Publisher,
    pub(crate) snapshotter: Snapshotter,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) registration: Registration,
    /// What a new cluster begins with.
    pub(crate) bootstrap: Vec<MetadataRecord>,
    /// The epoch in which this node is the active controller.
    pub(crate) active: Option<LeaderEpoch>,
    pub(crate) log_ends: watch::Sender<LogEnds>,
    pub(crate) announced: watch::Sender<ActiveController>,
}

/// Where the log ends and what of it is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogEnds {
    pub(crate) end: Offset,
    pub(crate) high_watermark: Offset,
}

impl LogEnds {
    /// Nothing is known yet.
    pub(crate) const NONE: Self = Self {
        end: Offset::NONE,
        high_watermark: Offset::NONE,
    };
}

enum Next {
    Command(Command),
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
        tokio::select! {
            biased;
            command = self.commands.recv() => command.map_or(Next::Stop, Next::Command),
            () = self.snapshotter.finished() => Next::Deadline,
            () = tokio::time::sleep(sleep) => Next::Deadline,
        }
    }

    fn until_deadline(&self) -> Duration {
        let periodic = self
            .active
            .map(|_| self.desk.periodic.next_deadline(&self.desk.sessions));
        let deadlines = [self.replica.raft.next_deadline(), periodic, self.snapshotter.deadline()];
        let next: Option<Instant> = deadlines.into_iter().flatten().min();
        next.map_or(LONGEST_SLEEP, |next| next.since(self.clock.now()).min(LONGEST_SLEEP))
    }

    /// Decides what is in the queue, up to a group; returns whether it is time to stop.
    fn take_group(&mut self, first: Command) -> bool {
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(command) = next {
            match command {
                Command::Operate { operation, origin } => self.operate(operation, origin),
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
        if self.active.is_none() {
            return operation.refuse(Refused::NotController);
        }
        let decision = self.decide(origin, |state, context, _| operation.decide(state, context));
        if let Some(level) = decision.kraft_version {
            self.replica.upgrade_kraft_version(level);
            self.follow_machine();
        }
        self.write(decision.outcome);
    }

    fn decide<T>(
        &mut self,
        origin: Origin,
        decide: impl FnOnce(&ControllerState, &mut OpContext<'_>, &mut Periodic) -> T,
    ) -> T {
        let mut context = OpContext {
            now: self.clock.now(),
            next_offset: self.runtime.end(),
            kraft_version: self.replica.raft.history().kraft_version(),
            origin,
            settings: &self.desk.settings,
            sessions: &mut self.desk.sessions,
            rng: &mut self.desk.rng,
        };
        decide(self.runtime.latest(), &mut context, &mut self.desk.periodic)
    }

    /// Control records of the machine take offsets too.
    fn follow_machine(&mut self) {
        if let Some(next) = self.replica.raft.next_offset() {
            self.runtime.skip_to(next);
        }
    }

    /// Hands an outcome's records to the machine and its answer to the runtime.
    pub(crate) fn write(&mut self, outcome: Outcome<MetadataRecord, Answer>) {
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
        self.take_office();
        let progress = self.replica.settle()?;
        if progress.deposed {
            self.active = None;
            self.fail_everything();
        }
        if let Some(high_watermark) = progress.high_watermark {
            let answers = self.runtime.commit(high_watermark);
            // First the picture, then the answers: who was told of a topic finds it.
            let kraft_version = self.replica.raft.history().kraft_version();
            self.publisher
                .publish(self.runtime.committed(), high_watermark, kraft_version);
            for answer in answers {
                answer(Ok(()));
            }
        }
        let ends = LogEnds {
            end: self.replica.log.end(),
            high_watermark: self.replica.high_watermark,
        };
        self.announce();
        self.log_ends
            .send_if_modified(|known| std::mem::replace(known, ends) != ends);
        Ok(())
    }

    /// Tells the rest of the node who the active controller is.
    fn announce(&self) {
        let now = ActiveController {
            id: self.active.map(|_| self.replica.raft.own().id),
            epoch: self.replica.raft.epoch(),
            address: None,
        };
        self.announced.send_if_modified(|known| {
            let differs = *known != now;
            *known = now;
            differs
        });
    }

    /// A new leader's first writes, which go to the disk together with the start of its epoch.
    fn take_office(&mut self) {
        let leading = self.replica.raft.leading();
        if leading.is_none() || leading == self.active {
            return;
        }
        self.active = leading;
        self.follow_machine();
        let now = self.clock.now();
        let desk = &mut self.desk;
        desk.sessions = Sessions::activate(desk.settings.session_timeout, self.runtime.latest(), now);
        if let Some(own) = self.previous_life.take() {
            desk.sessions.end(own);
        }
        desk.periodic = Periodic::activate(&desk.settings, now);
        let first = controller::activate(self.runtime.latest(), &desk.settings, &self.bootstrap);
        self.write(first.map(nobody));
        self.register();
    }

    /// Registers this controller, if it is not or no longer registered.
    fn register(&mut self) {
        if let Some(outcome) = self.registration.due(self.runtime.latest()) {
            self.write(outcome.map(nobody));
        }
    }

    /// Does what the controller has to do by the clock.
    fn tick(&mut self) {
        if self.active.is_none() {
            return;
        }
        self.register();
        // Each turn does one task, and moves its deadline or removes what was due.
        while self.desk.periodic.next_deadline(&self.desk.sessions) <= self.clock.now() {
            let outcome = self.decide(Origin::Direct, |state, context, periodic| {
                periodic.on_timeout(state, context)
            });
            self.write(outcome.map(nobody));
        }
    }

    /// Every parked answer is refused: what it rests on will not be committed by this leader.
    fn fail_everything(&mut self) {
        let end = self.runtime.committed_end();
        for answer in self.runtime.revert(end) {
            answer(Err(Refused::NotController));
        }
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
        self.replica.log.close()
    }
}

/// The answer to what the controller did on its own.
fn nobody((): ()) -> Answer {
    Box::new(|_| ())
}
