//! Fetch: what a reader is given, when, and what it is told when it stands wrong.

use anyhow::{Context, Result};
use base::Uuid;
use protocol::messages::fetch_request::{FetchRequest, FetchTopic, ForgottenTopic};
use protocol::messages::fetch_response::{EpochEndOffset, FetchResponse};
use protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use std::time::{Duration, Instant};
use testkit::talk::{LATEST, batch_of, fetch_partition, fetch_request, records};
use testkit::{Settings, Talk, chosen};

const OFFSET_OUT_OF_RANGE: i16 = 1;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const FETCH_SESSION_ID_NOT_FOUND: i16 = 70;
const INVALID_FETCH_SESSION_EPOCH: i16 = 71;
const FENCED_LEADER_EPOCH: i16 = 74;
const UNKNOWN_LEADER_EPOCH: i16 = 75;
const UNKNOWN_TOPIC_ID: i16 = 100;

/// Which partitions an answer names, and how many bytes it has of each.
fn told(answer: &FetchResponse) -> Vec<(&str, i32, usize)> {
    let partitions = answer.responses.iter().flat_map(|topic| {
        let of_topic = topic.partitions.iter();
        of_topic.map(|partition| {
            (
                topic.topic.as_str(),
                partition.partition_index,
                records(partition).len(),
            )
        })
    });
    partitions.collect()
}

/// A request of a session, for partitions of the topic `t`.
fn of_session(id: i32, epoch: i32, wanted: &[(i32, i64)]) -> FetchRequest {
    let partitions = wanted
        .iter()
        .map(|(index, from)| fetch_partition(*index, *from))
        .collect::<Vec<_>>();
    let topic = FetchTopic {
        topic: "t".to_owned(),
        partitions,
        ..Default::default()
    };
    FetchRequest {
        session_id: id,
        session_epoch: epoch,
        topics: if wanted.is_empty() { Vec::new() } else { vec![topic] },
        ..fetch_request("t", 0, 0)
    }
}

#[test]
fn a_session_tells_only_what_changed() -> Result<()> {
    // A session is one broker's, and of what it leads.
    let broker = chosen::start_one(&Settings::default())?;
    let (mut talk, mut producer) = (Talk::to(&*broker)?, Talk::to(&*broker)?);
    producer.create_topic("t", 3, &[])?;
    let full = talk.ask(&of_session(0, 0, &[(0, 0), (1, 0), (2, 0)]), 12)?;
    let id = full.session_id;
    assert_ne!(id, 0, "a session was made");
    assert_eq!(told(&full).len(), 3, "a full fetch tells everything");

    assert_eq!(told(&talk.ask(&of_session(id, 1, &[]), 12)?), [], "nothing changed");
    producer.append("t", 1, 100)?;
    let changed = talk.ask(&of_session(id, 2, &[]), 12)?;
    assert_eq!(
        told(&changed).iter().map(|(_, index, _)| *index).collect::<Vec<_>>(),
        [1]
    );
    assert!(told(&changed)[0].2 > 100);
    let moved_on = talk.ask(&of_session(id, 3, &[(1, 1)]), 12)?;
    assert_eq!(told(&moved_on), [], "the reader has it");

    producer.append("t", 1, 100)?;
    producer.append("t", 2, 100)?;
    let forgotten_topics_data = vec![ForgottenTopic {
        topic: "t".to_owned(),
        partitions: vec![1],
        ..Default::default()
    }];
    let request = FetchRequest {
        forgotten_topics_data,
        ..of_session(id, 4, &[])
    };
    let without = talk.ask(&request, 12)?;
    assert_eq!(
        told(&without).iter().map(|(_, index, _)| *index).collect::<Vec<_>>(),
        [2],
        "1 is forgotten"
    );

    assert_eq!(
        talk.ask(&of_session(id, 9, &[]), 12)?.error_code,
        INVALID_FETCH_SESSION_EPOCH
    );
    assert_eq!(
        talk.ask(&of_session(id ^ 1, 1, &[]), 12)?.error_code,
        FETCH_SESSION_ID_NOT_FOUND
    );
    assert_eq!(
        talk.ask(&of_session(id, 5, &[(2, 1)]), 12)?.error_code,
        0,
        "the session is none the worse"
    );
    let closed = talk.ask(&of_session(id, -1, &[]), 12)?;
    assert_eq!((closed.error_code, closed.session_id), (0, 0));
    assert_eq!(
        talk.ask(&of_session(id, 6, &[]), 12)?.error_code,
        FETCH_SESSION_ID_NOT_FOUND,
        "it is closed"
    );
    Ok(())
}

