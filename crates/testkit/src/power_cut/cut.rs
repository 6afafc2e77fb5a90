//! What is on the disk after a power cut.

use super::disk::{Disk, Edit, File, FileChange};
use super::namespace::{NameChange, Namespace, NodeId, ROOT};
use anyhow::Result;
use base::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What a disk writes whole or not at all.
const SECTOR: u64 = 512;

/// How unflushed changes of names reach the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// In the order in which they were made, and with any flush that commits metadata, as ext4 and XFS do: then pages that
    /// were written out before such a commit are safe too.
    Journal,
    /// In order within each directory only, which is all that one may count on.
    EachDirectory,
}

/// What holds of bytes that were written over ones that were safe, and written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrittenOver {
    /// They are safe with the next flush of anything: it empties the drive's cache, and there is nothing to commit.
    InPlace,
    /// The same as of any others.
    AsAny,
}

/// One power cut.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// When, on the recording's clock: what had not returned then was in flight; what had not begun never was.
    pub at: u64,
    /// See [`Order`].
    pub order: Order,
    /// See [`WrittenOver`].
    pub written_over: WrittenOver,
}

/// What becomes of a file's changes that were not flushed.
#[derive(Clone, Copy)]
enum Luck {
    AllKept,
    AllLost,
    /// The first so many are kept, and the one after them in parts.
    Prefix(usize),
    /// Every sector of every write for itself.
    EachSector,
}

impl Disk {
    /// Writes the directory with all that was done, flushed or not, to `target`: what the running system sees.
    pub fn write_whole(&self, target: &Path) -> Result<()> {
        let mut names = self.base.clone();
        for change in &self.names {
            names.apply(change);
        }
        self.write(&names, target, |file| {
            let mut content = file.base.clone();
            for change in &file.changes {
                self.apply(&mut content, change, |_| true);
            }
            content
        })
    }

    /// Writes one of the directories that the cut may leave to `target`.
    pub fn write_after(&self, cut: Cut, rng: &mut Rng, target: &Path) -> Result<()> {
        let names = match cut.order {
            Order::Journal => self.names_in_order(cut.at, rng),
            Order::EachDirectory => self.names_by_directory(cut.at, rng),
        };
        let committed = self.committed_until(cut.at);
        self.write(&names, target, |file| self.content(file, committed, cut, rng))
    }

    /// What had been done to the names of a directory by then was flushed with it before the cut.
    fn flushed_until(&self, dir: NodeId, at: u64) -> Option<u64> {
        let syncs = self.dir_syncs.iter().filter(|(synced, ..)| *synced == dir);
        latest(syncs.map(|(_, begin, end)| (*begin, *end)), at)
    }

    /// What had been done to a file by then is on the disk for certain.
    fn safe_until(&self, file: &File, committed: Option<u64>, cut: Cut) -> Option<u64> {
        let flushed = latest(file.syncs.iter().copied(), cut.at);
        let written_out = committed
            .filter(|_| cut.order == Order::Journal)
            .and_then(|until| latest(file.written_out.iter().copied(), until));
        flushed.max(written_out)
    }

    /// Metadata that had been changed by then was committed before the cut.
    fn committed_until(&self, at: u64) -> Option<u64> {
        latest(self.commits.iter().copied(), at)
    }

    /// [`Disk::flushed_until`] of every directory whose names changed.
    fn flushed_dirs(&self, at: u64) -> BTreeMap<NodeId, Option<u64>> {
        let dirs: BTreeSet<NodeId> = self.names.iter().map(|change| change.dir).collect();
        dirs.into_iter().map(|dir| (dir, self.flushed_until(dir, at))).collect()
    }

    fn names_in_order(&self, at: u64, rng: &mut Rng) -> Namespace {
        let begun: Vec<&NameChange> = self.names.iter().filter(|change| change.begin <= at).collect();
        let committed = self.committed_until(at);
        let flushed = self.flushed_dirs(at);
        let is_kept = |change: &&NameChange| {
            let until = committed.max(flushed.get(&change.dir).copied().flatten());
            Some(change.end) <= until
        };
        let floor = begun.iter().rposition(is_kept).map_or(0, |last| last + 1);
        let kept = between(rng, floor, begun.len());
        let mut names = self.base.clone();
        for change in &begun[..kept] {
            names.apply(change);
        }
        names
    }

