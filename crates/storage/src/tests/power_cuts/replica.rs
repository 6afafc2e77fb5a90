//! The log of such a history, what it should have, and what of it was flushed.

use super::*;
use crate::Durability;
use records::ReplicatedBatches;
use std::collections::BTreeMap;
use std::error::Error;

/// What a step says that the power cut short.
pub(super) type Step = Result<(), Box<dyn Error>>;

/// A batch, wherever it is: its base offset, epoch and checksum.
type Written = (i64, i32, u32);

pub(super) struct Replica {
    config: Arc<LogConfig>,
    pub(super) log: Log,
    /// What the log has now, from some offset on.
    kept: Vec<BatchHeader>,
    /// All that it ever had.
    ever: BTreeMap<Written, Vec<u8>>,
    /// What was cut off when another leader had something else there, and what it followed: a third leader may have it still.
    fork: Option<(Option<BatchHeader>, Vec<BatchHeader>)>,
    /// Up to where it was flushed.
    durable: Offset,
    epoch: LeaderEpoch,
    /// What the checkpoint files say.
    recovery_point: Offset,
    log_start: Offset,
}

fn written(header: &BatchHeader) -> Written {
    (header.base_offset.0, header.partition_leader_epoch.0, header.crc)
}

pub(super) fn options(disk: &Disk) -> LogOptions {
    LogOptions::new(
        Arc::new(disk.clone()),
        dir().join("t-0"),
        TopicPartition::new("t", 0),
        NOW,
    )
}

impl Replica {
    pub(super) fn new(disk: &Disk, rng: &mut Rng) -> Self {
        let config = Arc::new(LogConfig {
            segment_bytes: 1500 + rng.below(4000) as u32,
            index_interval_bytes: rng.below(600) as u32,
            retention_ms: -1,
            durability: match rng.below(3) {
                0 => Durability::Os,
                _ => Durability::Flush,
            },
            compact: rng.below(3) == 0,
            ..LogConfig::default()
        });
        let mut log = Log::open(LogOptions {
            config: Arc::clone(&config),
            ..options(disk)
        })
        .expect("opened");
        flush(&mut log);
        Self {
            config,
            log,
            kept: Vec::new(),
            ever: BTreeMap::new(),
            fork: None,
            durable: Offset::ZERO,
            epoch: EPOCH,
            recovery_point: Offset::ZERO,
            log_start: Offset::ZERO,
        }
    }

    pub(super) fn open(&mut self, disk: &Disk) {
        self.log = Log::open(LogOptions {
            config: Arc::clone(&self.config),
            recovery_point: self.recovery_point,
            log_start_offset: self.log_start,
            ..options(disk)
        })
        .expect("opened");
    }

    /// What is there after a start is what there is.
    pub(super) fn takes_over(&mut self) {
        self.kept = stored(&self.log);
        // After a cut behind a gap, the end was where no batch is.
        self.durable = self.durable.min(self.log.log_end_offset());
    }

    /// After a start: what is there is flushed before it is served, and written down.
    pub(super) fn serve(&mut self) -> Step {
        self.flush()?;
        self.checkpoint();
        let last = self.log.latest_epoch().unwrap_or(EPOCH);
        self.epoch = LeaderEpoch(self.epoch.max(last).0 + 1);
        Ok(())
    }

    pub(super) fn append(&mut self, rng: &mut Rng) -> Step {
        for _ in 0..=rng.below(2) {
            // Often as long as what was cut off.
            let (count, size) = (1 + rng.below(2) as usize, 60 * rng.below(2) as usize);
            let batch = batch(count, size, NOW.0 + rng.below(1000) as i64);
            let gap = match self.config.compact && rng.below(4) == 0 {
                true => rng.below(5) as i64,
                false => 0,
            };
            let base = self.log.log_end_offset().plus(gap);
            self.append_bytes([&batch.header_at(base, self.epoch)[..], batch.body()].concat())?;
        }
        Ok(())
    }

