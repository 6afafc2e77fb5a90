//! ListOffsets, OffsetForLeaderEpoch and DeleteRecords.

use protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use testkit::batch::{Batch, Record};

use super::produce::{KEPT, THEN, produces};
use super::text;
use crate::pair::Pair;

pub fn run(pair: &mut Pair) {
    pair.create("o", 3, KEPT);
    pair.create(
        "o-append-time",
        1,
        &[("message.timestamp.type", "LogAppendTime"), KEPT[0]],
    );
    for step in [0, 2, 1, 3] {
        let record = |n: i64| Record {
            timestamp_delta: n * 10,
            ..Record::value(format!("{step}-{n}"))
        };
        let batch = Batch::new(THEN + step * 1000, (0..4).map(record).collect()).encode();
        pair.once(12, "fill", |context| {
            produces(context, "o", -1, &[(0, Some(batch.clone())), (1, Some(batch.clone()))])
        });
    }
    list(pair);
    epochs(pair);
    delete(pair);
    after_delete(pair);
}

fn lists(topic: &str, partitions: &[(i32, i32, i64)]) -> ListOffsetsRequest {
    let partition = |(index, epoch, timestamp): &(i32, i32, i64)| ListOffsetsPartition {
        partition_index: *index,
        current_leader_epoch: *epoch,
        timestamp: *timestamp,
    };
    let topic = ListOffsetsTopic {
        name: text(topic),
        partitions: partitions.iter().map(partition).collect(),
    };
    ListOffsetsRequest {
        replica_id: -1,
        topics: vec![topic],
        timeout_ms: 10_000,
        ..Default::default()
    }
}

fn list(pair: &mut Pair) {
    let times = [
        -1,
        -2,
        -3,
        -4,
        -5,
        -6,
        -7,
        -99,
        0,
        THEN,
        THEN + 5,
        THEN + 10,
        THEN + 1_500,
        THEN + 2_000,
        THEN + 3_030,
        THEN + 3_031,
        i64::MAX,
    ];
    for time in times {
        pair.every_version(&format!("list: time {time}"), |_| lists("o", &[(0, -1, time)]));
        pair.every_version(&format!("list: time {time}, nothing there"), |_| {
            lists("o", &[(2, -1, time)])
        });
    }
    for level in [1, 2] {
        pair.every_version(&format!("list: isolation level {level}"), |_| ListOffsetsRequest {
            isolation_level: level,
            ..lists("o", &[(0, -1, -1), (1, -1, THEN)])
        });
    }
    for epoch in [0, 1, 7, -2] {
        pair.every_version(&format!("list: leader epoch {epoch}"), |_| {
            lists("o", &[(0, epoch, -1)])
        });
    }
    pair.every_version("list: a partition twice", |_| {
        lists("o", &[(0, -1, -1), (0, -1, -2), (1, -1, -1)])
    });
    pair.every_version("list: a partition that is not", |_| {
        lists("o", &[(9, -1, -1), (0, -1, -1)])
    });
    pair.every_version("list: a topic that is not", |_| lists("nobody", &[(0, -1, -1)]));
    pair.every_version("list: a bad name", |_| lists("a/b", &[(0, -1, -1)]));
    pair.every_version("list: nothing", |_| ListOffsetsRequest {
        replica_id: -1,
        ..Default::default()
    });
    for replica in [-2, 0, 1, 5] {
        pair.every_version(&format!("list: as replica {replica}"), |_| ListOffsetsRequest {
            replica_id: replica,
            ..lists("o", &[(0, -1, -1)])
        });
    }
}

fn asks(replica_id: i32, topic: &str, partitions: &[(i32, i32, i32)]) -> OffsetForLeaderEpochRequest {
    let partition = |(index, current, epoch): &(i32, i32, i32)| OffsetForLeaderPartition {
        partition: *index,
        current_leader_epoch: *current,
        leader_epoch: *epoch,
    };
    let topic = OffsetForLeaderTopic {
        topic: text(topic),
        partitions: partitions.iter().map(partition).collect(),
    };
    OffsetForLeaderEpochRequest {
        replica_id,
        topics: vec![topic],
    }
}

fn epochs(pair: &mut Pair) {
    for epoch in [0, 1, -1, -2, 9] {
        pair.every_version(&format!("epoch {epoch}"), |_| {
            asks(-1, "o", &[(0, -1, epoch), (2, -1, epoch)])
        });
        pair.every_version(&format!("current epoch {epoch}"), |_| asks(-1, "o", &[(0, epoch, 0)]));
    }
    pair.every_version("epoch: a partition that is not", |_| {
        asks(-1, "o", &[(9, -1, 0), (1, -1, 0)])
    });
    pair.every_version("epoch: a topic that is not", |_| asks(-1, "nobody", &[(0, -1, 0)]));
    pair.every_version("epoch: as a replica", |_| asks(1, "o", &[(0, -1, 0)]));
    pair.every_version("epoch: nothing", |_| OffsetForLeaderEpochRequest {
        replica_id: -1,
        topics: Vec::new(),
    });
}

fn deletes(topic: &str, partitions: &[(i32, i64)]) -> DeleteRecordsRequest {
    let partition = |(index, offset): &(i32, i64)| DeleteRecordsPartition {
        partition_index: *index,
        offset: *offset,
    };
    let topic = DeleteRecordsTopic {
        name: text(topic),
        partitions: partitions.iter().map(partition).collect(),
    };
    DeleteRecordsRequest {
        topics: vec![topic],
        timeout_ms: 10_000,
    }
}

fn delete(pair: &mut Pair) {
    for offset in [0, 3, 3, 1, 5, 17, 99, -2] {
        pair.every_version(&format!("delete records: before {offset}"), |_| {
            deletes("o", &[(0, offset)])
        });
    }
    pair.every_version("delete records: a partition that is not", |_| {
        deletes("o", &[(9, 1), (1, 1)])
    });
    pair.every_version("delete records: a topic that is not", |_| deletes("nobody", &[(0, 1)]));
    pair.every_version("delete records: nothing", |_| DeleteRecordsRequest {
        topics: Vec::new(),
        timeout_ms: 1000,
    });
    pair.every_version("delete records: no time", |_| DeleteRecordsRequest {
        timeout_ms: 0,
        ..deletes("o", &[(1, 2)])
    });
    pair.every_version("delete records: all", |_| deletes("o", &[(1, -1)]));
    pair.every_version("delete records: of an empty partition", |_| deletes("o", &[(2, -1)]));
}

fn after_delete(pair: &mut Pair) {
    for time in [-1, -2, -3, -4, THEN, THEN + 2_000] {
        pair.every_version(&format!("list after deleting: time {time}"), |_| {
            lists("o", &[(0, -1, time), (1, -1, time)])
        });
    }
    pair.every_version("epoch after deleting", |_| asks(-1, "o", &[(0, -1, 0), (1, -1, 0)]));
}
