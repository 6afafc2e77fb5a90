//! Making room ahead of logs that are flushed often and little at a time (ADR 18), beside the flushes and never in their way.

use super::everyone_in;
use crate::Broker;
use crate::log_dirs::LogDir;
use crate::partitions::Hosted;
use base::fs::{File, Fs};
use std::io;
use std::ops::Range;
use std::sync::Arc;
use storage::{Room, RoomStep, StorageError, is_spacious};

/// About so many bytes are written ahead at once: what is to be flushed meanwhile comes after them on the disk. Where more partitions
/// wait than this, more: then it is worse that they go without.
const TOGETHER: u64 = 512 << 10;
const FEW: usize = 8;
const MOST_TOGETHER: u64 = 4 << 20;

/// Where little is to be flushed, zeros go to the device so many bytes at a time, and what is to be flushed meanwhile waits for no more
/// than that. Where much is, that would come too late.
const PIECE: u64 = 256 << 10;

/// How zeros are handed to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// A piece at a time.
    Gentle,
    /// As they come.
    Quick,
}

/// A partition that wants room.
#[derive(Debug)]
pub struct Wanted {
    pub(super) hosted: Arc<Hosted>,
    pub(super) room: Room,
}

/// Makes the rooms that are wanted.
pub(super) fn make(broker: &Broker, dir: &LogDir, wanted: &[Arc<Wanted>]) {
    let together = (TOGETHER * (wanted.len() / FEW).max(1) as u64).min(MOST_TOGETHER);
    let mut left = wanted;
    while !left.is_empty() {
        let mut bytes = 0;
        let count = left.iter().take_while(|one| {
            let fits = bytes < together;
            bytes += one.room.bytes();
            fits
        });
        let (some, later) = left.split_at(count.count());
        left = later;
        if dir.is_offline() || !is_spacious(broker.fs.as_ref(), &dir.path) {
            some.iter().for_each(|one| one.failed());
            continue;
        }
        make_some(broker, dir, some);
    }
}

fn make_some(broker: &Broker, dir: &LogDir, wanted: &[Arc<Wanted>]) {
    let pace = match broker.flushes.is_light(dir) {
        true => Pace::Gentle,
        false => Pace::Quick,
    };
    // A sync that fails is the disk's failure (rule 8).
    if let Err(error) = write_and_sync(&*broker.fs, wanted, pace) {
        dir.take_offline(&StorageError::from(error));
        everyone_in(broker, dir).fire();
    }
}

/// At once, and not by the next flush: that is waited for.
fn write_and_sync(fs: &dyn Fs, wanted: &[Arc<Wanted>], pace: Pace) -> io::Result<()> {
    let (mut written, mut files) = (Vec::new(), Vec::new());
    for one in wanted {
        if let Some(file) = one.write() {
            if pace == Pace::Gentle {
                one.write_out(&*file)?;
            }
            files.push(file);
            written.push(one);
        }
    }
    fs.sync_together(&files, &[])?;
    for one in written {
        one.hosted.lock_quietly().log_mut().room_is_safe(&one.room);
    }
    Ok(())
}

impl Wanted {
    /// Writes it, with the partition locked for a short piece at a time; the file to be synced.
    fn write(&self) -> Option<Arc<dyn File>> {
        loop {
            let step = self.hosted.lock_quietly().log_mut().make_room(&self.room);
            match step {
                Ok(RoomStep::More) => {}
                Ok(RoomStep::Written(file)) => return Some(file),
                Ok(RoomStep::Void) => return None,
                // There is no space for it, say; who appends learns of that by itself.
                Err(_) => {
                    self.failed();
                    return None;
                }
            }
        }
    }

    /// An error is that of a sync, whatever of the file it concerns: the kernel tells it once, and no later sync would.
    fn write_out(&self, file: &dyn File) -> io::Result<()> {
        let Range { start: mut from, end } = self.room.range();
        while from < end {
            let until = end.min(from + PIECE);
            file.write_out(from..until)?;
            from = until;
        }
        Ok(())
    }

    fn failed(&self) {
        self.hosted.lock_quietly().log_mut().room_failed(&self.room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partitions::watched::Watched;
    use base::{Instant, Timestamp};
    use records::BatchBuilder;
    use std::time::Duration;
    use storage::LogConfig;

    /// A partition that was flushed often, a little at a time, and wants room.
    fn wanting() -> (Watched, Arc<Wanted>) {
        let watched = Watched::new(LogConfig::default());
        for at in 1..=8 {
            let mut builder = BatchBuilder::new();
            builder.append(Timestamp(1), None, Some(&[b'v'; 100]), &[]);
            watched.append(builder.build());
            let now = Instant::from_zero(Duration::from_millis(at));
            watched.hosted.lock().log_mut().flush(now).expect("flushed");
        }
        let room = watched.hosted.lock().log_mut().wants_room().expect("flushes are small");
        let hosted = Arc::clone(&watched.hosted);
        (watched, Arc::new(Wanted { hosted, room }))
    }

    #[test]
    fn what_cannot_be_written_out_is_a_failed_sync_whatever_the_next_one_answers() {
        for (pace, is_told) in [(Pace::Gentle, true), (Pace::Quick, false)] {
            let (watched, wanted) = wanting();
            watched.fs.fail_to_write_out();
            let result = write_and_sync(&*watched.fs, &[wanted], pace);
            assert_eq!(result.is_err(), is_told, "{pace:?}: {result:?}");
        }
        let (watched, wanted) = wanting();
        write_and_sync(&*watched.fs, &[wanted], Pace::Gentle).expect("the disk is well");
        assert!(watched.hosted.lock().log_mut().wants_room().is_none(), "there is room");
    }
}
