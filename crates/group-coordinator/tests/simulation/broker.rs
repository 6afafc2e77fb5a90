//! The coordinator's side: a log that holds back, fails and loses its tail, and the coordinators that follow each other on
//! it. It checks itself after every step.

use crate::fold::Fold;
use base::{Instant, Offset, ProducerId, Rng, Timestamp};
use bytes::Bytes;
use coordinator_runtime::{Outcome as RuntimeOutcome, Runtime, Settled, Shard};
use group_coordinator::record::TransactionEnd;
use group_coordinator::state::Membership;
use group_coordinator::{
    Answer, Completion, GroupCoordinator, GroupRecord, GroupSettings, GroupState, Lost, Moment, Outcome, Picture,
    Reply, Token,
};
use protocol::ErrorCode;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// One record as it lies in the log.
#[derive(Clone, Debug)]
enum Entry {
    Data(Bytes, Option<Bytes>, ProducerId),
    Marker(ProducerId, TransactionEnd),
}

/// How the log behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// What is appended will be committed.
    Takes,
    /// What is appended is not committed for now.
    Holds,
    /// Nothing can be appended.
    Fails,
}

/// A coordinator at work.
struct Serving {
    coordinator: GroupCoordinator,
    runtime: Runtime<GroupState, Completion>,
}

pub struct Broker {
    log: Vec<Entry>,
    /// Where batches end: no crash leaves half of one.
    batches: Vec<usize>,
    serving: Option<Serving>,
    pub mood: Mood,
    pub picture: Picture,
    settings: GroupSettings,
    /// Counts coordinators: no two have the same random numbers.
    incarnation: u64,
    seed: u64,
    answered: BTreeSet<Token>,
    answers: Vec<(Token, Answer)>,
    /// What the committed part of the log means, by rules of its own.
    fold: Fold,
    /// What it means by the coordinator's replay, batch by batch.
    told: GroupState,
    folded: usize,
    /// Each group's kind, its epoch or generation, and whether it had members, after the last batch that is committed.
    epochs: BTreeMap<Arc<str>, (u8, i32, bool)>,
    checks: u64,
}

impl Broker {
    pub fn new(seed: u64, settings: GroupSettings) -> Self {
        Self {
            log: Vec::new(),
            batches: vec![0],
            serving: None,
            mood: Mood::Takes,
            picture: Picture::default(),
            settings,
            incarnation: 0,
            seed,
            answered: BTreeSet::new(),
            answers: Vec::new(),
            fold: Fold::default(),
            told: GroupState::default(),
            folded: 0,
            epochs: BTreeMap::new(),
            checks: 0,
        }
    }

    pub fn is_up(&self) -> bool {
        self.serving.is_some()
    }

    /// A coordinator takes over the log; all that is in it is committed now.
    pub fn begin(&mut self, now: u64) {
        self.incarnation += 1;
        let state = replayed(&self.log);
        let rng = Rng::from_seed(self.seed << 16 | self.incarnation);
        let picture = self.picture.clone();
        let coordinator = GroupCoordinator::take_over(&state, self.settings.clone(), picture, rng, moment(now));
        let end = Offset(i64::try_from(self.log.len()).unwrap());
        self.serving = Some(Serving {
            coordinator,
            runtime: Runtime::new(state, end),
        });
        self.check();
    }

    /// The coordinator is gone at once, and with it what was not committed, or a part of that.
    pub fn crash(&mut self, rng: &mut Rng) {
        let Some(serving) = self.serving.take() else { return };
        self.cut(&serving, rng);
    }

    /// The partition is led elsewhere: who waits is told.
    pub fn resign(&mut self, now: u64, rng: &mut Rng) {
        let Some(mut serving) = self.serving.take() else { return };
        for completion in serving.runtime.revert(serving.runtime.committed_end()) {
            let _ = serving.coordinator.lost(completion, Lost::NotLeader, moment(now));
        }
        serving.coordinator.resign();
        self.collect(&mut serving);
        self.cut(&serving, rng);
    }

