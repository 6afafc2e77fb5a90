//! Where partitions begin and end, asked of their leader.

use crate::connection::Connection;
use anyhow::{Context, Result, ensure};
use protocol::ErrorCode;
use protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};

/// ListOffsets' stand-in for the time of the first record.
pub const EARLIEST: i64 = -2;
/// Its stand-in for the time after the last.
pub const LATEST: i64 = -1;

/// The offset of each partition at a stand-in for a timestamp.
pub fn offsets(connection: &mut Connection, topic: &str, partitions: &[i32], at: i64) -> Result<Vec<i64>> {
    let partition = |index: &i32| ListOffsetsPartition {
        partition_index: *index,
        current_leader_epoch: -1,
        timestamp: at,
    };
    let request = ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic {
            name: topic.to_owned(),
            partitions: partitions.iter().map(partition).collect(),
        }],
        ..Default::default()
    };
    let answer = connection.call(&request, 7)?;
    let topic = answer.topics.first().context("an answer for the topic")?;
    let mut found = vec![0; partitions.len()];
    for partition in &topic.partitions {
        let (index, code) = (partition.partition_index, partition.error_code);
        ensure!(code == 0, "offsets of partition {index}: {:?}", ErrorCode::from(code));
        let at = partitions.binary_search(&index).ok().context("it was not asked for")?;
        found[at] = partition.offset;
    }
    Ok(found)
}
