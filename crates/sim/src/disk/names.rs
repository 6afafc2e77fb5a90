//! Which names there are, and which of them are safe.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A change of the names.
#[derive(Clone, Debug)]
pub(super) enum Naming {
    Name(PathBuf, usize),
    Dir(PathBuf),
    Forget(PathBuf),
    ForgetDir(PathBuf),
    Rename(PathBuf, PathBuf),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub(super) files: BTreeMap<PathBuf, usize>,
    pub(super) dirs: BTreeSet<PathBuf>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    current: Tree,
    pub(super) durable: Tree,
    pub(super) pending: Vec<Naming>,
}

impl Naming {
    /// The directory whose sync makes the change safe.
    fn parent(&self) -> Option<&Path> {
        match self {
            Self::Name(path, _) | Self::Dir(path) | Self::Forget(path) | Self::ForgetDir(path) => path.parent(),
            Self::Rename(_, to) => to.parent(),
        }
    }
}

fn moved(path: &Path, from: &Path, to: &Path) -> Option<PathBuf> {
    let rest = path.strip_prefix(from).ok()?;
    Some(match rest.as_os_str().is_empty() {
        true => to.to_owned(),
        false => to.join(rest),
    })
}

impl Tree {
    pub(super) fn apply(&mut self, naming: &Naming) {
        match naming {
            Naming::Name(path, inode) => _ = self.files.insert(path.clone(), *inode),
            Naming::Dir(path) => _ = self.dirs.insert(path.clone()),
            Naming::Forget(path) => _ = self.files.remove(path),
            Naming::ForgetDir(path) => {
                self.files.retain(|file, _| !file.starts_with(path));
                self.dirs.retain(|dir| !dir.starts_with(path));
            }
            Naming::Rename(from, to) => self.rename(from, to),
        }
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        if let Some(inode) = self.files.remove(from) {
            self.files.insert(to.to_owned(), inode);
            return;
        }
        let inside: Vec<PathBuf> = self
            .files
            .keys()
            .filter(|path| path.starts_with(from))
            .cloned()
            .collect();
        for path in inside {
            if let (Some(inode), Some(to)) = (self.files.remove(&path), moved(&path, from, to)) {
                self.files.insert(to, inode);
            }
        }
        let dirs = std::mem::take(&mut self.dirs);
        self.dirs = dirs
            .into_iter()
            .map(|dir| moved(&dir, from, to).unwrap_or(dir))
            .collect();
    }
}

impl Names {
    pub(super) fn with_dir(dir: &Path) -> Self {
        Self::safe(Tree {
            files: BTreeMap::new(),
            dirs: dir.ancestors().map(Path::to_owned).collect(),
        })
    }

    /// Names that are safe as they are.
    pub(super) fn safe(tree: Tree) -> Self {
        Self {
            durable: tree.clone(),
            current: tree,
            pending: Vec::new(),
        }
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.current
    }

    pub(super) fn inode(&self, path: &Path) -> Option<usize> {
        self.current.files.get(path).copied()
    }

    pub(super) fn is_dir(&self, path: &Path) -> bool {
        self.current.dirs.contains(path)
    }

    pub(super) fn files_in<'a>(&'a self, dir: &'a Path) -> impl Iterator<Item = &'a Path> {
        let within = move |path: &&Path| path.parent() == Some(dir);
        self.current.files.keys().map(PathBuf::as_path).filter(within)
    }

    pub(super) fn dirs_in<'a>(&'a self, dir: &'a Path) -> impl Iterator<Item = &'a Path> {
        let within = move |path: &&Path| path.parent() == Some(dir);
        self.current.dirs.iter().map(PathBuf::as_path).filter(within)
    }

    pub(super) fn change(&mut self, naming: Naming) {
        self.current.apply(&naming);
        self.pending.push(naming);
    }

    pub(super) fn sync(&mut self, dir: &Path) {
        let pending = std::mem::take(&mut self.pending);
        let (synced, rest): (Vec<_>, Vec<_>) = pending.into_iter().partition(|naming| naming.parent() == Some(dir));
        self.pending = rest;
        for naming in &synced {
            self.durable.apply(naming);
        }
    }
}
