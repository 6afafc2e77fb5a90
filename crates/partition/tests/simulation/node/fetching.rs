//! The follower's side: one fetch at a time.

use super::{Flight, Running, Surroundings, Timer};
use crate::message::{Answer, Body, FetchError, Place};
use partition::{FetchPosition, LeaderAnswer, LeaderExtent, NextFetch, ReplicateError};
use records::ReplicatedBatches;

/// After how long a follower asks again.
const PATIENCE: u64 = 250;

impl Running {
    pub(super) fn fetch_next(&mut self, around: &mut Surroundings<'_>) {
        if self.fetch.as_ref().is_some_and(|flight| flight.until > around.now) {
            return;
        }
        self.fetch = None;
        let Some(partition) = &self.partition else { return };
        if partition.unnoted_cut().is_some() && !self.checkpoint_is_due {
            self.checkpoint_is_due = true;
            around.timers.push((around.rng.below(5), Timer::CheckpointNow));
        }
        match partition.next_fetch() {
            NextFetch::At(asked) => {
                let id = around.id();
                let body = Body::Fetch {
                    id,
                    asked,
                    broker_epoch: self.epoch.expect("it has a role"),
                };
                self.ask(asked, id, body, around);
            }
            // The flush that is under way, or the next, wakes it.
            NextFetch::AfterCheckpoint | NextFetch::AfterFlush(_) | NextFetch::Nothing => {}
        }
    }

    fn ask(&mut self, asked: FetchPosition, id: u64, body: Body, around: &mut Surroundings<'_>) {
        let until = around.now + PATIENCE;
        self.fetch = Some(Flight { id, what: (), until });
        around.timers.push((PATIENCE, Timer::Look));
        self.send(Place::Node(asked.leader), body, around);
    }

    fn is_landed(&mut self, id: u64) -> bool {
        let is_it = self.fetch.as_ref().is_some_and(|flight| flight.id == id);
        if is_it {
            self.fetch = None;
        }
        is_it
    }

    /// Asks again a little later.
    fn back_off(&mut self, around: &mut Surroundings<'_>) {
        let pause = 5 + around.rng.below(20);
        let (id, until) = (around.id(), around.now + pause);
        self.fetch = Some(Flight { id, what: (), until });
        around.timers.push((pause, Timer::Look));
    }

    /// Answers are given to the partition even if they come much too late: it must know.
    pub(super) fn fetched(
        &mut self,
        id: u64,
        asked: &FetchPosition,
        answer: Result<Answer, FetchError>,
        around: &mut Surroundings<'_>,
    ) {
        let is_in_time = self.is_landed(id);
        let wall = around.wall();
        let Some(partition) = &mut self.partition else { return };
        match answer {
            Ok(answer) => {
                let answer = LeaderAnswer {
                    high_watermark: answer.high_watermark,
                    log_start_offset: answer.log_start_offset,
                    diverging: answer.diverging,
                    records: ReplicatedBatches::verify(answer.records).unwrap(),
                };
                match partition.replicate(asked, &answer, wall) {
                    Ok((_, wakes)) => wakes.fire(),
                    Err(ReplicateError::Stale) => {}
                    // It halts for that.
                    Err(_) if partition.log().is_offline() => {}
                    Err(error) => panic!("{}: {error} at {asked:?}", self.node),
                }
            }
            Err(FetchError::OutOfRange) if is_in_time => {
                let id = around.id();
                let asked = *asked;
                self.ask(asked, id, Body::ListOffsets { id, asked }, around);
            }
            Err(FetchError::Refused) if is_in_time => self.back_off(around),
            Err(_) => {}
        }
    }

    pub(super) fn extent(
        &mut self,
        id: u64,
        asked: &FetchPosition,
        extent: Option<LeaderExtent>,
        around: &mut Surroundings<'_>,
    ) {
        let is_in_time = self.is_landed(id);
        let wall = around.wall();
        let Some(partition) = &mut self.partition else { return };
        match extent {
            Some(extent) => match partition.out_of_range(asked, extent, wall) {
                Ok((_, wakes)) => wakes.fire(),
                Err(ReplicateError::Stale) => {}
                Err(_) if partition.log().is_offline() => {}
                Err(error) => panic!("{}: {error} at {asked:?}", self.node),
            },
            None if is_in_time => self.back_off(around),
            None => {}
        }
    }
}