    fn names_by_directory(&self, at: u64, rng: &mut Rng) -> Namespace {
        let mut of_dir: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
        for (index, change) in self.names.iter().enumerate() {
            if change.begin <= at {
                of_dir.entry(change.dir).or_default().push(index);
            }
        }
        let mut kept: BTreeSet<usize> = BTreeSet::new();
        for (dir, changes) in &of_dir {
            let until = self.flushed_until(*dir, at);
            let is_flushed = |index: &usize| Some(self.names[*index].end) <= until;
            let flushed = changes.iter().rposition(is_flushed);
            let count = between(rng, flushed.map_or(0, |last| last + 1), changes.len());
            kept.extend(changes[..count].iter().copied());
        }
        let mut names = self.base.clone();
        for index in kept {
            names.apply(&self.names[index]);
        }
        names
    }

    fn content(&self, file: &File, committed: Option<u64>, cut: Cut, rng: &mut Rng) -> Vec<u8> {
        let safe = self.safe_until(file, committed, cut);
        let begun = file.changes.iter().filter(|change| change.begin <= cut.at);
        let emptied =
            latest(self.barriers.iter().copied(), cut.at).filter(|_| cut.written_over == WrittenOver::InPlace);
        let is_safe = |change: &FileChange| {
            Some(change.end) <= safe || change.written_over.is_some_and(|until| Some(until) <= emptied)
        };
        let begun: Vec<(&FileChange, bool)> = begun.map(|change| (change, is_safe(change))).collect();
        let open = begun.iter().filter(|(_, safe)| !safe).count();
        let luck = match rng.below(4) {
            0 => Luck::AllKept,
            1 => Luck::AllLost,
            2 => Luck::Prefix(between(rng, 0, open)),
            _ => Luck::EachSector,
        };
        let mut content = file.base.clone();
        let mut seen = 0;
        for (change, is_safe) in begun {
            if is_safe {
                self.apply(&mut content, change, |_| true);
                continue;
            }
            match luck {
                Luck::AllKept => self.apply(&mut content, change, |_| true),
                Luck::AllLost => {}
                Luck::Prefix(kept) if seen < kept => self.apply(&mut content, change, |_| true),
                Luck::Prefix(kept) if seen > kept => {}
                Luck::Prefix(_) | Luck::EachSector => self.apply(&mut content, change, |_| rng.below(2) == 0),
            }
            seen += 1;
        }
        content
    }

    /// Does a change to a file's content, of a write only the sectors that are kept; a length is kept as its first sector.
    fn apply(&self, content: &mut Vec<u8>, change: &FileChange, mut keeps: impl FnMut(u64) -> bool) {
        match &change.edit {
            Edit::SetLen(len) => {
                if keeps(0) {
                    content.resize(usize::try_from(*len).expect("test files are small"), 0);
                }
            }
            Edit::Write { at, data } => {
                let (mut from, end) = (*at, *at + data.len() as u64);
                while from < end {
                    let until = end.min((from / SECTOR + 1) * SECTOR);
                    if keeps(from / SECTOR) {
                        let part = data.start + index(from - at)..data.start + index(until - at);
                        write_at(content, index(from), &self.recording[part]);
                    }
                    from = until;
                }
            }
        }
    }

    fn write(&self, names: &Namespace, target: &Path, mut content: impl FnMut(&File) -> Vec<u8>) -> Result<()> {
        let mut todo = vec![(ROOT, target.to_owned())];
        while let Some((dir, path)) = todo.pop() {
            std::fs::create_dir_all(&path)?;
            for (name, node) in names.dirs.get(&dir).into_iter().flatten() {
                match self.files.get(node) {
                    Some(file) => std::fs::write(path.join(name), content(file))?,
                    None => todo.push((*node, path.join(name))),
                }
            }
        }
        Ok(())
    }
}

/// When the last began of those (begin, end) that had ended by `until`: what was done before that, they cover.
fn latest(flushes: impl Iterator<Item = (u64, u64)>, until: u64) -> Option<u64> {
    flushes.filter(|(_, end)| *end <= until).map(|(begin, _)| begin).max()
}

fn write_at(content: &mut Vec<u8>, from: usize, bytes: &[u8]) {
    let end = from + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[from..end].copy_from_slice(bytes);
}

fn index(position: u64) -> usize {
    usize::try_from(position).expect("test files are small")
}

