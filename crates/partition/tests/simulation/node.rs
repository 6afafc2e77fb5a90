//! A broker: a disk, and while it runs a partition with what a host does for it.

mod fetching;
mod flushing;
mod lifecycle;
mod serving;

use crate::controller::Version;
use crate::message::{Body, Message, Place};
use base::{BrokerEpoch, Instant, NodeId, Offset, Rng, Timestamp, Uuid};
use partition::{Brokers, IsrProposal, Partition};
use serving::{ParkedFetch, WaitingProduce};
use sim::Disk;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use storage::{Durability, Flush, LastShutdown};

pub const LOG_DIR: &str = "/n";
/// `replica.lag.time.max.ms`
pub const LAG: u64 = 300;

/// What a node does by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    Heartbeat,
    Metadata,
    Shrink,
    Checkpoint,
    /// Only after a cut of the log.
    CheckpointNow,
    RunFlush,
    FinishFlush,
    /// Time goes on: what waits may have waited long enough.
    Look,
}

/// What surrounds a node while something happens to it.
pub struct Surroundings<'a> {
    pub now: u64,
    pub rng: &'a mut Rng,
    pub versions: &'a [Version],
    /// No metadata comes from the controller.
    pub is_cut_off: bool,
    pub slowest_disk: u64,
    pub out: Vec<Message>,
    pub timers: Vec<(u64, Timer)>,
    pub next_id: &'a mut u64,
}

impl Surroundings<'_> {
    pub fn instant(&self) -> Instant {
        Instant::from_zero(Duration::from_millis(self.now))
    }

    pub fn wall(&self) -> Timestamp {
        Timestamp(1_700_000_000_000 + i64::try_from(self.now).unwrap())
    }

    pub fn id(&mut self) -> u64 {
        *self.next_id += 1;
        *self.next_id
    }
}

/// How a node ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It closed its log.
    Clean,
    /// Its process was killed.
    Killed,
    /// Its power was cut.
    PowerCut,
}

/// A request under way.
#[derive(Debug)]
struct Flight<T> {
    id: u64,
    what: T,
    until: u64,
}

pub struct Running {
    pub node: NodeId,
    pub partition: Option<Partition>,
    pub brokers: Arc<Brokers>,
    pub incarnation: Uuid,
    previous_epoch: i64,
    pub epoch: Option<BrokerEpoch>,
    last_shutdown: LastShutdown,
    /// Of all versions, how many it has applied.
    applied: usize,
    applied_end: Offset,
    /// It leads and follows: it has seen its own registration.
    has_roles: bool,
    fetch: Option<Flight<()>>,
    parked: Vec<ParkedFetch>,
    produces: Vec<WaitingProduce>,
    flush: Option<Flush>,
    flushed: Option<Result<(), storage::StorageError>>,
    alter: Option<Flight<IsrProposal>>,
    checkpoint_is_due: bool,
    shuts_down: bool,
    pub is_to_stop: Option<End>,
}

pub struct Node {
    pub id: NodeId,
    pub disk: Disk,
    pub running: Option<Box<Running>>,
    /// Counts the starts.
    pub life: u64,
    pub paused_until: u64,
    pub durability: Durability,
    min_insync: usize,
    /// Up to where its own word is good, also while it is down; none if it lost an unknown part.
    pub safe_end: Option<Offset>,
    pub last_end: End,
    /// The registration of this process is the one that counts.
    pub is_known_to_controller: bool,
    /// The log was cut or replaced since the last look.
    pub was_cut: bool,
}

impl Node {
    pub fn new(id: NodeId, durability: Durability, min_insync: usize) -> Self {
        Self {
            id,
            disk: Disk::with_dir(Path::new(LOG_DIR)),
            running: None,
            life: 0,
            paused_until: 0,
            durability,
            min_insync,
            safe_end: Some(Offset::ZERO),
            last_end: End::Clean,
            is_known_to_controller: false,
            was_cut: false,
        }
    }

    pub fn partition(&self) -> Option<&Partition> {
        self.running.as_ref()?.partition.as_ref()
    }

    pub fn on_message(&mut self, from: Place, body: Body, around: &mut Surroundings<'_>) {
        let Some(running) = &mut self.running else { return };
        match body {
            Body::Registered { incarnation, answer } => running.registered(incarnation, &answer),
            Body::Heard { broker_epoch, answer } => running.heard(broker_epoch, &answer),
            Body::Altered { id, answer } => running.altered(id, &answer),
            Body::Fetch {
                id,
                asked,
                broker_epoch,
            } => running.serve_fetch(from, id, asked, broker_epoch, around),
            Body::Fetched { id, asked, answer } => running.fetched(id, &asked, answer, around),
            Body::ListOffsets { id, asked } => running.serve_list_offsets(from, id, asked, around),
            Body::Extent { id, asked, extent } => running.extent(id, &asked, extent, around),
            Body::Produce(produce) => running.produce(from, produce, around),
            Body::Consume { id, at, epoch, read } => running.consume(from, (id, at, epoch), read, around),
            Body::Register(_)
            | Body::Heartbeat(_)
            | Body::AlterPartition { .. }
            | Body::Produced { .. }
            | Body::Consumed { .. } => {}
        }
        self.settle(around);
    }

    pub fn on_timer(&mut self, timer: Timer, around: &mut Surroundings<'_>) {
        let Some(running) = &mut self.running else { return };
        match timer {
            Timer::Heartbeat => running.heartbeat(around),
            Timer::Metadata => self.follow_metadata(around),
            Timer::Shrink => running.shrink_isr(around),
            Timer::Checkpoint => {
                running.checkpoint(&self.disk);
                around.timers.push((150 + around.rng.below(200), Timer::Checkpoint));
            }
            Timer::CheckpointNow => running.checkpoint(&self.disk),
            Timer::RunFlush => running.run_flush(around),
            Timer::FinishFlush => running.finish_flush(around),
            Timer::Look => {}
        }
        self.settle(around);
    }

    /// What an earlier process of this node flushed stays safe, although the next may know a smaller recovery point.
    fn note_safe_end(&mut self) {
        let Some(partition) = self.partition() else { return };
        let (end, own) = (partition.log().log_end_offset(), partition.log().acknowledged_end());
        self.safe_end = Some(self.safe_end.map_or(own, |before| before.min(end).max(own)));
    }

    /// What a host does after anything has changed.
    fn settle(&mut self, around: &mut Surroundings<'_>) {
        let Some(running) = &mut self.running else { return };
        running.answer_fetches(around);
        running.answer_produces(around);
        running.begin_flush(around);
        running.send_proposal(around);
        running.fetch_next(around);
        self.was_cut |= running
            .partition
            .as_ref()
            .is_some_and(|partition| partition.unnoted_cut().is_some());
        if running
            .partition
            .as_ref()
            .is_some_and(|partition| partition.log().is_offline())
        {
            // Its only directory is gone: it halts.
            running.is_to_stop = Some(End::PowerCut);
        }
        self.note_safe_end();
    }
}

impl Running {
    fn send(&self, to: Place, body: Body, around: &mut Surroundings<'_>) {
        let from = Place::Node(self.node);
        around.out.push(Message { from, to, body });
    }
}
