use super::*;
use crate::coordinators::groups::Surroundings;
use crate::coordinators::hosting::linger::Batches;
use crate::coordinators::hosting::tend::take_over;
use crate::partitions::watched::{Watched, leadership};
use base::clock::SystemClock;
use base::{Instant, LeaderEpoch, ProducerId, Rng, Timestamp};
use config::{BrokerConfig, Layered};
use group_coordinator::completion::Reply;
use group_coordinator::op::offset_fetch::offset_fetch;
use group_coordinator::{Answer, Completion, GroupCoordinator, GroupRecord, GroupState};
use protocol::ErrorCode;
use protocol::internal::offset_commit_value::OffsetCommitValue;
use protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use records::compression::Codec;
use records::{BatchBuilder, batches};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use storage::{LogConfig, MinOne, ReadRequest};
use tokio::sync::oneshot;

const GROUP: &str = "g";
const HOUR: Duration = Duration::from_secs(3600);

fn serving(watched: &Watched, linger: Linger) -> Arc<Shard<GroupCoordinator>> {
    let hosted = Arc::clone(&watched.hosted);
    let batches = Batches {
        codec: Codec::None,
        linger,
    };
    let clock = Arc::new(SystemClock::new());
    let shard = Arc::new(Shard::new(0, LeaderEpoch(1), hosted, clock, batches, ()));
    let mut layered = Layered::new();
    layered.fill_in();
    let config = BrokerConfig::from_layers(&layered).unwrap();
    take_over(&shard, Surroundings::empty(&config), 1 << 20, Rng::from_seed(1));
    shard
}

fn record(partition: i32, offset: i64) -> GroupRecord {
    GroupRecord::Offset {
        group: GROUP.into(),
        topic: "t".into(),
        partition,
        value: Some(OffsetCommitValue {
            offset,
            ..Default::default()
        }),
        producer: ProducerId::NONE,
    }
}

/// Commits an offset of a partition.
fn commit(shard: &Shard<GroupCoordinator>, partition: i32, offset: i64) -> oneshot::Receiver<Answer> {
    let operated = shard.operate(Author::Coordinator, |_, _, _, to| {
        let reply = Reply {
            to,
            answer: Answer::Heartbeat(ErrorCode::None),
        };
        Outcome::atomic(vec![record(partition, offset)], Completion::Reply(reply))
    });
    operated.unwrap()
}

fn write(shard: &Shard<GroupCoordinator>) {
    shard
        .change(|shard, serving, due| {
            _ = shard.write_open(serving, due);
            shard.commit(serving);
        })
        .unwrap();
}

/// The offsets that are committed, of the partitions in order.
fn committed(shard: &Shard<GroupCoordinator>) -> Vec<i64> {
    shard.look(|_, committed| offsets(committed)).unwrap()
}

fn offsets(state: &GroupState) -> Vec<i64> {
    let request = OffsetFetchRequestGroup {
        group_id: GROUP.to_owned(),
        topics: None,
        ..Default::default()
    };
    let fetched = offset_fetch(state, &request);
    let partitions = fetched.topics.into_iter().flat_map(|topic| topic.partitions);
    partitions.map(|partition| partition.committed_offset).collect()
}

/// How many records each batch of the log has.
fn batch_sizes(watched: &Watched) -> Vec<i32> {
    let view = watched.hosted.lock().fetch_view(LeaderEpoch::NONE).unwrap();
    let mut sizes = Vec::new();
    let mut from = Offset::ZERO;
    while from < view.log_end_offset {
        let request = ReadRequest {
            from,
            max_bytes: 1,
            bound: view.log_end_offset,
            min_one: MinOne::Whole,
        };
        let region = view.log.read(request).unwrap().region.unwrap();
        let bytes = region.read().unwrap();
        let batch = batches(&bytes).next().unwrap().unwrap();
        sizes.push(batch.header().record_count);
        from = batch.header().next_offset();
    }
    sizes
}

#[test]
fn the_setting_is_kafkas() {
    let all = [-1, 0, 5].map(Linger::from_millis);
    let five = Linger::For(Duration::from_millis(5));
    assert_eq!(all, [Linger::WhileAwaited, Linger::Never, five]);
}

