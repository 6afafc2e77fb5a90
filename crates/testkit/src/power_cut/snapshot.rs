//! A directory's files as they are.

use anyhow::Result;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every file below `root` by its relative path; directories have no content.
pub fn files(root: &Path) -> Result<BTreeMap<PathBuf, Option<Vec<u8>>>> {
    let mut found = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(&dir)? {
            let entry = entry?;
            let path = entry.path();
            let name = path.strip_prefix(root)?.to_owned();
            if entry.file_type()?.is_dir() {
                found.insert(name, None);
                todo.push(path);
            } else {
                found.insert(name, Some(std::fs::read(&path)?));
            }
        }
    }
    Ok(found)
}

/// What two directories do not have in common, one line each; files for which `ignore` is true do not count.
pub fn differences(left: &Path, right: &Path, ignore: impl Fn(&Path) -> bool) -> Result<Vec<String>> {
    let (left, right) = (files(left)?, files(right)?);
    let mut names: Vec<&PathBuf> = left.keys().chain(right.keys()).collect();
    names.sort();
    names.dedup();
    let mut lines = Vec::new();
    for name in names.into_iter().filter(|name| !ignore(name)) {
        let line = match (left.get(name), right.get(name)) {
            (Some(one), Some(other)) if one == other => continue,
            (Some(one), Some(other)) => format!("{}: {} and {}", name.display(), size(one), size(other)),
            (Some(_), None) => format!("{}: only on the left", name.display()),
            _ => format!("{}: only on the right", name.display()),
        };
        lines.push(line);
    }
    Ok(lines)
}

fn size(content: &Option<Vec<u8>>) -> String {
    match content {
        Some(bytes) => format!("{} bytes of checksum {:08x}", bytes.len(), crate::crc32c::crc32c(bytes)),
        None => "a directory".to_owned(),
    }
}
