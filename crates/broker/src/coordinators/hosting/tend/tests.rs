use super::*;
use crate::coordinators::groups::Surroundings;
use crate::coordinators::hosting::author::Author;
use crate::coordinators::hosting::linger::{Batches, Linger};
use crate::partitions::watched::{Watched, leadership};
use base::clock::SystemClock;
use base::{BrokerEpoch, Instant, LeaderEpoch, NodeId, Offset, ProducerId};
use config::{BrokerConfig, Layered};
use group_coordinator::op::offset_fetch::offset_fetch;
use group_coordinator::{GroupCoordinator, GroupRecord};
use partition::ReplicaFetch;
use protocol::internal::offset_commit_value::OffsetCommitValue;
use protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use records::BatchBuilder;
use records::compression::Codec;
use storage::LogConfig;

const GROUP: &str = "g";

/// A commit as a coordinator writes it.
fn write_commit(watched: &Watched, offset: i64) {
    let record = GroupRecord::Offset {
        group: GROUP.into(),
        topic: "t".into(),
        partition: 0,
        value: Some(OffsetCommitValue {
            offset,
            ..Default::default()
        }),
        producer: ProducerId::NONE,
    };
    let (key, value) = GroupCoordinator::encode(&record).unwrap();
    let mut builder = Author::Coordinator.sign(BatchBuilder::new());
    builder.append(base::Timestamp(1), Some(&key), value.as_deref(), &[]);
    watched.append(builder.build());
}

fn taken_over(watched: &Watched, epoch: i32) -> Shard<GroupCoordinator> {
    let hosted = Arc::clone(&watched.hosted);
    let clock = Arc::new(SystemClock::new());
    let batches = Batches {
        codec: Codec::None,
        linger: Linger::WhileAwaited,
    };
    let shard = Shard::new(0, LeaderEpoch(epoch), hosted, clock, batches, ());
    let mut layered = Layered::new();
    layered.fill_in();
    let config = BrokerConfig::from_layers(&layered).unwrap();
    take_over(&shard, Surroundings::empty(&config), 1 << 20, Rng::from_seed(1));
    shard
}

fn committed(shard: &Shard<GroupCoordinator>) -> Result<i64, ErrorCode> {
    let request = OffsetFetchRequestGroup {
        group_id: GROUP.to_owned(),
        topics: None,
        ..Default::default()
    };
    let fetched = shard.look(|_, committed| offset_fetch(committed, &request))?;
    Ok(fetched.topics[0].partitions[0].committed_offset)
}

fn fetches(watched: &Watched, follower: i32, epoch: i32, offset: Offset) {
    let fetch = ReplicaFetch {
        replica: NodeId(follower),
        broker_epoch: BrokerEpoch::NONE,
        current_leader_epoch: LeaderEpoch(epoch),
        offset,
        last_fetched_epoch: LeaderEpoch::NONE,
        log_start_offset: Offset::ZERO,
    };
    let fetched = watched.hosted.lock().replica_fetch(&fetch, Instant::ZERO);
    let (_, acknowledged) = fetched.unwrap();
    acknowledged.wakes.fire();
}

/// A replica that becomes the leader may know of a high watermark that is behind what its predecessor acknowledged: nobody
/// is told what was committed before that until the followers have shown that it is theirs too.
#[test]
fn a_new_coordinator_tells_nothing_older_than_what_was_acknowledged() {
    let watched = Watched::new(LogConfig::default());
    write_commit(&watched, 7);
    // Committed while there was nobody else; from here on node 2 is in sync too.
    let led = watched.hosted.lock().lead(leadership(2, &[1, 2]), Instant::ZERO);
    led.unwrap().fire();
    write_commit(&watched, 8);

    let shard = taken_over(&watched, 2);
    assert_eq!(committed(&shard), Err(ErrorCode::CoordinatorLoadInProgress));
    fetches(&watched, 2, 2, Offset(1));
    shard.look_at_watermark();
    assert_eq!(committed(&shard), Err(ErrorCode::CoordinatorLoadInProgress));
    fetches(&watched, 2, 2, Offset(2));
    shard.look_at_watermark();
    assert_eq!(committed(&shard), Ok(8));

    // What it writes itself does not keep anybody waiting: nobody was told of it.
    write_commit(&watched, 9);
    shard.look_at_watermark();
    assert_eq!(committed(&shard), Ok(8));
}
