//! `__transaction_state` and `__consumer_offsets` go from broker to broker: Apache Kafka takes over our transactions, open
//! ones and done ones, and we take over Kafka's, such too that are decided and not yet done. The same requests leave the
//! same records.
//!
//! With `RIVERRUN_STORIES_OF=kafka` in the environment both are Apache Kafka, which proves the test.

mod internal_topics {
    pub mod files;
    pub mod member;
    pub mod transaction;
}

use anyhow::{Context, Result, ensure};
use internal_topics::files::{self, OFFSETS, TRANSACTIONS};
use internal_topics::member::Member;
use internal_topics::transaction::{End, Producer, describe, until_state};
use protocol::messages::offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use std::collections::BTreeMap;
use testkit::talk::until;
use testkit::{Cluster, Maker, Settings, SingleNode, Talk, chosen, committed};

const TOPIC: &str = "written-in-transactions";
/// An offset is committed in a transaction that is not done.
const UNSTABLE_OFFSET_COMMIT: i16 = 88;

/// What a turn left for the next one.
struct Left {
    open: Producer,
    committed: Producer,
    member: Member,
}

fn name(what: &str, turn: usize) -> String {
    format!("{what}-{turn}")
}

/// One transaction that is committed, one that is aborted, one that stays open, one that is decided to be committed, and a
/// group with a member.
fn leave(talk: &mut Talk, turn: usize) -> Result<Left> {
    let mut done = Producer::init(talk, &name("committed", turn))?;
    done.write(talk, TOPIC, &name("committed", turn))?;
    done.commit_offset(talk, &name("group-of-committed", turn), TOPIC, 7)?;
    done.end(talk, End::Commit)?;
    let mut aborted = Producer::init(talk, &name("aborted", turn))?;
    aborted.write(talk, TOPIC, &name("aborted", turn))?;
    aborted.commit_offset(talk, &name("group-of-aborted", turn), TOPIC, 6)?;
    aborted.end(talk, End::Abort)?;
    let mut open = Producer::init(talk, &name("open", turn))?;
    open.write(talk, TOPIC, &name("open-a", turn))?;
    open.commit_offset(talk, &name("group-of-open", turn), TOPIC, 5)?;
    let member = Member::join(talk, &name("group-of-member", turn), TOPIC)?;
    // The last of all: of this one the broker forgets that it is done.
    let mut decided = Producer::init(talk, &name("decided", turn))?;
    decided.write(talk, TOPIC, &name("decided", turn))?;
    decided.end(talk, End::Commit)?;
    Ok(Left {
        open,
        committed: done,
        member,
    })
}

/// The broker that takes over goes on with each of them.
fn take_over(talk: &mut Talk, turn: usize, mut left: Left) -> Result<()> {
    until_state(talk, &name("decided", turn), "CompleteCommit")?;
    left.member.go_on(talk)?;
    let open = describe(talk, &name("open", turn))?;
    let topics: Vec<_> = open.topics.iter().map(|topic| topic.topic.as_str()).collect();
    let same = open.transaction_state == "Ongoing" && left.open.is_described_by(&open) && topics.contains(&TOPIC);
    ensure!(same, "{:?} was left open, found is {open:?}", left.open);
    ensure!(
        describe(talk, &name("aborted", turn))?.transaction_state == "CompleteAbort",
        "the aborted one"
    );
    let group = name("group-of-open", turn);
    let pending = (-1, UNSTABLE_OFFSET_COMMIT);
    ensure!(
        offset(talk, &group)? == pending,
        "{:?} is committed in an open transaction",
        offset(talk, &group)
    );
    ensure!(
        offset(talk, &name("group-of-committed", turn))? == (7, 0),
        "an offset that was committed"
    );
    ensure!(
        offset(talk, &name("group-of-aborted", turn))? == (-1, 0),
        "an offset that was aborted"
    );
    left.open.write(talk, TOPIC, &name("open-b", turn))?;
    left.open.end(talk, End::Commit)?;
    until("the offset of the open transaction", || {
        Ok(offset(talk, &group)? == (5, 0))
    })?;
    let again = Producer::init(talk, &name("committed", turn))?;
    let next = (left.committed.id, left.committed.epoch + 1);
    ensure!(
        (again.id, again.epoch) == next,
        "{again:?} comes after {:?}",
        left.committed
    );
    Ok(())
}

/// The committed offset and the error, where nothing pending is shown.
fn offset(talk: &mut Talk, group: &str) -> Result<(i64, i16)> {
    let topic = OffsetFetchRequestTopics {
        name: TOPIC.to_owned(),
        partition_indexes: vec![0],
        ..Default::default()
    };
    let group = OffsetFetchRequestGroup {
        group_id: group.to_owned(),
        topics: Some(vec![topic]),
        ..Default::default()
    };
    let request = OffsetFetchRequest {
        groups: vec![group],
        require_stable: true,
        ..Default::default()
    };
    let answer = testkit::talk::eventually("a coordinator of the group", || {
        let answer = talk.ask(&request, 8)?;
        let ready = ![14, 15, 16].contains(&answer.groups[0].error_code);
        Ok(ready.then_some(answer))
    })?;
    let partition = &answer.groups[0].topics[0].partitions[0];
    Ok((partition.committed_offset, partition.error_code))
}

/// What the records of one turn say, in order for each key; nothing that differs from run to run.
type Said = BTreeMap<String, Vec<String>>;