    fn cut(&mut self, serving: &Serving, rng: &mut Rng) {
        let committed = usize::try_from(serving.runtime.committed_end().0).unwrap();
        let held: Vec<usize> = self.batches.iter().copied().filter(|end| *end >= committed).collect();
        let end = held[usize::try_from(rng.below(held.len() as u64)).unwrap()];
        self.log.truncate(end);
        self.batches.retain(|batch| *batch <= end);
    }

    /// Runs an operation of whoever `token` is, if there is a coordinator.
    pub fn run(&mut self, now: u64, operation: impl FnOnce(&mut GroupCoordinator, &GroupState, Moment) -> Outcome) {
        let Some(mut serving) = self.serving.take() else { return };
        let outcome = operation(&mut serving.coordinator, serving.runtime.latest(), moment(now));
        self.write(&mut serving, outcome, now);
        self.serving = Some(serving);
    }

    /// A transaction's marker arrives; it is answered like an operation once it is committed.
    pub fn mark(&mut self, now: u64, producer: ProducerId, end: TransactionEnd, token: Token) {
        if self.mood == Mood::Fails {
            return;
        }
        let Some(mut serving) = self.serving.take() else { return };
        self.log.push(Entry::Marker(producer, end));
        self.batches.push(self.log.len());
        serving
            .runtime
            .write(&[GroupRecord::TransactionEnd { producer, end }])
            .unwrap();
        let done = Completion::Reply(Reply {
            to: token,
            answer: Answer::Heartbeat(ErrorCode::None),
        });
        if let Settled::Due(completion) = serving.runtime.settle(done) {
            serving.coordinator.committed(completion, moment(now));
        }
        self.collect(&mut serving);
        self.serving = Some(serving);
    }

    fn write(&mut self, serving: &mut Serving, outcome: Outcome, now: u64) {
        let mut next = outcome;
        loop {
            let RuntimeOutcome { records, response, .. } = next;
            if records.is_empty() && response == Completion::Nothing {
                break;
            }
            if self.mood == Mood::Fails && !records.is_empty() {
                next = serving.coordinator.lost(response, Lost::Replicas, moment(now));
                continue;
            }
            for record in &records {
                self.log.push(entry(record));
            }
            self.batches.push(self.log.len());
            serving.runtime.write(&records).unwrap();
            if let Settled::Due(completion) = serving.runtime.settle(response) {
                serving.coordinator.committed(completion, moment(now));
            }
            break;
        }
        self.collect(serving);
    }

    /// Everything that is due by the clock.
    pub fn tick(&mut self, now: u64) {
        let Some(mut serving) = self.serving.take() else { return };
        while let Some(outcome) = serving.coordinator.on_timeout(serving.runtime.latest(), moment(now)) {
            self.write(&mut serving, outcome, now);
        }
        self.serving = Some(serving);
    }

    pub fn next_deadline(&self) -> Option<u64> {
        let deadline = self.serving.as_ref()?.coordinator.next_deadline()?;
        Some(u64::try_from(deadline.since_zero().as_millis()).unwrap())
    }

    /// What was appended is committed, if the log is not held back.
    pub fn commit(&mut self, now: u64) {
        if self.mood == Mood::Holds {
            return;
        }
        let Some(mut serving) = self.serving.take() else { return };
        for completion in serving.runtime.commit(serving.runtime.end()) {
            serving.coordinator.committed(completion, moment(now));
        }
        self.collect(&mut serving);
        self.serving = Some(serving);
        self.check();
    }

    pub fn see(&mut self, picture: Picture) {
        self.picture = picture;
        if let Some(serving) = &mut self.serving {
            serving.coordinator.see(serving.runtime.latest(), self.picture.clone());
        }
    }

    fn collect(&mut self, serving: &mut Serving) {
        for reply in serving.coordinator.take_replies() {
            assert!(self.answered.insert(reply.to), "{:?} was answered twice", reply.to);
            self.answers.push((reply.to, reply.answer));
        }
    }

    pub fn take_answers(&mut self) -> Vec<(Token, Answer)> {
        std::mem::take(&mut self.answers)
    }

