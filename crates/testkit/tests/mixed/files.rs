//! What two replicas of a partition have on disk.

use anyhow::{Context, Result};
use testkit::batch::without_room;
use testkit::{Cluster, Node};

/// The bytes of all segments of a partition's log, in order; each but for the room ahead of it.
pub fn log_bytes(node: &Node, partition: &str) -> Result<Vec<u8>> {
    let dir = node.data_dir().join(partition);
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(&dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            segments.push(path);
        }
    }
    segments.sort();
    let mut bytes = Vec::new();
    for segment in segments {
        bytes.extend(without_room(&std::fs::read(segment)?));
    }
    Ok(bytes)
}

/// The start offsets of the leader epochs, as the checkpoint of a partition has them: text alike in both makers' files.
pub fn leader_epochs(node: &Node, partition: &str) -> Result<String> {
    let path = node.data_dir().join(partition).join("leader-epoch-checkpoint");
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// How many bytes of two logs are alike from their beginning.
pub fn common_prefix(left: &[u8], right: &[u8]) -> usize {
    let pairs = left.iter().zip(right);
    pairs.take_while(|(left, right)| left == right).count()
}