#[test]
fn what_found_no_room_in_an_answer_is_in_the_next_ones() -> Result<()> {
    let broker = chosen::start_one(&Settings::default())?;
    let (mut talk, mut producer) = (Talk::to(&*broker)?, Talk::to(&*broker)?);
    producer.create_topic("t", 3, &[])?;
    for index in 0..3 {
        producer.append("t", index, 100)?;
    }
    let narrow = |id, epoch, wanted: &[(i32, i64)]| FetchRequest {
        max_bytes: 1,
        ..of_session(id, epoch, wanted)
    };
    let mut answer = talk.ask(&narrow(0, 0, &[(0, 0), (1, 0), (2, 0)]), 12)?;
    let id = answer.session_id;
    for epoch in 1..=3 {
        let given: Vec<i32> = told(&answer)
            .iter()
            .filter(|told| told.2 > 0)
            .map(|told| told.1)
            .collect();
        assert_eq!(given, [epoch - 1], "there is room for one batch");
        answer = talk.ask(&narrow(id, epoch, &[(epoch - 1, 1)]), 12)?;
    }
    assert_eq!(told(&answer), [], "everything was read");
    Ok(())
}

/// Ticks of processor time that a process has used so far; there are a hundred in a second.
fn ticks(pid: u32) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit_once(')').context("a process has a name")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}

#[test]
fn a_parked_fetch_costs_nothing_and_wakes_at_once() -> Result<()> {
    let broker = super::broker(&Settings::default())?;
    let mut producer = Talk::to(&*broker)?;
    producer.create_topic("t", 2, &[])?;
    producer.append("t", 0, 100)?;
    let parked = |max_wait_ms, min_bytes| FetchRequest {
        max_wait_ms,
        min_bytes,
        ..fetch_request("t", 0, 1)
    };

    let pid = broker.pid().context("it runs")?;
    let mut readers = Vec::new();
    for _ in 0..20 {
        let mut reader = Talk::to(&*broker)?;
        reader.send(&parked(1_000, 1), 12)?;
        readers.push(reader);
    }
    let (before, since) = (ticks(pid)?, Instant::now());
    for reader in &mut readers {
        assert_eq!(told(&reader.receive::<FetchRequest>(12)?), [("t", 0, 0)]);
    }
    let used = ticks(pid)? - before;
    assert!(since.elapsed() > Duration::from_millis(500), "they waited");
    assert!(used <= 20, "twenty parked fetches took {used} hundredths of a second");

    let mut reader = Talk::to(&*broker)?;
    reader.send(&parked(25_000, 1), 12)?;
    let since = Instant::now();
    producer.append("t", 1, 100)?;
    producer.append("t", 0, 100)?;
    let answer = reader.receive::<FetchRequest>(12)?;
    assert!(told(&answer)[0].2 > 100, "{answer:?}");
    assert!(
        since.elapsed() < Duration::from_secs(15),
        "it was woken and did not wait to the end"
    );

    // A little is not enough for a reader that wants much.
    reader.send(
        &FetchRequest {
            min_bytes: 10_000,
            ..parked(25_000, 1)
        },
        12,
    )?;
    producer.append("t", 0, 100)?;
    producer.append("t", 0, 9_900)?;
    let answer = reader.receive::<FetchRequest>(12)?;
    assert!(told(&answer)[0].2 >= 10_000, "{:?}", told(&answer));
    let waited = talk_in_vain(&mut reader, 300)?;
    assert!(
        waited >= Duration::from_millis(300),
        "too little is answered when the time is up, not after {waited:?}"
    );
    Ok(())
}

/// A fetch that wants more than there is; answers how long it took.
fn talk_in_vain(reader: &mut Talk, max_wait_ms: i32) -> Result<Duration> {
    let since = Instant::now();
    let answer = reader.ask(
        &FetchRequest {
            max_wait_ms,
            min_bytes: 1_000_000,
            ..fetch_request("t", 0, 1)
        },
        12,
    )?;
    assert!(told(&answer)[0].2 > 10_000, "what is there is given");
    Ok(since.elapsed())
}

#[test]
fn the_first_batch_is_whole_and_the_limits_hold_from_then_on() -> Result<()> {
    let broker = super::broker(&Settings::default())?;
    let mut talk = Talk::to(&*broker)?;
    talk.create_topic("t", 2, &[])?;
    let whole = batch_of(5_000).encode().len();
    for _ in 0..4 {
        talk.append("t", 0, 5_000)?;
        talk.append("t", 1, 5_000)?;
    }
    let mut request = of_session(0, -1, &[(0, 0), (1, 0)]);
    request.max_bytes = 1;
    assert_eq!(
        told(&talk.ask(&request, 12)?),
        [("t", 0, whole), ("t", 1, 0)],
        "max_bytes of 1"
    );
    request.max_bytes = 50 << 20;
    request.topics[0].partitions[0].partition_max_bytes = 1;
    request.topics[0].partitions[1].partition_max_bytes = 1;
    assert_eq!(
        told(&talk.ask(&request, 12)?),
        [("t", 0, whole), ("t", 1, 0)],
        "partition_max_bytes of 1"
    );
    request.topics[0].partitions[0].fetch_offset = 4;
    assert_eq!(
        told(&talk.ask(&request, 12)?),
        [("t", 0, 0), ("t", 1, whole)],
        "the first that has any"
    );

    request.topics[0].partitions[0].fetch_offset = 1;
    request.topics[0].partitions[0].partition_max_bytes = i32::try_from(whole * 2)?;
    request.topics[0].partitions[1].partition_max_bytes = i32::try_from(whole * 2)?;
    assert_eq!(
        told(&talk.ask(&request, 12)?),
        [("t", 0, whole * 2), ("t", 1, whole * 2)]
    );
    request.max_bytes = i32::try_from(whole * 3)?;
    assert_eq!(told(&talk.ask(&request, 12)?), [("t", 0, whole * 2), ("t", 1, whole)]);
    Ok(())
}

