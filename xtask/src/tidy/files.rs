//! Each source file: short enough to read in one go, headed by a sentence, and named after a thing.

use std::path::{Path, PathBuf};

use anyhow::Result;

/// The most lines of a source file that is written by hand.
const MOST_LINES: usize = 600;

/// Names that say nobody found the noun.
const EMPTY_NAMES: [&str; 7] = ["util", "utils", "common", "helper", "helpers", "misc", "types"];

/// One Rust file of the house.
pub(super) struct Source {
    /// Relative to the workspace, with `/`.
    pub(super) path: String,
    /// The crate's folder name.
    pub(super) krate: String,
    /// The module path within the crate, empty for the root.
    pub(super) module: Vec<String>,
    pub(super) text: String,
}

/// All hand-written sources below `crates/*/src` and `xtask/src`.
pub(super) fn sources(root: &Path) -> Result<Vec<Source>> {
    let mut found = Vec::new();
    let mut folders = vec![(String::from("xtask"), root.join("xtask/src"))];
    for entry in std::fs::read_dir(root.join("crates"))? {
        let dir = entry?.path();
        let name = dir
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        folders.push((name, dir.join("src")));
    }
    folders.sort();
    for (krate, src) in folders {
        let mut paths = Vec::new();
        walk(&src, &mut paths)?;
        for path in paths {
            let within = path.strip_prefix(&src)?.with_extension("");
            let mut module: Vec<_> = within.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            if module
                .last()
                .is_some_and(|last| ["lib", "main", "mod"].contains(&last.as_str()))
            {
                module.pop();
            }
            let path = path.strip_prefix(root)?.to_string_lossy().into_owned();
            let text = std::fs::read_to_string(root.join(&path))?;
            found.push(Source {
                path,
                krate: krate.clone(),
                module,
                text,
            });
        }
    }
    Ok(found)
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(dir)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            if entry.file_name() != "gen" {
                walk(&path, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let mut breaches = Vec::new();
    for source in sources {
        let path = &source.path;
        let lines = source.text.lines().count();
        let is_test = source.module.iter().any(|part| part == "tests");
        if lines > MOST_LINES && !is_test {
            breaches.push(format!("{path} has {lines} lines; {MOST_LINES} are the most"));
        }
        if !source.text.starts_with("//!") && !is_test {
            breaches.push(format!("{path} does not begin with a `//!` sentence"));
        }
        if let Some(last) = source.module.last().filter(|last| EMPTY_NAMES.contains(&last.as_str())) {
            breaches.push(format!("{path}: `{last}` is not the name of a thing"));
        }
    }
    breaches
}
