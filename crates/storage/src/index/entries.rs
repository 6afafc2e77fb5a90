//! A file of fixed-size entries in ascending order, whose last ones are in memory.
//!
//! Kafka maps its index files and preallocates them. Here new entries collect in memory and reach the file in blocks:
//! an idle partition costs nothing, an append almost never waits for the file, and a file cut after its last entry is
//! as valid to Kafka as a preallocated one. What a crash loses is rebuilt by recovery, as Kafka rebuilds it.

use super::file::IndexFile;
use crate::error::is_full;
use base::fs::{File, is_out_of_descriptors};
use std::io;
use std::sync::Arc;

/// Entries kept in memory before the older half is written out.
const TAIL_MAX: usize = 256;
/// Entries left in memory then.
const TAIL_KEPT: usize = 128;
/// A range this short is read in one go.
const BLOCK: u32 = 512;

/// The entries of one index.
#[derive(Debug)]
pub(crate) struct Entries<const N: usize> {
    /// Open from when it is needed: a short index is wholly in memory.
    file: Arc<IndexFile>,
    /// Entries in the file.
    stored: u32,
    /// Whether there is more in the file than that.
    has_rest: bool,
    /// The number of the first entry in memory.
    tail_from: u32,
    tail: Vec<[u8; N]>,
}

/// The entries of an index that are in its file only; searched without holding its lock.
#[derive(Debug)]
pub(crate) struct Stored<const N: usize> {
    file: Arc<IndexFile>,
    count: u32,
    /// The number of an entry near which the point may be.
    guess: Option<u32>,
}

/// The neighbours of the point where a condition stops to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Around<const N: usize> {
    /// The last entry for which it holds.
    pub(crate) last: Option<[u8; N]>,
    /// The first for which it does not.
    pub(crate) next: Option<[u8; N]>,
}

/// What a search in memory came to.
#[derive(Debug)]
pub(crate) enum Search<const N: usize> {
    /// It ended in memory.
    Found(Around<N>),
    /// It goes on in the file; `next` follows what is there.
    InFile {
        /// Where to go on.
        stored: Stored<N>,
        /// The entry after the file's.
        next: Option<[u8; N]>,
    },
}

impl<const N: usize> Entries<N> {
    /// The entries in `file`; a part of an entry at the end, or zeros that a crash left, are passed over.
    pub(crate) fn load(file: Arc<IndexFile>) -> io::Result<Self> {
        let opened = file.open()?;
        // One read tells both what is in a short index and that it is short.
        let mut head = vec![[0; N]; TAIL_KEPT + 1];
        let read = opened.read_at(head.as_flattened_mut(), 0)?;
        let is_whole = read < head.as_flattened().len();
        let len = if is_whole { read as u64 } else { opened.len()? };
        let mut entries = Self {
            stored: u32::try_from(len / N as u64).unwrap_or(u32::MAX),
            has_rest: false,
            tail_from: 0,
            tail: Vec::new(),
            file,
        };
        if is_whole {
            head.truncate(read / N);
            head.truncate(without_zeros(&head));
            entries.stored = head.len() as u32;
            entries.tail = head;
            entries.file.close();
        } else {
            entries.stored = entries.in_file().without_zeros()?;
            entries.tail_from = entries.stored;
        }
        entries.has_rest = len != u64::from(entries.stored) * N as u64;
        Ok(entries)
    }

    fn in_file(&self) -> Stored<N> {
        Stored {
            file: Arc::clone(&self.file),
            count: self.stored,
            guess: None,
        }
    }

    /// An index without entries, in a file that is empty.
    pub(crate) fn empty(file: Arc<IndexFile>) -> Self {
        Self {
            file,
            stored: 0,
            has_rest: false,
            tail_from: 0,
            tail: Vec::new(),
        }
    }

    /// The index's files have new names.
    pub(crate) fn moved_to(&self, name: &str) {
        self.file.moved_to(name);
    }

    pub(crate) fn len(&self) -> u32 {
        self.tail_from + self.tail.len() as u32
    }

    pub(crate) fn last(&self) -> io::Result<Option<[u8; N]>> {
        match (self.tail.last(), self.len()) {
            (Some(entry), _) => Ok(Some(*entry)),
            (None, 0) => Ok(None),
            (None, count) => read_entry(&*self.file.open()?, count - 1).map(Some),
        }
    }

    pub(crate) fn push(&mut self, entry: [u8; N]) -> io::Result<()> {
        self.tail.push(entry);
        if self.tail.len() >= TAIL_MAX {
            match self.write_out() {
                // They stay in memory until there is space again, or a descriptor; as long as there is none, few more can come.
                Err(error) if is_full(error.kind()) || is_out_of_descriptors(&error) => return Ok(()),
                written => written?,
            }
            let dropped = self.tail.len() - TAIL_KEPT;
            self.tail.drain(..dropped);
            self.tail_from += dropped as u32;
        }
        Ok(())
    }

