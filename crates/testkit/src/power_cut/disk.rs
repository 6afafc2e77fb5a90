//! What a recording says of the disk: every file with the changes to it, every change of names, and what was flushed.

use super::namespace::{Action, NameChange, Namespace, NodeId, ROOT};
use super::trace::{self, Change, Event};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A file's content at the beginning and every change since.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    pub(super) base: Vec<u8>,
    pub(super) changes: Vec<FileChange>,
    /// When each flush of it began and ended.
    pub(super) syncs: Vec<(u64, u64)>,
    /// When its pages were written out and waited for, without a flush.
    pub(super) written_out: Vec<(u64, u64)>,
    /// Whether the next flush has metadata to commit.
    is_touched: bool,
    /// How much of it, from its beginning, is blocks and a length that the last flush made safe: what is written there is written over.
    settled: u64,
}

#[derive(Clone, Debug)]
pub(super) struct FileChange {
    pub(super) begin: u64,
    pub(super) end: u64,
    pub(super) edit: Edit,
    /// The file's length afterwards.
    len: u64,
    /// If it only wrote over what was safe, when that was written out and waited for.
    pub(super) written_over: Option<u64>,
}

#[derive(Clone, Debug)]
pub(super) enum Edit {
    /// A range of the recording, written at a position.
    Write { at: u64, data: Range<usize> },
    /// Cut, or extended with zeros.
    SetLen(u64),
}

impl File {
    fn len(&self) -> u64 {
        self.changes.last().map_or(self.base.len() as u64, |change| change.len)
    }

    /// A flush that began then has ended.
    fn settle(&mut self, begun: u64) {
        let before = self.changes.iter().rev().find(|change| change.end <= begun);
        let then = before.map_or(self.base.len() as u64, |change| change.len);
        // It may have been cut since; and a flush that began later may have ended earlier.
        self.settled = self.settled.max(then).min(self.len());
    }

    /// Pages of that part were written out and waited for.
    fn write_out(&mut self, part: &Range<u64>, event: &Event) {
        let end = part.end.min(self.settled);
        for change in &mut self.changes {
            if let Edit::Write { at, data } = &change.edit
                && change.end <= event.begin
                && part.start <= *at
                && at + data.len() as u64 <= end
            {
                change.written_over.get_or_insert(event.end);
            }
        }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Disk {
    pub(super) recording: Vec<u8>,
    pub(super) files: BTreeMap<NodeId, File>,
    /// The names at the beginning, and their changes in order.
    pub(super) base: Namespace,
    pub(super) names: Vec<NameChange>,
    /// Which directory was flushed, from when to when.
    pub(super) dir_syncs: Vec<(NodeId, u64, u64)>,
    /// When a flush committed metadata: on a file system with a journal, all that was changed before.
    pub(super) commits: Vec<(u64, u64)>,
    /// When a flush, of whatever, emptied the drive's cache.
    pub(super) barriers: Vec<(u64, u64)>,
}

impl Disk {
    /// How many writes only wrote over what was safe, and were written out as that.
    #[must_use]
    pub fn writes_over(&self) -> usize {
        let changes = self.files.values().flat_map(|file| &file.changes);
        changes.filter(|change| change.written_over.is_some()).count()
    }

    /// Takes a directory as it lies there before the recording begins: all of it counts as flushed.
    pub fn before(root: &Path) -> Result<Before> {
        let mut before = Before {
            base: Namespace::empty(),
            files: BTreeMap::new(),
            inodes: BTreeMap::new(),
            next: ROOT + 1,
        };
        before.read(root, ROOT)?;
        Ok(before)
    }
}

/// A directory before its recording.
#[derive(Clone, Debug)]
pub struct Before {
    base: Namespace,
    files: BTreeMap<NodeId, File>,
    inodes: BTreeMap<u64, NodeId>,
    next: NodeId,
}

impl Before {
    fn read(&mut self, dir: &Path, node: NodeId) -> Result<()> {
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            let child = self.next;
            self.next += 1;
            self.base.dirs.entry(node).or_default().insert(entry.file_name(), child);
            if entry.file_type()?.is_dir() {
                self.base.dirs.insert(child, BTreeMap::new());
                self.read(&entry.path(), child)?;
            } else {
                self.inodes.insert(entry.metadata()?.ino(), child);
                let base = std::fs::read(entry.path())?;
                self.files.insert(
                    child,
                    File {
                        settled: base.len() as u64,
                        base,
                        ..File::default()
                    },
                );
            }
        }
        Ok(())
    }

    /// What became of the directory at `root` by the events recorded in `trace`.
    pub fn recorded(self, root: &Path, trace: &Path) -> Result<Disk> {
        let recording = std::fs::read(trace).with_context(|| trace.display().to_string())?;
        let events = trace::events(&recording)?;
        let mut building = Building {
            now: self.base.clone(),
            inodes: self.inodes,
            next: self.next,
            disk: Disk {
                recording,
                files: self.files,
                base: self.base,
                names: Vec::new(),
                dir_syncs: Vec::new(),
                commits: Vec::new(),
                barriers: Vec::new(),
            },
        };
        for event in &events {
            building.take(root, event);
        }
        Ok(building.disk)
    }
}

struct Building {
    /// The names as they are when all that has been read is done.
    now: Namespace,
    inodes: BTreeMap<u64, NodeId>,
    next: NodeId,
    disk: Disk,
}

impl Building {
    fn take(&mut self, root: &Path, event: &Event) {
        let below = |path: &Path| path.strip_prefix(root).map(Path::to_owned).ok();
        match &event.change {
            Change::Open { path, inode, truncate } => {
                if let Some(path) = below(path) {
                    self.open(event, &path, *inode, *truncate);
                }
            }
            Change::Write { inode, at, data } => {
                let edit = Edit::Write {
                    at: *at,
                    data: data.clone(),
                };
                self.edit(event, *inode, edit);
            }
            Change::SetLen { inode, len } => self.edit(event, *inode, Edit::SetLen(*len)),
            Change::MakeDir { path } => {
                if let Some(path) = below(path) {
                    let node = self.new_node();
                    self.now.dirs.insert(node, BTreeMap::new());
                    self.disk.base.dirs.insert(node, BTreeMap::new());
                    self.add(event, &path, node);
                }
            }
            Change::Remove { path } => {
                if let Some((dir, name)) = below(path).as_deref().and_then(|path| self.now.place(path)) {
                    let name = name.to_owned();
                    self.rename(event, dir, Action::Remove { name });
                }
            }
            Change::Rename { from, to } => self.take_rename(event, below(from).as_deref(), below(to).as_deref()),
            Change::Link { from, to } => {
                let node = below(from).and_then(|path| self.now.find(&path));
                if let (Some(node), Some(path)) = (node, below(to)) {
                    self.add(event, &path, node);
                }
            }
            Change::SyncFile { inode, metadata } => {
                let time = (event.begin, event.end);
                self.disk.barriers.push(time);
                if let Some(file) = self.file(*inode) {
                    file.syncs.push(time);
                    file.settle(event.begin);
                    if *metadata && std::mem::take(&mut file.is_touched) {
                        self.disk.commits.push(time);
                    }
                }
            }
            Change::WriteOut { inode } => {
                if let Some(file) = self.file(*inode) {
                    file.written_out.push((event.begin, event.end));
                }
            }
            Change::WriteOutPart { inode, part } => {
                if let Some(file) = self.file(*inode) {
                    file.write_out(part, event);
                }
            }
            Change::Touch { inode } => {
                if let Some(file) = self.file(*inode) {
                    file.is_touched = true;
                }
            }
            Change::SyncDir { path } => {
                self.disk.barriers.push((event.begin, event.end));
                if let Some(dir) = below(path).and_then(|path| self.now.find(&path)) {
                    self.disk.dir_syncs.push((dir, event.begin, event.end));
                    if self.disk.names.last().is_some_and(|change| change.dir == dir) {
                        self.disk.commits.push((event.begin, event.end));
                    }
                }
            }
            Change::SyncAll => {
                self.disk.commits.push((event.begin, event.end));
                self.disk.barriers.push((event.begin, event.end));
                for file in self.disk.files.values_mut() {
                    file.syncs.push((event.begin, event.end));
                    file.settle(event.begin);
                }
                let dirs: Vec<NodeId> = self.now.dirs.keys().copied().collect();
                let syncs = dirs.into_iter().map(|dir| (dir, event.begin, event.end));
                self.disk.dir_syncs.extend(syncs);
            }
        }
    }

