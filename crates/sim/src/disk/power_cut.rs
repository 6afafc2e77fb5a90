//! What is left on the disk after its node ended.

use super::file::{Change, Inode};
use super::names::{Names, Tree};
use super::{Disk, State};
use base::Rng;
use std::sync::{Arc, Mutex};

impl Disk {
    /// The disk as a start finds it after the process was killed: everything written is there.
    pub fn after_kill(&self) -> Self {
        let mut state = self.state().clone();
        state.syncs_fail = false;
        state.is_broken = false;
        state.changes_left = None;
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The disk as a start finds it after the power was gone: what was synced, and of the rest what chance has it. Names
    /// came in their order; what was written to a file came in its order, the last of it torn, or in any order.
    pub fn after_power_cut(&self, rng: &mut Rng) -> Self {
        let old = self.state();
        let mut tree = old.names.after(some(rng, old.names.pending()));
        let Tree { files, dirs } = &mut tree;
        files.retain(|path, _| path.parent().is_some_and(|dir| dirs.contains(dir)));
        let mut inodes = Vec::with_capacity(files.len());
        for inode in files.values_mut() {
            let content = left_of(&old.inodes[*inode], rng);
            *inode = inodes.len();
            inodes.push(Inode::safe(content));
        }
        Self {
            state: Arc::new(Mutex::new(State {
                inodes,
                names: Names::safe(tree),
                usable: old.usable,
                ..State::default()
            })),
        }
    }

    /// How many files there are, to see that something happened.
    pub fn files(&self) -> usize {
        self.state().names.tree().files.len()
    }
}

/// A number up to `count`, the ends as likely as all between them.
fn some(rng: &mut Rng, count: usize) -> usize {
    match rng.below(3) {
        0 => 0,
        1 => count,
        _ => usize::try_from(rng.below(count as u64 + 1)).unwrap_or(count),
    }
}

fn left_of(inode: &Inode, rng: &mut Rng) -> Vec<u8> {
    let mut content = inode.durable().to_vec();
    if rng.below(3) == 0 {
        for change in &inode.pending {
            // Lengths are kept by the file system's journal, in order; data comes as it likes.
            if matches!(change, Change::SetLen(_)) || rng.below(2) == 0 {
                change.apply(&mut content);
            }
        }
        return content;
    }
    let kept = some(rng, inode.pending.len());
    for (at, change) in inode.pending[..kept].iter().enumerate() {
        match change {
            Change::Write(position, bytes) if at + 1 == kept => {
                let torn = some(rng, bytes.len());
                Change::Write(*position, bytes[..torn].to_vec()).apply(&mut content);
            }
            change => change.apply(&mut content),
        }
    }
    content
}

#[cfg(test)]
mod tests {
    use crate::Disk;
    use base::Rng;
    use base::fs::{Fs, Open};
    use std::path::Path;

    #[test]
    fn what_was_synced_is_there_after_any_power_cut_and_the_rest_may_be() {
        let dir = Path::new("/d");
        let disk = Disk::with_dir(dir);
        let path = dir.join("f");
        let file = disk.open(&path, Open::Create).expect("created");
        file.write_at(b"safe", 0).expect("written");
        file.sync().expect("synced");
        disk.sync_dir(dir).expect("synced");
        file.write_at(b"lost", 4).expect("written");
        disk.rename(&path, &dir.join("g")).expect("renamed");
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..60 {
            let after = disk.after_power_cut(&mut Rng::from_seed(seed));
            assert_eq!(after.files(), 1);
            let content = after
                .read(&path)
                .or_else(|_| after.read(&dir.join("g")))
                .expect("one of them");
            assert!(content.starts_with(b"safe"), "seed {seed}");
            seen.insert((after.exists(&path), content));
        }
        assert!(seen.len() > 5, "{seen:?}");
        assert_eq!(disk.after_kill().read(&dir.join("g")).expect("there"), b"safelost");
    }