    /// Brings the file up to date.
    pub(crate) fn write_out(&mut self) -> io::Result<()> {
        let unsaved = &self.tail[(self.stored - self.tail_from) as usize..];
        if !unsaved.is_empty() {
            self.file
                .open()?
                .write_at(unsaved.as_flattened(), u64::from(self.stored) * N as u64)?;
            self.stored = self.len();
        }
        Ok(())
    }

    /// Brings the file up to date and cuts it after the last entry; memory is given back.
    pub(crate) fn trim(&mut self) -> io::Result<()> {
        self.write_out()?;
        if self.has_rest {
            self.file.open()?.set_len(u64::from(self.stored) * N as u64)?;
            self.has_rest = false;
        }
        if self.tail.len() > TAIL_KEPT {
            self.tail = Vec::new();
            self.tail_from = self.stored;
        }
        Ok(())
    }

    /// Keeps the first entries for which `keep` holds.
    pub(crate) fn truncate(&mut self, keep: impl Fn(&[u8; N]) -> bool) -> io::Result<()> {
        self.write_out()?;
        self.stored = self.in_file().partition_point(keep)?;
        self.tail
            .truncate((self.stored.saturating_sub(self.tail_from)) as usize);
        self.tail_from = self.tail_from.min(self.stored);
        self.file.open()?.set_len(u64::from(self.stored) * N as u64)?;
        self.has_rest = false;
        Ok(())
    }

    /// Whether `ordered` holds for every two neighbours, and for the first with none before it. Reads the whole file.
    pub(crate) fn are_all(&self, ordered: impl Fn(Option<&[u8; N]>, &[u8; N]) -> bool) -> io::Result<bool> {
        let mut all = vec![[0; N]; self.stored.min(self.tail_from) as usize];
        if !all.is_empty() {
            read_exactly(&*self.file.open()?, all.as_flattened_mut(), 0)?;
        }
        let mut before = None;
        for entry in all.iter().chain(&self.tail) {
            if !ordered(before, entry) {
                return Ok(false);
            }
            before = Some(entry);
        }
        Ok(true)
    }

    /// Finds where `holds` stops to hold, as far as memory goes.
    pub(crate) fn search(&self, holds: impl Fn(&[u8; N]) -> bool) -> Search<N> {
        let point = self.tail.partition_point(holds);
        let next = self.tail.get(point).copied();
        if point == 0 && self.tail_from > 0 {
            let stored = Stored {
                file: Arc::clone(&self.file),
                count: self.tail_from,
                guess: None,
            };
            return Search::InFile { stored, next };
        }
        let last = point.checked_sub(1).map(|at| self.tail[at]);
        Search::Found(Around { last, next })
    }
}

impl<const N: usize> Search<N> {
    /// If the search goes on in the file, it begins where `guess` thinks, given the number of the first entry in memory and
    /// that entry. A bad guess costs a read more.
    pub(crate) fn near(mut self, guess: impl FnOnce(u32, &[u8; N]) -> u32) -> Self {
        if let Self::InFile {
            stored,
            next: Some(next),
        } = &mut self
        {
            stored.guess = Some(guess(stored.count, next));
        }
        self
    }

    /// Ends the search, reading the file if need be; `holds` is the same as before.
    pub(crate) fn finish(self, holds: impl Fn(&[u8; N]) -> bool) -> io::Result<Around<N>> {
        match self {
            Self::Found(around) => Ok(around),
            Self::InFile { stored, next } => {
                let found = stored.around(holds)?;
                Ok(Around {
                    last: found.last,
                    next: found.next.or(next),
                })
            }
        }
    }
}

impl<const N: usize> Stored<N> {
    fn partition_point(&self, holds: impl Fn(&[u8; N]) -> bool) -> io::Result<u32> {
        let (from, block) = self.block_around(&holds)?;
        Ok(from + block.partition_point(holds) as u32)
    }

    /// The neighbours of that point; of a short index in one read.
    fn around(&self, holds: impl Fn(&[u8; N]) -> bool) -> io::Result<Around<N>> {
        let (from, block) = self.block_around(&holds)?;
        let point = block.partition_point(holds);
        let last = match (from, point) {
            (0, 0) => None,
            (from, 0) => Some(read_entry(&*self.file.open()?, from - 1)?),
            (_, point) => Some(block[point - 1]),
        };
        let next = match block.get(point) {
            Some(entry) => Some(*entry),
            None if from + (point as u32) < self.count => Some(read_entry(&*self.file.open()?, from + point as u32)?),
            None => None,
        };
        Ok(Around { last, next })
    }