    fn take_rename(&mut self, event: &Event, from: Option<&Path>, to: Option<&Path>) {
        let from = from.and_then(|path| self.now.place(path));
        let to = to.and_then(|path| self.now.place(path));
        if let (Some((from_dir, from)), Some((dir, to))) = (from, to) {
            let (from, to) = (from.to_owned(), to.to_owned());
            self.rename(event, dir, Action::Move { from_dir, from, to });
        }
    }

    fn new_node(&mut self) -> NodeId {
        self.next += 1;
        self.next - 1
    }

    fn open(&mut self, event: &Event, path: &Path, inode: u64, truncate: bool) {
        match self.now.find(path) {
            Some(node) if self.inodes.get(&inode) == Some(&node) => {
                if truncate {
                    self.edit(event, inode, Edit::SetLen(0));
                }
            }
            _ => {
                let node = self.new_node();
                self.inodes.insert(inode, node);
                self.disk.files.insert(node, File::default());
                self.add(event, path, node);
            }
        }
    }

    fn add(&mut self, event: &Event, path: &Path, node: NodeId) {
        if let Some((dir, name)) = self.now.place(path) {
            let name = name.to_owned();
            self.rename(event, dir, Action::Add { name, node });
        }
    }

    fn rename(&mut self, event: &Event, dir: NodeId, action: Action) {
        let change = NameChange {
            dir,
            begin: event.begin,
            end: event.end,
            action,
        };
        self.now.apply(&change);
        self.disk.names.push(change);
    }

    fn file(&mut self, inode: u64) -> Option<&mut File> {
        self.disk.files.get_mut(self.inodes.get(&inode)?)
    }

    fn edit(&mut self, event: &Event, inode: u64, edit: Edit) {
        let (begin, end) = (event.begin, event.end);
        if let Some(file) = self.file(inode) {
            file.is_touched = true;
            let len = match &edit {
                Edit::Write { at, data } => file.len().max(at + data.len() as u64),
                Edit::SetLen(len) => {
                    file.settled = file.settled.min(*len);
                    *len
                }
            };
            file.changes.push(FileChange {
                begin,
                end,
                edit,
                len,
                written_over: None,
            });
        }
    }
}
