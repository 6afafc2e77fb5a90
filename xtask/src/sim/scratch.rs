//! A copy of the workspace to plant bugs in.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// What a crate is built from.
const COPIED: [&str; 4] = ["Cargo.toml", "Cargo.lock", "crates", "xtask"];

/// The variable that switches a bug on.
pub const ON: &str = "RIVERRUN_PLANTED";

/// Where every crate finds whether it is.
const SWITCH_IN: &str = "crates/base/src/lib.rs";

/// What the copy's `base` has beside the workspace's.
const SWITCH: &str = r#"
/// Bugs that are planted.
pub mod planted {
    use std::sync::OnceLock;

    /// Whether that one is switched on.
    pub fn is_on(name: &str) -> bool {
        static ON: OnceLock<Option<String>> = OnceLock::new();
        ON.get_or_init(|| std::env::var("RIVERRUN_PLANTED").ok()).as_deref() == Some(name)
    }
}
"#;

/// The copy, below `target`; it stays, so that the next run builds only what has changed.
pub struct Scratch {
    root: PathBuf,
}

impl Scratch {
    /// The copy, made or brought up to date.
    pub fn of(root: &Path) -> Result<Self> {
        let scratch = Self {
            root: root.join("target/planted"),
        };
        for name in COPIED {
            copy(&root.join(name), &scratch.root.join(name))?;
        }
        Ok(scratch)
    }

    /// The copy's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Changes a file of the copy.
    pub fn write(&self, path: &Path, text: &str) -> Result<()> {
        let path = self.root.join(path);
        fs::write(&path, text).with_context(|| path.display().to_string())
    }
}

/// Copies what differs, so that what does not is not built again.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_file() {
        let mut wanted = fs::read(from)?;
        if from.ends_with(SWITCH_IN) {
            wanted.extend_from_slice(SWITCH.as_bytes());
        }
        if fs::read(to).ok().as_ref() != Some(&wanted) {
            fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
            fs::write(to, wanted)?;
        }
        return Ok(());
    }
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        if name != "target" {
            copy(&from.join(&name), &to.join(&name))?;
        }
    }
    for entry in fs::read_dir(to).into_iter().flatten() {
        let path = entry?.path();
        let is_gone = path.file_name().is_some_and(|name| !from.join(name).exists());
        if is_gone && path.is_file() {
            fs::remove_file(path)?;
        } else if is_gone {
            fs::remove_dir_all(path)?;
        }
    }
    Ok(())
}