    /// The entries among which the point is, or behind which, and the number of the first.
    fn block_around(&self, holds: impl Fn(&[u8; N]) -> bool) -> io::Result<(u32, Vec<[u8; N]>)> {
        let file = self.file.open()?;
        let (mut low, mut high) = (0, self.count);
        if let Some(guess) = self.guess.filter(|_| self.count > BLOCK) {
            let from = guess.min(self.count).saturating_sub(BLOCK / 4);
            let to = (from + BLOCK / 2).min(self.count);
            let block = read_block(&*file, from, to)?;
            match block.partition_point(&holds) {
                0 if from > 0 => high = from,
                point if point == block.len() && to < self.count => low = to,
                _ => return Ok((from, block)),
            }
        }
        while high - low > BLOCK {
            let middle = low + (high - low) / 2;
            if holds(&read_entry(&*file, middle)?) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok((low, read_block(&*file, low, high)?))
    }

    /// How many entries there are before the zeros of a preallocated file. The first entry may be zeros itself.
    fn without_zeros(&self) -> io::Result<u32> {
        if self.count <= 1 || read_entry::<N>(&*self.file.open()?, self.count - 1)? != [0; N] {
            return Ok(self.count);
        }
        let first = read_entry::<N>(&*self.file.open()?, 0)?;
        let rest = Stored {
            file: Arc::clone(&self.file),
            count: self.count,
            guess: None,
        };
        let count = rest.partition_point(|entry: &[u8; N]| *entry != [0; N])?;
        Ok(if first == [0; N] { 0 } else { count })
    }
}

/// How many entries there are before the zeros at the end. The first may be zeros itself.
fn without_zeros<const N: usize>(entries: &[[u8; N]]) -> usize {
    match entries {
        [_, .., last] if *last == [0; N] => entries
            .iter()
            .rposition(|entry| *entry != [0; N])
            .map_or(0, |last| last + 1),
        _ => entries.len(),
    }
}

fn read_block<const N: usize>(file: &dyn File, from: u32, to: u32) -> io::Result<Vec<[u8; N]>> {
    let mut block = vec![[0; N]; (to - from) as usize];
    read_exactly(file, block.as_flattened_mut(), u64::from(from) * N as u64)?;
    Ok(block)
}

fn read_entry<const N: usize>(file: &dyn File, number: u32) -> io::Result<[u8; N]> {
    let mut entry = [0; N];
    read_exactly(file, &mut entry, u64::from(number) * N as u64)?;
    Ok(entry)
}

fn read_exactly(file: &dyn File, buffer: &mut [u8], position: u64) -> io::Result<()> {
    if file.read_at(buffer, position)? < buffer.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::Home;
    use base::fs::{Fs, Open, RealFs};
    use std::path::Path;

    /// An index's file, and the same file for the test to look at.
    fn index_in(dir: &Path) -> (Arc<IndexFile>, Arc<dyn File>) {
        let home = Arc::new(Home::new(Arc::new(RealFs), dir));
        let file = RealFs.open(&dir.join("f"), Open::Create).expect("created");
        (IndexFile::new(home, "f".to_owned()), file)
    }

    fn number(entry: &[u8; 8]) -> u64 {
        u64::from_be_bytes(*entry)
    }

    fn find(entries: &Entries<8>, target: u64) -> Around<8> {
        let holds = |entry: &[u8; 8]| number(entry) <= target;
        let found = entries.search(holds).finish(holds).expect("read");
        let right = u32::try_from(target / 10).expect("few entries");
        for guess in [0, right.saturating_sub(200), right, right + 1, right + 300, u32::MAX] {
            let near = entries.search(holds).near(|_, _| guess);
            assert_eq!(near.finish(holds).expect("read"), found, "{target} near {guess}");
        }
        found
    }

    #[test]
    fn searches_find_entries_in_memory_and_in_the_file() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (index, file) = index_in(dir.path());
        let mut entries = Entries::<8>::empty(Arc::clone(&index));
        let count = 3000_u64;
        for at in 1..=count {
            entries.push((at * 10).to_be_bytes()).expect("pushed");
        }
        let check = |entries: &Entries<8>, top: u64| {
            for target in (0..top * 10 + 20).step_by(7) {
                let around = find(entries, target);
                let floor = (target / 10).min(top);
                assert_eq!(
                    around.last.as_ref().map(number),
                    (floor > 0).then_some(floor * 10),
                    "target {target}"
                );
                let next = (floor < top).then_some((floor + 1) * 10);
                assert_eq!(around.next.as_ref().map(number), next, "target {target}");
            }
        };
        check(&entries, count);
        assert!(
            file.len().expect("a length") < count * 8,
            "the last entries are not written yet"
        );
        entries.trim().expect("trimmed");
        assert_eq!(file.len().expect("a length"), count * 8);
        check(&entries, count);
        entries.truncate(|entry| number(entry) <= 12_345).expect("truncated");
        check(&entries, 1234);
        entries.push(12_350_u64.to_be_bytes()).expect("pushed");
        check(&entries, 1235);
        entries.write_out().expect("written");
        let again = Entries::<8>::load(index).expect("loaded");
        check(&again, 1235);
        assert_eq!(again.last().expect("read").map(|entry| number(&entry)), Some(12_350));
    }

    #[test]
    fn zeros_of_a_preallocated_file_are_no_entries() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (index, file) = index_in(dir.path());
        file.set_len(80_003).expect("extended");
        assert_eq!(Entries::<8>::load(Arc::clone(&index)).expect("loaded").len(), 0);
        file.write_at(&[1; 24], 0).expect("written");
        assert_eq!(Entries::<8>::load(index).expect("loaded").len(), 3);
    }
}