    pub fn coordinator(&mut self) -> Option<&mut GroupCoordinator> {
        self.serving.as_mut().map(|serving| &mut serving.coordinator)
    }

    /// The state that can no longer be undone.
    pub fn committed(&self) -> Option<&GroupState> {
        self.serving.as_ref().map(|serving| serving.runtime.committed())
    }

    /// Where a group is, in Kafka's words.
    pub fn phase(&self, group: &str) -> String {
        let Some(serving) = &self.serving else {
            return "down".into();
        };
        let state = serving.runtime.committed();
        if let Some(group) = state.consumer(group) {
            return group.phase().name().into();
        }
        let described = group_coordinator::op::describe_groups::describe_group(&serving.coordinator, state, group);
        described.map_or_else(|_| "none".into(), |group| group.group_state)
    }

    /// The committed state is what the log says, by the coordinator's own replay and by other rules; epochs never go back.
    fn check(&mut self) {
        let Some(serving) = &self.serving else { return };
        let end = usize::try_from(serving.runtime.committed_end().0).unwrap();
        if self.folded == end {
            return;
        }
        assert!(self.folded < end, "what was committed is gone");
        for at in self.folded..end {
            let record = record(&self.log[at]);
            self.fold.add(at, &record);
            self.told.replay(Offset(i64::try_from(at).unwrap()), &record).unwrap();
            if self.batches.binary_search(&(at + 1)).is_ok() {
                check_epochs(&mut self.epochs, &self.told);
            }
        }
        self.folded = end;
        let state = serving.runtime.committed();
        self.fold.check(state);
        self.checks += 1;
        if self.checks % 32 == 1 {
            let again = format!("{:?}", replayed(&self.log[..end]));
            assert_eq!(
                format!("{state:?}"),
                again,
                "the log does not say what the coordinator knows"
            );
        }
    }
}

/// Epochs never go back from one batch to the next. Looking only at what is committed at once would not do: in one step of
/// the high watermark an empty group may become one of the other protocol and then one of its own again.
fn check_epochs(epochs: &mut BTreeMap<Arc<str>, (u8, i32, bool)>, state: &GroupState) {
    for (id, stored) in state.groups() {
        let (kind, epoch, is_empty) = match &stored.membership {
            Membership::Classic(metadata) => (1, metadata.generation, metadata.members.is_empty()),
            Membership::Consumer(group) => (2, group.epoch, group.is_empty()),
            Membership::None => (0, 0, true),
        };
        let known = epochs.insert(Arc::clone(id), (kind, epoch, is_empty));
        // A group without members that becomes one of the other protocol begins anew, as in Kafka.
        if let Some((before, last, was_empty)) = known {
            let begins_anew = before != kind && was_empty;
            assert!(
                begins_anew || epoch >= last,
                "{id} goes back from epoch {last} to {epoch}"
            );
        }
    }
}

fn entry(record: &GroupRecord) -> Entry {
    let producer = match record {
        GroupRecord::Offset { producer, .. } => *producer,
        _ => ProducerId::NONE,
    };
    let (key, value) = record.encode().unwrap();
    let again = GroupRecord::decode(&key, value.as_ref(), producer).unwrap();
    assert_eq!(again.as_ref(), Some(record), "a record does not come back as it went");
    Entry::Data(key, value, producer)
}

fn record(entry: &Entry) -> GroupRecord {
    match entry {
        Entry::Data(key, value, producer) => GroupRecord::decode(key, value.as_ref(), *producer).unwrap().unwrap(),
        Entry::Marker(producer, end) => GroupRecord::TransactionEnd {
            producer: *producer,
            end: *end,
        },
    }
}

fn replayed(log: &[Entry]) -> GroupState {
    let mut state = GroupState::default();
    for (offset, entry) in (0..).map(Offset).zip(log) {
        state.replay(offset, &record(entry)).unwrap();
    }
    state
}

pub fn moment(now: u64) -> Moment {
    Moment {
        now: Instant::from_zero(Duration::from_millis(now)),
        wall: Timestamp(i64::try_from(now).unwrap()),
    }
}