/// The records that were not there before, the turn's number left out.
fn said(before: &str, after: &str, turn: usize) -> Said {
    let known: std::collections::BTreeSet<_> = before.lines().collect();
    let fresh = after
        .lines()
        .filter(|line| line.contains(" key: ") && !known.contains(line));
    let mut said = Said::new();
    for line in fresh {
        let record = line.split_once(" key: ").map_or(line, |(_, record)| record);
        let (key, value) = record.split_once(" payload: ").unwrap_or((record, ""));
        let key = key
            .replace(&format!("-{turn}\""), "-N\"")
            .replace(&format!("-{}\"", turn.wrapping_sub(1)), "-M\"");
        said.entry(without_times(&key))
            .or_default()
            .push(in_order(&without_times(value)));
    }
    said
}

/// The text with a transaction's topics in the order of their names: Kafka has them in the order of a hash table.
fn in_order(text: &str) -> String {
    let list = text.split_once("\"transactionPartitions\":[");
    let parts = list.and_then(|(before, rest)| Some((before, rest.split_once("],\"transactionLast")?)));
    let Some((before, (topics, after))) = parts else {
        return text.to_owned();
    };
    let mut topics: Vec<_> = topics.trim_matches(['{', '}']).split("},{").collect();
    topics.sort_unstable();
    format!("{before} {} {after}", topics.join(" "))
}

/// The text with every number of a moment or of a producer replaced.
fn without_times(text: &str) -> String {
    let mut plain = text.to_owned();
    for field in [
        "Timestamp",
        "TimestampMs",
        "producerId",
        "ProducerId",
        "previousProducerId",
        "nextProducerId",
    ] {
        let mut parts = Vec::new();
        for (index, part) in plain.split(&format!("{field}\":")).enumerate() {
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            parts.push(if index == 0 || digits == 0 {
                part.to_owned()
            } else {
                format!("N{}", &part[digits..])
            });
        }
        plain = parts.join(&format!("{field}\":"));
    }
    plain
}

fn tell() -> Result<()> {
    let dir = tempfile::TempDir::with_prefix("riverrun-internal-")?;
    let settings = Settings::default()
        .on(dir.path().join("data"))
        .with("offsets.topic.num.partitions", 1)
        .with("transaction.state.log.num.partitions", 4)
        .with("broker.session.timeout.ms", 2_000)
        .with("broker.heartbeat.interval.ms", 500);
    let mut left = None;
    let mut dumped = [String::new(), String::new()];
    let mut turns = Vec::new();
    for turn in 0..3 {
        let mut broker: Box<dyn Cluster> = match turn {
            1 => chosen::start(&settings)?,
            _ => Box::new(SingleNode::start(Maker::Kafka, &settings)?),
        };
        let outcome = take_turn(&mut *broker, turn, left.take());
        left = Some(outcome.with_context(|| format!("turn {turn}, of {}: {}", broker.name(), broker.log_tail()))?);
        let data = broker.data_dir();
        let now = [OFFSETS.dumped(data)?, TRANSACTIONS.dumped(data)?];
        turns.push([said(&dumped[0], &now[0], turn), said(&dumped[1], &now[1], turn)]);
        dumped = now;
        if turn == 0 {
            // Only for our turn: Kafka 4.3.1, when it starts with a transaction that is decided and not done, now and then
            // writes that it is done without ever writing the marker.
            files::lose_last_batch(data, TRANSACTIONS, &name("decided", turn))?;
            files::lose_last_batch_of(&data.join(format!("{TOPIC}-0")))?;
        }
    }
    // That it is done now is written in our turn alone.
    let (completed, ours): (Said, Said) = std::mem::take(&mut turns[1][1])
        .into_iter()
        .partition(|(key, _)| key.contains("decided-M"));
    turns[1][1] = ours;
    let completed: Vec<_> = completed.values().flatten().collect();
    ensure!(
        completed.len() == 1,
        "what was decided is completed once: {completed:?}"
    );
    ensure!(
        turns[1] == turns[2],
        "the same requests leave other records:\n{:#?}\nthan Kafka's:\n{:#?}",
        turns[1],
        turns[2]
    );
    for internal in [OFFSETS, TRANSACTIONS] {
        let (ours, by_kafka) = (
            internal.dumped(dir.path().join("data").as_path())?,
            internal.dumped_by_kafka(&dir.path().join("data"))?,
        );
        let other = by_kafka.lines().zip(ours.lines()).find(|(kafka, ours)| kafka != ours);
        ensure!(
            ours == by_kafka,
            "dump-log {} prints something else than Kafka's: {other:#?}",
            internal.decoder
        );
    }
    Ok(())
}

fn take_turn(broker: &mut dyn Cluster, turn: usize, left: Option<Left>) -> Result<Left> {
    let mut talk = Talk::to(broker)?;
    match left {
        None => drop(talk.create_topic(TOPIC, 1, &[])?),
        Some(left) => take_over(&mut talk, turn - 1, left)?,
    }
    if turn == 2 {
        // Everything but what the first turns aborted, in the order in which it was written.
        let found = committed::records(broker, TOPIC, 8)?;
        let found: Vec<_> = found.iter().map(|record| record.value.as_str()).collect();
        let wanted = [
            "committed-0",
            "open-a-0",
            "decided-0",
            "open-b-0",
            "committed-1",
            "open-a-1",
            "decided-1",
            "open-b-1",
        ];
        ensure!(found == wanted, "committed records: {found:?}");
    }
    let left = leave(&mut talk, turn)?;
    broker.kill9()?;
    Ok(left)
}

#[test]
fn each_broker_goes_on_with_the_transactions_of_the_other() {
    tell().unwrap_or_else(|error| panic!("{error:#}"));
}
