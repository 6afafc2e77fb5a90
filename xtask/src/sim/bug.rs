//! One bug: a file `planted/<name>.toml` of the crate it belongs to.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// What in the text of a bug stands for whether it is switched on.
const SWITCH: &str = "PLANTED";

/// One bug.
pub struct Bug {
    /// Its file's.
    pub name: String,
    /// What would come of it.
    pub why: String,
    /// Where it is planted, below the workspace.
    pub file: PathBuf,
    find: String,
    replace: String,
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    why: String,
    /// Below the crate's folder.
    file: PathBuf,
    /// What is there: once, and only once.
    find: String,
    /// What takes its place.
    replace: String,
}

impl Bug {
    /// The bugs of a crate by name.
    pub fn all(root: &Path, package: &str) -> Result<Vec<Self>> {
        let folder = root.join("crates").join(package).join("planted");
        let mut bugs = Vec::new();
        if !folder.exists() {
            return Ok(bugs);
        }
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path)?;
            let text: Text = toml::from_str(&text).with_context(|| path.display().to_string())?;
            bugs.push(Self {
                name,
                why: text.why,
                file: Path::new("crates").join(package).join(text.file),
                find: text.find,
                replace: text.replace,
            });
        }
        bugs.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(bugs)
    }

    /// Whether it may be in the program together with others, as it does nothing before it is switched on.
    pub fn has_switch(&self) -> bool {
        self.replace.contains(SWITCH)
    }

    /// The file with the bug in it.
    pub fn plant(&self, source: &str) -> Result<String> {
        let found = source.matches(&self.find).count();
        if found != 1 {
            bail!("{} has it {found} times:\n{}", self.file.display(), self.find);
        }
        let switch = format!("base::planted::is_on({:?})", self.name);
        Ok(source.replacen(&self.find, &self.replace.replace(SWITCH, &switch), 1))
    }
}
