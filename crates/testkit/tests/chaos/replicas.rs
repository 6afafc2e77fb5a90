//! The replicas of a partition, once all is quiet: the same bytes everywhere.

use anyhow::Result;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use testkit::batch::without_room;

/// A partition's folder and what its log holds, segment by segment joined.
fn logs(data: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut logs = BTreeMap::new();
    for entry in std::fs::read_dir(data)? {
        let folder = entry?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Compacted logs are cleaned by each node when it likes; the metadata log is no partition.
        if !folder.is_dir() || name.starts_with("__") || name.ends_with("-delete") || name.ends_with("-stray") {
            continue;
        }
        let files = std::fs::read_dir(&folder)?
            .map(|file| Ok(file?.path()))
            .collect::<Result<Vec<PathBuf>>>()?;
        let mut segments: Vec<_> = files
            .into_iter()
            .filter(|file| file.extension().is_some_and(|extension| extension == "log"))
            .collect();
        segments.sort();
        let mut bytes = Vec::new();
        for segment in segments {
            bytes.extend(without_room(&std::fs::read(&segment)?));
        }
        logs.insert(name, bytes);
    }
    Ok(logs)
}

/// Where two replicas differ.
pub fn differences(data_dirs: &[(i32, PathBuf)]) -> Result<Vec<String>> {
    let mut found: BTreeMap<String, Vec<(i32, Vec<u8>)>> = BTreeMap::new();
    for (id, data) in data_dirs {
        for (partition, bytes) in logs(data)? {
            found.entry(partition).or_default().push((*id, bytes));
        }
    }
    let mut differences = Vec::new();
    for (partition, replicas) in &found {
        for pair in replicas.windows(2) {
            let [(one, these), (other, those)] = pair else { continue };
            if these != those {
                let same = these.iter().zip(those).take_while(|(this, that)| this == that).count();
                differences.push(format!(
                    "{partition}: nodes {one} and {other} hold {} and {} bytes, the same up to byte {same}",
                    these.len(),
                    those.len()
                ));
            }
        }
    }
    Ok(differences)
}