    /// Two directories that have one name after the other are two: what was synced of the second is not taken away by the first's
    /// new name.
    #[test]
    fn a_directory_in_the_place_of_one_that_was_renamed_keeps_what_is_synced() {
        let disk = Disk::with_dir(Path::new("/d"));
        let (dir, aside) = (Path::new("/d/a"), Path::new("/d/a-delete"));
        let make = |name: &str| {
            disk.create_dir(dir).expect("created");
            let file = disk.open(&dir.join(name), Open::Create).expect("created");
            file.write_at(name.as_bytes(), 0).expect("written");
            file.sync().expect("synced");
            disk.sync_dir(dir).expect("synced");
        };
        make("first");
        disk.sync_dir(Path::new("/d")).expect("synced");
        disk.rename(dir, aside).expect("renamed");
        make("second");
        for seed in 0..30 {
            let after = disk.after_power_cut(&mut Rng::from_seed(seed));
            // Whichever has the name has what is its own.
            let found = ["first", "second"].map(|name| after.exists(&dir.join(name)));
            assert_ne!(found, [true, true], "seed {seed}");
            assert_eq!(found[0], !after.exists(&aside.join("first")), "seed {seed}");
        }
        disk.sync_dir(Path::new("/d")).expect("synced");
        for seed in 0..30 {
            let after = disk.after_power_cut(&mut Rng::from_seed(seed));
            assert_eq!(
                after.read(&dir.join("second")).expect("it is there"),
                b"second",
                "seed {seed}"
            );
            assert!(
                after.exists(&aside.join("first")) && !after.exists(&dir.join("first")),
                "seed {seed}"
            );
        }
    }

    /// What was not synced of a directory that has another name by now is not made safe by its successor's sync.
    #[test]
    fn a_directory_in_the_place_of_another_has_nothing_of_it() {
        let disk = Disk::with_dir(Path::new("/d"));
        let (dir, aside) = (Path::new("/d/a"), Path::new("/d/a-delete"));
        let write = |content: &[u8]| {
            disk.create_dir(dir).expect("created");
            let file = disk.open(&dir.join("f"), Open::Create).expect("created");
            file.write_at(content, 0).expect("written");
            file
        };
        write(b"first");
        disk.sync_dir(Path::new("/d")).expect("synced");
        disk.rename(dir, aside).expect("renamed");
        disk.sync_dir(Path::new("/d")).expect("synced");
        write(b"second").sync().expect("synced");
        disk.sync_dir(dir).expect("synced");
        disk.sync_dir(Path::new("/d")).expect("synced");
        for seed in 0..30 {
            let after = disk.after_power_cut(&mut Rng::from_seed(seed));
            assert_eq!(
                after.read(&dir.join("f")).expect("it is there"),
                b"second",
                "seed {seed}"
            );
        }
        disk.sync_dir(aside).expect("synced");
        for seed in 0..30 {
            let after = disk.after_power_cut(&mut Rng::from_seed(seed));
            assert!(after.exists(&aside.join("f")), "seed {seed}");
        }
    }

    #[test]
    fn a_directory_moves_with_what_is_in_it() {
        let disk = Disk::with_dir(Path::new("/d"));
        let (from, to) = (Path::new("/d/a"), Path::new("/d/b"));
        disk.create_dir(from).expect("created");
        disk.open(&from.join("f"), Open::Create).expect("created");
        disk.rename(from, to).expect("renamed");
        assert!(disk.exists(&to.join("f")) && !disk.exists(&from.join("f")) && !disk.exists(from));
        disk.remove_dir(to).expect("removed");
        assert_eq!((disk.files(), disk.exists(to)), (0, false));
        disk.cut_power_after(1);
        disk.create_dir(from).expect("the last change");
        assert!(disk.create_dir(to).is_err() && disk.after_kill().create_dir(to).is_ok());
        disk.fail_syncs();
        assert!(disk.sync_dir(Path::new("/d")).is_err());
        let disk = disk.after_kill();
        disk.fail();
        assert!(disk.create_dir(to).is_err() && disk.sync_dir(Path::new("/d")).is_err());
        assert!(disk.after_kill().create_dir(to).is_ok());
        disk.leave_usable(7);
        assert_eq!(disk.after_kill().space(to).expect("asked").usable, 7);
    }
}