fn between(rng: &mut Rng, low: usize, high: usize) -> usize {
    low + index(rng.below((high - low + 1) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power_cut::{differences, files};

    /// A recording made by hand of what one thread does: create a file, write, flush, write again.
    fn recorded(events: &[(u8, u64, u64, &str, &[u8])]) -> (tempfile::TempDir, Disk) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (root, trace) = (dir.path().join("root"), dir.path().join("trace"));
        std::fs::create_dir(&root).expect("created");
        let before = Disk::before(&root).expect("read");
        let mut bytes = Vec::new();
        for (time, (kind, inode, argument, path, data)) in (10u64..).step_by(10).zip(events) {
            let path = if path.is_empty() {
                String::new()
            } else {
                root.join(path).display().to_string()
            };
            let mut event = vec![*kind];
            for number in [time, time + 5, *inode, *argument] {
                event.extend_from_slice(&number.to_le_bytes());
            }
            for string in [path.as_bytes(), b"", data] {
                event.extend_from_slice(&u32::try_from(string.len()).expect("short").to_le_bytes());
                event.extend_from_slice(string);
            }
            bytes.extend_from_slice(&u32::try_from(event.len()).expect("short").to_le_bytes());
            bytes.extend_from_slice(&event);
        }
        std::fs::write(&trace, bytes).expect("written");
        let disk = before.recorded(&root, &trace).expect("it is a recording");
        (dir, disk)
    }

    fn outcomes(disk: &Disk, at: u64) -> BTreeSet<Option<Vec<u8>>> {
        let mut all = BTreeSet::new();
        for seed in 0..200 {
            let target = tempfile::tempdir().expect("a temporary directory");
            let order = if seed % 2 == 0 {
                Order::Journal
            } else {
                Order::EachDirectory
            };
            let cut = Cut {
                at,
                order,
                written_over: WrittenOver::InPlace,
            };
            disk.write_after(cut, &mut Rng::from_seed(seed), target.path())
                .expect("written");
            let found = files(target.path()).expect("read");
            all.insert(found.get(Path::new("f")).cloned().flatten());
        }
        all
    }

    const STORY: &[(u8, u64, u64, &str, &[u8])] = &[
        (1, 7, 0o100, "f", b""),  // 10: create f
        (2, 7, 0, "", b"first"),  // 20: write
        (7, 7, 0, "", b""),       // 30: flush the file
        (7, 1, 0, ".", b""),      // 40: flush the directory
        (2, 7, 5, "", b"second"), // 50: write
    ];

    #[test]
    fn what_was_flushed_stays_and_the_rest_may_go() {
        let (_dir, disk) = recorded(STORY);
        let whole = Some(b"firstsecond".to_vec());
        let flushed = Some(b"first".to_vec());
        // Before the directory is flushed the file may not be there at all.
        assert_eq!(outcomes(&disk, 38), BTreeSet::from([None, flushed.clone()]));
        assert_eq!(outcomes(&disk, 48), BTreeSet::from([flushed.clone()]));
        assert_eq!(outcomes(&disk, 60), BTreeSet::from([flushed, whole]));
        // Within the flush nothing is promised yet: an empty file is possible.
        assert!(outcomes(&disk, 31).contains(&Some(Vec::new())));
    }

    #[test]
    fn what_is_written_over_is_safe_with_the_next_flush_of_anything() {
        let end = 7_u64.to_le_bytes();
        let story: &[(u8, u64, u64, &str, &[u8])] = &[
            (1, 7, 0o100, "f", b""),  // 10: create f
            (2, 7, 0, "", b"......"), // 20: write
            (7, 7, 0, "", b""),       // 30: flush the file
            (7, 1, 0, ".", b""),      // 40: flush the directory
            (2, 7, 1, "", b"over"),   // 50: write over it
            (2, 7, 6, "", b"!"),      // 60: and beyond its end
            (12, 7, 0, "", &end),     // 70: write all of that out
            (7, 1, 0, ".", b""),      // 80: flush the directory
        ];
        let (_dir, disk) = recorded(story);
        let (over, beyond) = (Some(b".over.".to_vec()), Some(b".over.!".to_vec()));
        assert!(
            outcomes(&disk, 78).contains(&Some(b"......".to_vec())),
            "nothing emptied the cache"
        );
        assert_eq!(outcomes(&disk, 88), BTreeSet::from([over, beyond]));
    }

    #[test]
    fn with_nothing_lost_the_directory_is_as_it_was() {
        let (dir, disk) = recorded(STORY);
        let (seen, rebuilt) = (dir.path().join("seen"), dir.path().join("rebuilt"));
        std::fs::create_dir(&seen).expect("created");
        std::fs::write(seen.join("f"), "firstsecond").expect("written");
        disk.write_whole(&rebuilt).expect("written");
        assert_eq!(
            differences(&seen, &rebuilt, |_| false).expect("read"),
            Vec::<String>::new()
        );
    }
}