#[test]
fn a_reader_that_stands_wrong_is_told_how() -> Result<()> {
    let mut broker = super::broker(&Settings::default())?;
    let mut talk = Talk::to(&*broker)?;
    let id = talk.create_topic("t", 1, &[])?;
    talk.append("t", 0, 100)?;
    talk.append("t", 0, 100)?;
    let first_epoch = leader_epoch(&mut talk)?;
    assert_eq!(talk.fetch("t", 0, 2)?.error_code, 0, "the end is a place to stand");
    for from in [3, -1, i64::MAX] {
        let answer = talk.fetch("t", 0, from)?;
        assert_eq!(
            (answer.error_code, answer.high_watermark),
            (OFFSET_OUT_OF_RANGE, -1),
            "{from}"
        );
    }
    assert_eq!(talk.fetch("t", 1, 0)?.error_code, UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(talk.fetch("nobody", 0, 0)?.error_code, UNKNOWN_TOPIC_OR_PARTITION);

    // Committed or not, without transactions there is no difference but in what is said of them.
    let plain = talk.fetch("t", 0, 0)?;
    assert_eq!(plain.aborted_transactions, None);
    let committed = FetchRequest {
        isolation_level: 1,
        ..fetch_request("t", 0, 0)
    };
    let answer = talk.ask(&committed, 12)?;
    let partition = &answer.responses[0].partitions[0];
    assert_eq!(partition.aborted_transactions, Some(Vec::new()));
    assert_eq!(
        (
            partition.high_watermark,
            partition.last_stable_offset,
            partition.log_start_offset
        ),
        (2, 2, 0)
    );
    assert_eq!(records(partition), records(&plain));

    broker.stop_cleanly()?;
    broker.restart()?;
    let mut talk = Talk::to(&*broker)?;
    talk.append("t", 0, 100)?;
    let epoch = leader_epoch(&mut talk)?;
    assert!(
        epoch > first_epoch,
        "a new start is a new leadership: {first_epoch}, {epoch}"
    );
    let mut with_epoch = |current_leader_epoch, last_fetched_epoch, fetch_offset| {
        let mut request = fetch_request("", 0, fetch_offset);
        request.topics[0].topic_id = id;
        request.topics[0].partitions[0].current_leader_epoch = current_leader_epoch;
        request.topics[0].partitions[0].last_fetched_epoch = last_fetched_epoch;
        let mut answer = talk.ask(&request, 16)?;
        let partition = answer.responses.remove(0).partitions.remove(0);
        let diverging = Some(partition.diverging_epoch.clone()).filter(|at| *at != EpochEndOffset::default());
        anyhow::Ok((partition.error_code, diverging, records(&partition).len()))
    };
    assert_eq!(with_epoch(first_epoch, -1, 0)?.0, FENCED_LEADER_EPOCH);
    assert_eq!(with_epoch(epoch + 1, -1, 0)?.0, UNKNOWN_LEADER_EPOCH);
    assert!(with_epoch(epoch, -1, 0)?.2 > 300, "all three records");
    // It read a third record under the first epoch; that epoch ended after two.
    let end = EpochEndOffset {
        epoch: first_epoch,
        end_offset: 2,
    };
    assert_eq!(with_epoch(epoch, first_epoch, 3)?, (0, Some(end), 0));
    assert_eq!(with_epoch(epoch, first_epoch, 2)?.1, None, "up to there both agree");

    let mut by_id = fetch_request("", 0, 0);
    by_id.topics[0].topic_id = Uuid([7; 16]);
    let answer = talk.ask(&by_id, 16)?;
    assert_eq!(answer.responses[0].partitions[0].error_code, UNKNOWN_TOPIC_ID);
    Ok(())
}

fn leader_epoch(talk: &mut Talk) -> Result<i32> {
    let partition = ListOffsetsPartition {
        current_leader_epoch: -1,
        timestamp: LATEST,
        ..Default::default()
    };
    let topic = ListOffsetsTopic {
        name: "t".to_owned(),
        partitions: vec![partition],
    };
    let answer = talk.ask(
        &ListOffsetsRequest {
            replica_id: -1,
            topics: vec![topic],
            ..Default::default()
        },
        7,
    )?;
    Ok(answer.topics[0].partitions[0].leader_epoch)
}
