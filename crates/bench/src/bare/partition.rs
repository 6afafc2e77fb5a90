//! Topics: a file for each partition, and where in it each batch begins.

use anyhow::{Context, Result, ensure};
use base::Uuid;
use base::fs::{File, FileRegion, Fs, Open, RealFs};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a batch has its checksum, what that covers, and how many offsets it takes.
const CHECKSUM: usize = 17;
const CHECKED_FROM: usize = 21;
const LAST_OFFSET: usize = 23;

/// Every topic there is.
pub struct Topics {
    dir: PathBuf,
    names: BTreeMap<String, Uuid>,
    topics: BTreeMap<Uuid, Vec<Partition>>,
    made: u64,
}

impl Topics {
    /// None yet.
    pub fn new(dir: PathBuf) -> Result<Self> {
        RealFs.create_dir(&dir)?;
        Ok(Self {
            dir,
            names: BTreeMap::new(),
            topics: BTreeMap::new(),
            made: 0,
        })
    }

    /// A topic's id.
    pub fn id(&self, name: &str) -> Option<Uuid> {
        self.names.get(name).copied()
    }

    /// A topic's partitions.
    pub fn of(&self, topic: Uuid) -> &[Partition] {
        self.topics.get(&topic).map_or(&[], Vec::as_slice)
    }

    /// One of them.
    pub fn partition(&mut self, topic: Uuid, number: i32) -> Option<&mut Partition> {
        self.topics.get_mut(&topic)?.get_mut(usize::try_from(number).ok()?)
    }

    /// Makes a topic, or gives it more partitions.
    pub fn make(&mut self, name: &str, partitions: i32) -> Result<()> {
        let id = self.id(name).unwrap_or_else(|| {
            self.made += 1;
            Uuid(u128::from(self.made).to_be_bytes())
        });
        self.names.insert(name.to_owned(), id);
        let own = self.topics.entry(id).or_default();
        for number in own.len()..usize::try_from(partitions)? {
            let path = self.dir.join(format!("{name}-{number}.log"));
            own.push(Partition::new(path)?);
        }
        Ok(())
    }

    /// Removes a topic and its files.
    pub fn remove(&mut self, name: &str) -> Result<()> {
        let id = self.names.remove(name).context("the topic is known")?;
        for partition in self.topics.remove(&id).unwrap_or_default() {
            RealFs.remove_file(&partition.path)?;
        }
        Ok(())
    }
}

/// A file of batches.
pub struct Partition {
    path: PathBuf,
    file: Arc<dyn File>,
    size: u64,
    /// The offset of the next record.
    pub end: i64,
    /// The first offset of each batch, and where it begins.
    batches: Vec<(i64, u64)>,
}

impl Partition {
    fn new(path: PathBuf) -> Result<Self> {
        Ok(Self {
            file: RealFs.open(&path, Open::Create)?,
            path,
            size: 0,
            end: 0,
            batches: Vec::new(),
        })
    }

    /// Appends a batch whose checksum is right, and gives back its first offset.
    pub fn append(&mut self, batch: &mut [u8]) -> Result<i64> {
        let sum = records::checksum::crc32c(batch.get(CHECKED_FROM..).context("a batch")?);
        ensure!(
            batch[CHECKSUM..CHECKED_FROM] == sum.to_be_bytes(),
            "the checksum is wrong"
        );
        let last = *batch[LAST_OFFSET..].first_chunk().context("a batch")?;
        let first = self.end;
        batch[..8].copy_from_slice(&first.to_be_bytes());
        self.file.write_at(batch, self.size)?;
        self.batches.push((first, self.size));
        self.size += batch.len() as u64;
        self.end += i64::from(i32::from_be_bytes(last)) + 1;
        Ok(first)
    }

    /// Whole batches from an offset on, of at most so many bytes, but at least one; nothing at the end.
    pub fn read(&self, from: i64, most: u64) -> Option<FileRegion> {
        if from >= self.end {
            return None;
        }
        let first = self
            .batches
            .partition_point(|(offset, _)| *offset <= from)
            .checked_sub(1)?;
        let position = self.batches[first].1;
        let after = self.batches.partition_point(|(_, begin)| *begin <= position + most);
        let end_of = |at: usize| self.batches.get(at).map_or(self.size, |(_, begin)| *begin);
        let end = match after == self.batches.len() && self.size <= position + most {
            true => self.size,
            false => end_of((after - 1).max(first + 1)),
        };
        Some(FileRegion {
            file: Arc::clone(&self.file),
            position,
            len: u32::try_from(end - position).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::produce;
    use base::Timestamp;
    use records::BatchBuilder;

    fn batch(records: usize) -> Vec<u8> {
        let mut builder = BatchBuilder::new();
        for _ in 0..records {
            builder.append(Timestamp(0), None, Some(&[b'v'; 50]), &[]);
        }
        builder.build().to_bytes().to_vec()
    }

    #[test]
    fn whole_batches_are_read_from_the_one_that_has_the_offset() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut topics = Topics::new(dir.path().join("data")).expect("made");
        topics.make("topic", 2).expect("made");
        let id = topics.id("topic").expect("known");
        let size = batch(3).len() as u64;
        let partition = topics.partition(id, 1).expect("there are two");
        let firsts: Vec<i64> = (0..4)
            .map(|_| partition.append(&mut batch(3)).expect("appended"))
            .collect();
        assert_eq!(firsts, [0, 3, 6, 9]);
        assert!(partition.append(&mut [0; 100]).is_err(), "its checksum is wrong");
        let read = |from, most| {
            partition
                .read(from, most)
                .map(|region| (region.position, u64::from(region.len)))
        };
        assert_eq!(read(0, 10 * size), Some((0, 4 * size)));
        assert_eq!(read(4, 2 * size), Some((size, 2 * size)));
        assert_eq!(read(4, 2 * size - 1), Some((size, size)));
        assert_eq!(read(11, 1), Some((3 * size, size)), "at least one");
        assert_eq!(read(12, size), None);
        topics.remove("topic").expect("removed");
        assert!(topics.of(id).is_empty() && !produce::is_one(b"abc"));
    }
}
