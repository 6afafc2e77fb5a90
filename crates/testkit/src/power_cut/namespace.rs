//! Names: which node has which name in which directory, and the changes of that.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path};

/// A file or directory, whatever it is called.
pub(super) type NodeId = usize;

/// The directory that everything is below.
pub(super) const ROOT: NodeId = 0;

/// One change of names.
#[derive(Clone, Debug)]
pub(super) struct NameChange {
    /// The directory that changes: for a rename from one directory to another, the one it goes to.
    pub(super) dir: NodeId,
    pub(super) begin: u64,
    pub(super) end: u64,
    pub(super) action: Action,
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    /// A new name, replacing a node of the same name.
    Add { name: OsString, node: NodeId },
    /// A name goes.
    Remove { name: OsString },
    /// A node of `from_dir` gets a name here, replacing a node of the same name.
    Move {
        from_dir: NodeId,
        from: OsString,
        to: OsString,
    },
}

/// The directories: name to node.
#[derive(Clone, Debug)]
pub(super) struct Namespace {
    pub(super) dirs: BTreeMap<NodeId, BTreeMap<OsString, NodeId>>,
}

impl Namespace {
    pub(super) fn empty() -> Self {
        Self {
            dirs: BTreeMap::from([(ROOT, BTreeMap::new())]),
        }
    }

    /// The node at a path relative to the root.
    pub(super) fn find(&self, path: &Path) -> Option<NodeId> {
        let mut node = ROOT;
        for part in path.components() {
            let Component::Normal(name) = part else { continue };
            node = *self.dirs.get(&node)?.get(name)?;
        }
        Some(node)
    }

    /// The directory that holds a path, and the name in it.
    pub(super) fn place<'a>(&self, path: &'a Path) -> Option<(NodeId, &'a OsStr)> {
        let parent = self.find(path.parent()?)?;
        Some((parent, path.file_name()?))
    }

    /// Does a change, as far as what it needs is there.
    pub(super) fn apply(&mut self, change: &NameChange) {
        match &change.action {
            Action::Add { name, node } => {
                if let Some(dir) = self.dirs.get_mut(&change.dir) {
                    dir.insert(name.clone(), *node);
                }
            }
            Action::Remove { name } => {
                if let Some(dir) = self.dirs.get_mut(&change.dir) {
                    dir.remove(name);
                }
            }
            Action::Move { from_dir, from, to } => {
                let node = self.dirs.get_mut(from_dir).and_then(|dir| dir.remove(from));
                if let (Some(node), Some(dir)) = (node, self.dirs.get_mut(&change.dir)) {
                    dir.insert(to.clone(), node);
                }
            }
        }
    }
}
