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
    durable: Tree,
    pending: Vec<Pending>,
}

/// A change that is not in what is safe yet.
#[derive(Clone, Debug)]
struct Pending {
    /// With paths as they are in what is safe.
    naming: Naming,
    /// The directory whose sync makes it safe, by the name that it has now; none if that was removed.
    dir: Option<PathBuf>,
    /// The directory was synced since, and only its own name is not: one of its name was renamed or removed before.
    is_synced: bool,
}

impl Naming {
    /// The directory `from` is called `to` by now: what is changed in it is changed there.
    fn follow(&mut self, from: &Path, to: &Path) {
        let follow = |path: &mut PathBuf| {
            if path != from
                && let Some(there) = moved(path, from, to)
            {
                *path = there;
            }
        };
        match self {
            Self::Name(path, _) | Self::Dir(path) | Self::Forget(path) | Self::ForgetDir(path) => follow(path),
            Self::Rename(one, other) => {
                follow(one);
                follow(other);
            }
        }
    }

    fn is_within(&self, dir: &Path) -> bool {
        match self {
            Self::Name(path, _) | Self::Dir(path) | Self::Forget(path) | Self::ForgetDir(path) => path.starts_with(dir),
            Self::Rename(_, to) => to.starts_with(dir),
        }
    }

    /// The directory whose sync makes the change safe.
    fn parent(&self) -> Option<&Path> {
        match self {
            Self::Name(path, _) | Self::Dir(path) | Self::Forget(path) | Self::ForgetDir(path) => path.parent(),
            Self::Rename(_, to) => to.parent(),
        }
    }
}

impl Pending {
    /// Whether what has a name in `dir` now is in another directory, where this change has not been made.
    fn hides(&self, dir: &Path) -> bool {
        match &self.naming {
            Naming::Rename(from, to) => dir.starts_with(from) || dir.starts_with(to),
            Naming::ForgetDir(path) => dir.starts_with(path),
            Naming::Name(..) | Naming::Dir(_) | Naming::Forget(_) => false,
        }
    }
}

/// Does what is wanted of `pending`, and what of it was synced and is hidden by nothing that stays; answers what stays.
fn settle(tree: &mut Tree, pending: Vec<Pending>, mut is_wanted: impl FnMut(&Pending) -> bool) -> Vec<Pending> {
    let mut rest: Vec<Pending> = Vec::new();
    for change in pending {
        let hidden = |dir| rest.iter().any(|earlier| earlier.hides(dir));
        let is_hidden = change.naming.parent().is_some_and(hidden);
        if is_wanted(&change) || (change.is_synced && !is_hidden) {
            tree.apply(&change.naming);
            match &change.naming {
                Naming::Rename(from, to) => rest.iter_mut().for_each(|earlier| earlier.naming.follow(from, to)),
                Naming::ForgetDir(dir) => rest.retain(|earlier| !earlier.naming.is_within(dir)),
                Naming::Name(..) | Naming::Dir(_) | Naming::Forget(_) => {}
            }
        } else {
            rest.push(change);
        }
    }
    rest
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
        for earlier in &mut self.pending {
            let dir = earlier.dir.take();
            earlier.dir = match &naming {
                Naming::Rename(from, to) => dir.map(|dir| moved(&dir, from, to).unwrap_or(dir)),
                Naming::ForgetDir(path) => dir.filter(|dir| !dir.starts_with(path)),
                Naming::Name(..) | Naming::Dir(_) | Naming::Forget(_) => dir,
            };
        }
        self.pending.push(Pending {
            dir: naming.parent().map(Path::to_owned),
            naming,
            is_synced: false,
        });
    }

    pub(super) fn sync(&mut self, dir: &Path) {
        let mut pending = std::mem::take(&mut self.pending);
        for change in &mut pending {
            change.is_synced |= change.dir.as_deref() == Some(dir);
        }
        self.pending = settle(&mut self.durable, pending, |_| false);
    }

    /// How many changes are not safe yet.
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The names if the first so many of those reached the disk.
    pub(super) fn after(&self, kept: usize) -> Tree {
        let mut tree = self.durable.clone();
        let mut left = kept;
        settle(&mut tree, self.pending.clone(), |_| {
            let is_kept = left > 0;
            left = left.saturating_sub(1);
            is_kept
        });
        tree
    }
}