#[test]
fn who_waits_for_the_coordinator_shares_a_batch() {
    let watched = Watched::new(LogConfig::default());
    let shard = serving(&watched, Linger::WhileAwaited);
    let held = watched.hosted.lock();
    let committing = |partition: i32| {
        let shard = Arc::clone(&shard);
        thread::spawn(move || commit(&shard, partition, 7))
    };
    // The first one decides alone, and waits for the log.
    let mut threads = vec![committing(0)];
    while !shard.is_busy() {
        thread::yield_now();
    }
    threads.extend((1..4).map(committing));
    while shard.arriving.load(Ordering::Relaxed) < 3 {
        thread::yield_now();
    }
    drop(held);
    for thread in threads {
        let answer = thread.join().unwrap().blocking_recv();
        assert_eq!(answer, Ok(Answer::Heartbeat(ErrorCode::None)));
    }
    // The first one has company, too, if it had not decided before the others came.
    let sizes = batch_sizes(&watched);
    assert!([&[1, 3][..], &[4]].contains(&&sizes[..]), "{sizes:?}");
    assert_eq!(committed(&shard), [7, 7, 7, 7]);
}

#[test]
fn a_batch_is_open_until_its_time_is_up() {
    let watched = Watched::new(LogConfig::default());
    let shard = serving(&watched, Linger::For(HOUR));
    let mut answers = [commit(&shard, 0, 1), commit(&shard, 1, 2), commit(&shard, 0, 3)];
    assert!(answers.iter_mut().all(|answer| answer.try_recv().is_err()));
    assert_eq!(batch_sizes(&watched), [0; 0]);
    assert!(
        shard
            .next_deadline()
            .is_some_and(|at| at <= shard.moment().now.plus(HOUR))
    );
    write(&shard);
    assert_eq!(batch_sizes(&watched), [3]);
    assert_eq!(committed(&shard), [3, 2]);
    for mut answer in answers {
        assert_eq!(answer.try_recv(), Ok(Answer::Heartbeat(ErrorCode::None)));
    }

    let at_once = serving(&Watched::new(LogConfig::default()), Linger::Never);
    assert!(commit(&at_once, 0, 1).try_recv().is_ok());
}

#[test]
fn what_does_not_fit_begins_another_batch_or_has_one_of_its_own() {
    let config = LogConfig {
        max_message_bytes: 500,
        ..LogConfig::default()
    };
    let watched = Watched::new(config);
    let shard = serving(&watched, Linger::For(HOUR));
    let answers: Vec<_> = (0..5).map(|partition| commit(&shard, partition, 1)).collect();
    assert_eq!(batch_sizes(&watched), [3], "half of the limit");
    let large = shard.operate(Author::Coordinator, |_, _, _, to| {
        let reply = Reply {
            to,
            answer: Answer::Heartbeat(ErrorCode::None),
        };
        let records = (5..13).map(|partition| record(partition, 1)).collect();
        Outcome::atomic(records, Completion::Reply(reply))
    });
    assert_eq!(batch_sizes(&watched), [3, 2, 8]);
    for mut answer in answers.into_iter().chain([large.unwrap()]) {
        assert_eq!(answer.try_recv(), Ok(Answer::Heartbeat(ErrorCode::None)));
    }
}

#[test]
fn a_batch_that_is_lost_has_not_happened() {
    let watched = Watched::new(LogConfig::default());
    let shard = serving(&watched, Linger::For(HOUR));
    assert!(commit(&shard, 0, 1).try_recv().is_err());
    write(&shard);
    let answers = [commit(&shard, 0, 2), commit(&shard, 1, 3)];
    // Led anew: this coordinator is about to go.
    let led = watched.hosted.lock().lead(leadership(2, &[1]), Instant::ZERO);
    led.unwrap().fire();
    write(&shard);
    for mut answer in answers {
        assert_eq!(answer.try_recv(), Ok(Answer::Refused(ErrorCode::NotCoordinator)));
    }
    shard
        .change(|_, serving, _| {
            assert_eq!(serving.runtime.end(), Offset(1));
            assert_eq!(offsets(serving.runtime.latest()), [1]);
        })
        .unwrap();
    assert_eq!(committed(&shard), [1]);
}

#[test]
fn anothers_batch_may_come_between() {
    let watched = Watched::new(LogConfig::default());
    let shard = serving(&watched, Linger::For(HOUR));
    let mut answer = commit(&shard, 0, 1);
    let (key, value) = GroupCoordinator::encode(&record(0, 9)).unwrap();
    let mut builder = BatchBuilder::new();
    builder.append(Timestamp(1), Some(&key), value.as_deref(), &[]);
    watched.append(builder.build());
    shard.look_at_watermark();
    assert!(answer.try_recv().is_err(), "nothing of this coordinator's is written");
    write(&shard);
    assert_eq!(answer.try_recv(), Ok(Answer::Heartbeat(ErrorCode::None)));
    assert_eq!(batch_sizes(&watched), [1, 1]);
    assert_eq!(committed(&shard), [1]);
    commit(&shard, 1, 4);
    write(&shard);
    assert_eq!(committed(&shard), [1, 4]);
}