    fn append_bytes(&mut self, bytes: Vec<u8>) -> Step {
        let batches = ReplicatedBatches::verify(bytes.clone().into())?;
        let header = *batches.batches().flatten().next().expect("one").header();
        self.ever.insert(written(&header), bytes);
        self.log.append_as_follower(&batches, NOW)?;
        self.kept.push(header);
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Step {
        self.log.flush(Instant::ZERO)?;
        self.durable = self.durable.max(self.log.recovery_point());
        match self.log.wants_room() {
            Some(room) => Ok(self.log.make_room_now(&room)?),
            None => Ok(()),
        }
    }

    /// As a follower does whose leader has other data from a batch on.
    pub(super) fn truncate(&mut self, rng: &mut Rng) -> Step {
        let back = match rng.below(4) {
            0 => rng.below(40),
            _ => rng.below(5),
        };
        let at = self.kept.len().saturating_sub(back as usize);
        let Some(first) = self.kept.get(at) else { return Ok(()) };
        let offset = first.base_offset;
        if offset < self.log.log_start_offset() {
            return Ok(());
        }
        if rng.below(2) == 0 {
            let before = at.checked_sub(1).map(|before| self.kept[before]);
            self.fork = Some((before, self.kept[at..].to_vec()));
        }
        self.cut(at, offset)
    }

    /// As a follower does whose leader has what was cut off before: in an earlier epoch than what it has now.
    pub(super) fn rejoin(&mut self, rng: &mut Rng) -> Step {
        let Some((before, cut_off)) = self.fork.take() else {
            return Ok(());
        };
        let at = match before {
            Some(before) => self.kept.iter().position(|kept| *kept == before).map(|at| at + 1),
            None => Some(0),
        };
        let Some((at, first)) = at.and_then(|at| Some((at, self.kept.get(at)?))) else {
            return Ok(());
        };
        // After a gap, each of them may have begun elsewhere.
        let offset = first.base_offset.min(cut_off[0].base_offset);
        if offset < self.log.log_start_offset() {
            return Ok(());
        }
        self.cut(at, offset)?;
        for header in cut_off.iter().take(1 + rng.below(3) as usize) {
            self.append_bytes(self.ever[&written(header)].clone())?;
        }
        Ok(())
    }

    /// Removes the batches from number `at` on, and whatever begins at `offset`. The checkpoint is written before anything is appended.
    fn cut(&mut self, at: usize, offset: Offset) -> Step {
        let fs = self.log.home.fs.clone();
        self.durable = self.durable.min(offset);
        self.kept.truncate(at);
        let doomed = self.log.truncate_to(offset, NOW)?;
        self.recovery_point = self.recovery_point.min(offset);
        self.epoch = LeaderEpoch(self.epoch.0 + 1);
        Ok(doomed.remove(&*fs)?)
    }

    pub(super) fn checkpoint(&mut self) {
        self.recovery_point = self.log.noted_recovery_point();
        self.log_start = self.log.log_start_offset();
    }

    pub(super) fn retain(&mut self, rng: &mut Rng) -> Step {
        let (start, flushed) = (self.log.log_start_offset(), self.log.recovery_point());
        let span = flushed.since(start).max(0) as u64;
        self.log.advance_log_start(start.plus(rng.below(span / 3 + 1) as i64))?;
        if rng.below(2) == 0 {
            // The broker writes the log's start down before segments go.
            self.log_start = self.log.log_start_offset();
            let doomed = self.log.delete_old_segments(flushed, NOW)?;
            doomed.remove(&*self.log.home.fs.clone())?;
        }
        Ok(())
    }

    /// After a kill all is there.
    pub(super) fn check_all(&self, told: &str) {
        self.check_up_to(Offset(i64::MAX), told);
    }

    /// After a power cut all is there that was flushed.
    pub(super) fn check(&self, told: &str) {
        self.check_up_to(self.durable, told);
    }

    /// The log has all up to `durable`, and then nothing but what it once had, of one history.
    fn check_up_to(&self, durable: Offset, told: &str) {
        let start = self.log.log_start_offset();
        assert!(start >= self.log_start, "{told}");
        let found = stored(&self.log);
        let is_due = |header: &&BatchHeader| header.next_offset() <= durable;
        let due = self.kept.iter().take_while(is_due);
        let due: Vec<_> = due
            .filter(|header| header.last_offset() >= start)
            .map(written)
            .collect();
        let has: Vec<_> = found.iter().map(written).collect();
        assert!(has.starts_with(&due), "{told}: {has:?} is there, {due:?} was to be");
        let was = has.iter().all(|batch| self.ever.contains_key(batch));
        assert!(was, "{told}: {has:?}");
        for pair in found.windows(2) {
            assert!(pair[1].base_offset >= pair[0].next_offset(), "{told}: {has:?}");
            let is_next = pair[1].base_offset == pair[0].next_offset();
            assert!(is_next || self.config.compact, "{told}: {has:?}");
            let ascends = pair[1].partition_leader_epoch >= pair[0].partition_leader_epoch;
            assert!(ascends, "{told}: {has:?}");
        }
        // The log's start may have come back, while the file of epochs begins where it was.
        let earliest = self.log.epochs.earliest().map(|earliest| earliest.start_offset);
        let is_known = |header: &&BatchHeader| earliest.is_some_and(|from| header.base_offset >= from);
        for header in found.iter().filter(is_known) {
            let known = self.log.epoch_for_offset(header.base_offset);
            assert_eq!(known, Some(header.partition_leader_epoch), "{told}: {has:?}");
        }
    }
}

/// All batches of a log, which may end above the last of them.
pub(super) fn stored(log: &Log) -> Vec<BatchHeader> {
    let (view, mut found) = (log.view(), Vec::<BatchHeader>::new());
    let mut next = view.log_start_offset();
    while next < view.log_end_offset() {
        let bytes = read_all(&view, next, 10_000);
        if bytes.is_empty() {
            break;
        }
        for batch in batches(&bytes).map_while(Result::ok) {
            batch.check().expect("a good checksum");
            if batch.header().last_offset() >= next {
                next = batch.header().next_offset();
                found.push(*batch.header());
            }
        }
    }
    found
}
