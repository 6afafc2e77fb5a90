//! Replicas move between the log directories of a broker (KIP-113).

use super::idempotence::producer_id;
use super::two_dirs::{TwoDirs, describe, described};
use anyhow::{Context, Result, ensure};
use protocol::messages::alter_replica_log_dirs_request::{
    AlterReplicaLogDir, AlterReplicaLogDirTopic, AlterReplicaLogDirsRequest,
};
use protocol::messages::describe_log_dirs_response::DescribeLogDirsPartition;
use testkit::Talk;
use testkit::batch::{Batch, Record};
use testkit::talk::{LATEST, Resource, batch_of, now_ms, records, until};

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const INVALID_TOPIC: i16 = 17;
const INVALID_REPLICA_ASSIGNMENT: i16 = 39;
const OUT_OF_ORDER_SEQUENCE_NUMBER: i16 = 45;
const LOG_DIR_NOT_FOUND: i16 = 57;
const THROTTLE: &str = "replica.alter.log.dirs.io.max.bytes.per.second";

/// A broker with two directories, and the topic `t` of one partition in one of them.
fn with_topic(configs: &[(&str, &str)]) -> Result<(TwoDirs, Talk)> {
    let two = TwoDirs::start()?;
    let mut talk = Talk::to(&*two.broker)?;
    talk.create_topic("t", 1, configs)?;
    Ok((two, talk))
}

/// Has moves take so long that something can be done meanwhile.
fn slow_down(talk: &mut Talk) -> Result<()> {
    talk.set(Resource::AllBrokers, &[(THROTTLE, "50000")])?;
    until("the throttle is known", || {
        let known = talk.config(Resource::AllBrokers, THROTTLE);
        Ok(known.is_ok_and(|(_, source)| source == 3))
    })
}

/// Asks for partitions of one topic to be moved; answers the errors.
fn move_to(talk: &mut Talk, path: &str, name: &str, partitions: &[i32]) -> Result<Vec<i16>> {
    let topic = AlterReplicaLogDirTopic {
        name: name.to_owned(),
        partitions: partitions.to_vec(),
    };
    let dir = AlterReplicaLogDir {
        path: path.to_owned(),
        topics: vec![topic],
    };
    let answer = talk.ask(&AlterReplicaLogDirsRequest { dirs: vec![dir] }, 2)?;
    let results = answer.results.first().context("an answer for the topic")?;
    Ok(results.partitions.iter().map(|it| it.error_code).collect())
}

/// What is said of a partition of `t` in a directory.
fn shown(two: &TwoDirs, talk: &mut Talk, dir: &str, index: i32) -> Result<Option<DescribeLogDirsPartition>> {
    let results = describe(talk)?;
    let topics = &described(&results, &two.dir(dir))?.topics;
    let mut partitions = topics
        .iter()
        .filter(|topic| topic.name == "t")
        .flat_map(|topic| &topic.partitions);
    Ok(partitions.find(|partition| partition.partition_index == index).cloned())
}

/// The directory that `t-0` lies in, and the other.
fn here_and_there(two: &TwoDirs) -> Result<(&'static str, &'static str)> {
    let here = *two.places()?.get(&0).context("t-0 lies somewhere")?;
    Ok(if here == "a" { ("a", "b") } else { ("b", "a") })
}

fn begin(two: &TwoDirs, talk: &mut Talk, to: &str) -> Result<()> {
    let path = two.dir(to).display().to_string();
    ensure!(move_to(talk, &path, "t", &[0])? == [0], "the move to {to} is refused");
    Ok(())
}

/// Waits until `t-0` lies in `to`, and nowhere else.
fn moved(two: &TwoDirs, talk: &mut Talk, from: &str, to: &str) -> Result<()> {
    until("the replica has moved", || {
        let (there, gone) = (shown(two, talk, to, 0)?, shown(two, talk, from, 0)?);
        Ok(there.is_some_and(|partition| !partition.is_future_key) && gone.is_none())
    })?;
    until("the directories have their names", || {
        Ok(two.dir(to).join("t-0").is_dir() && !two.dir(from).join("t-0").exists())
    })
}

/// The names in a directory that have to do with `t-0`'s moves.
fn futures(two: &TwoDirs, dir: &str) -> Result<Vec<String>> {
    let names = std::fs::read_dir(two.dir(dir))?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names: Result<Vec<String>> = names.collect();
    Ok(names?.into_iter().filter(|name| name.ends_with("-future")).collect())
}

/// All bytes of the partition, read as a consumer does.
fn all_of(talk: &mut Talk, end: i64) -> Result<Vec<Vec<u8>>> {
    let mut from = 0;
    let mut found = Vec::new();
    while from < end {
        let fetched = talk.fetch("t", 0, from)?;
        ensure!(fetched.error_code == 0, "{}", fetched.error_code);
        let bytes = records(&fetched);
        ensure!(!bytes.is_empty(), "nothing at {from} of {end}");
        // One batch holds one record here, and begins with its offset and what follows.
        let mut at = 0;
        while at + 12 <= bytes.len() {
            let len = 12 + u32::from_be_bytes(bytes[at + 8..at + 12].try_into()?) as usize;
            if at + len > bytes.len() {
                break;
            }
            let offset = i64::from_be_bytes(bytes[at..at + 8].try_into()?);
            if offset >= from {
                found.push(bytes[at..at + len].to_vec());
                from = offset + 1;
            }
            at += len;
        }
    }
    Ok(found)
}

#[test]
fn a_replica_moves_to_the_other_directory_and_stays_there() -> Result<()> {
    let (mut two, mut talk) = with_topic(&[("segment.bytes", "1048576")])?;
    let (from, to) = here_and_there(&two)?;
    for size in 0..12 {
        talk.append("t", 0, 300_000 + size)?;
    }
    let before = all_of(&mut talk, 12)?;
    begin(&two, &mut talk, to)?;
    moved(&two, &mut talk, from, to)?;
    assert_eq!(all_of(&mut talk, 12)?, before);
    assert_eq!(talk.append("t", 0, 1_000)?, 12);
    let before = all_of(&mut talk, 13)?;
    for end in ["killed", "stopped"] {
        match end {
            "stopped" => two.broker.stop_cleanly()?,
            _ => two.broker.kill9()?,
        }
        two.broker.restart()?;
        let mut talk = Talk::to(&*two.broker)?;
        assert_eq!(here_and_there(&two)?, (to, from), "{end}");
        assert_eq!(all_of(&mut talk, 13)?, before, "{end}");
    }
    // And back again, where it was before.
    let mut talk = Talk::to(&*two.broker)?;
    begin(&two, &mut talk, from)?;
    moved(&two, &mut talk, to, from)?;
    assert_eq!(all_of(&mut talk, 13)?, before);
    Ok(())
}

#[test]
fn a_move_that_cannot_be_is_refused() -> Result<()> {
    let (two, mut talk) = with_topic(&[])?;
    let (from, to) = here_and_there(&two)?;
    let path = |name: &str| two.dir(name).display().to_string();
    assert_eq!(move_to(&mut talk, "/nowhere", "t", &[0])?, [LOG_DIR_NOT_FOUND]);
    assert_eq!(move_to(&mut talk, &path(to), "t", &[1])?, [UNKNOWN_TOPIC_OR_PARTITION]);
    assert_eq!(
        move_to(&mut talk, &path(to), "none", &[0])?,
        [UNKNOWN_TOPIC_OR_PARTITION]
    );
    let long = "x".repeat(240);
    assert_eq!(move_to(&mut talk, &path(to), &long, &[0])?, [INVALID_TOPIC]);
    assert_eq!(move_to(&mut talk, &path(from), "t", &[0])?, [0], "it lies there");
    talk.set(Resource::Broker("1"), &[("cordoned.log.dirs", &path(to))])?;
    until("it is cordoned", || {
        Ok(described(&describe(&mut talk)?, &two.dir(to))?.is_cordoned)
    })?;
    assert_eq!(move_to(&mut talk, &path(to), "t", &[0])?, [INVALID_REPLICA_ASSIGNMENT]);
    assert_eq!(here_and_there(&two)?, (from, to));
    assert!(futures(&two, to)?.is_empty());
    Ok(())
}

#[test]
fn a_slow_move_shows_how_far_it_is_and_can_be_given_up() -> Result<()> {
    let (mut two, mut talk) = with_topic(&[])?;
    let (from, to) = here_and_there(&two)?;
    for _ in 0..20 {
        talk.append("t", 0, 100_000)?;
    }
    slow_down(&mut talk)?;
    begin(&two, &mut talk, to)?;
    let future = shown(&two, &mut talk, to, 0)?.context("the future replica shows at once")?;
    assert!(future.is_future_key && future.offset_lag > 0, "{future:?}");
    let current = shown(&two, &mut talk, from, 0)?.context("so does the replica")?;
    assert!(!current.is_future_key && current.offset_lag == 0, "{current:?}");
    assert_eq!(futures(&two, to)?.len(), 1);
    assert_eq!(talk.append("t", 0, 1_000)?, 20);

    // Given up.
    begin(&two, &mut talk, from)?;
    until("nothing is left of it", || {
        Ok(shown(&two, &mut talk, to, 0)?.is_none() && futures(&two, to)?.is_empty())
    })?;
    assert_eq!(here_and_there(&two)?, (from, to));

    // Killed in the middle; it goes on where it was.
    begin(&two, &mut talk, to)?;
    let before = all_of(&mut talk, 21)?;
    two.broker.kill9()?;
    assert_eq!(futures(&two, to)?.len(), 1);
    two.broker.restart()?;
    let mut talk = Talk::to(&*two.broker)?;
    let future = shown(&two, &mut talk, to, 0)?.context("the future replica is found again")?;
    assert!(future.is_future_key, "{future:?}");
    assert_eq!(talk.offset("t", 0, LATEST)?, 21);
    assert_eq!(talk.alter(Resource::AllBrokers, &[(THROTTLE, None)])?, 0);
    moved(&two, &mut talk, from, to)?;
    assert_eq!(all_of(&mut talk, 21)?, before);

    // A topic that goes takes its future replica with it.
    slow_down(&mut talk)?;
    begin(&two, &mut talk, from)?;
    talk.delete_topic("t")?;
    until("nothing is left of it", || Ok(futures(&two, from)?.is_empty()))?;
    Ok(())
}

#[test]
fn what_is_written_while_a_replica_moves_to_and_fro_is_all_there() -> Result<()> {
    let (mut two, mut talk) = with_topic(&[("segment.bytes", "1048576")])?;
    let mut written = Vec::new();
    for _ in 0..4 {
        let (from, to) = here_and_there(&two)?;
        begin(&two, &mut talk, to)?;
        let mut rounds = 0;
        until("the replica has moved", || {
            rounds += 1;
            for size in 0..10 {
                let batch = batch_of(10_000 + 100 * size + rounds % 100).encode();
                let answer = talk.produce("t", 0, -1, batch)?;
                ensure!(answer.error_code == 0, "produce: {}", answer.error_code);
                written.push(answer.base_offset);
            }
            Ok(shown(&two, &mut talk, from, 0)?.is_none())
        })?;
        assert_eq!(here_and_there(&two)?, (to, from));
    }
    let wanted: Vec<i64> = (0..).take(written.len()).collect();
    assert_eq!(written, wanted);
    let end = talk.offset("t", 0, LATEST)?;
    assert_eq!(usize::try_from(end)?, written.len());
    let before = all_of(&mut talk, end)?;
    two.broker.kill9()?;
    two.broker.restart()?;
    let mut talk = Talk::to(&*two.broker)?;
    assert_eq!(all_of(&mut talk, end)?, before);
    Ok(())
}

#[test]
fn a_broker_killed_again_and_again_while_a_replica_moves_loses_nothing() -> Result<()> {
    let (mut two, mut talk) = with_topic(&[("segment.bytes", "1048576")])?;
    let mut end = 0;
    for kill in 0..5 {
        let (_, to) = here_and_there(&two)?;
        begin(&two, &mut talk, to)?;
        for _ in 0..4 * kill {
            assert_eq!(talk.append("t", 0, 200_000)?, end);
            end += 1;
        }
        two.broker.kill9()?;
        two.broker.restart()?;
        talk = Talk::to(&*two.broker)?;
        assert_eq!(talk.offset("t", 0, LATEST)?, end, "kill {kill}");
        assert_eq!(i64::try_from(all_of(&mut talk, end)?.len())?, end, "kill {kill}");
        until("it goes on to its end", || {
            let results = [shown(&two, &mut talk, "a", 0)?, shown(&two, &mut talk, "b", 0)?];
            Ok(results.iter().flatten().count() == 1)
        })?;
    }
    Ok(())
}

#[test]
fn of_two_directories_with_one_name_the_one_that_the_cluster_knows_is_taken() -> Result<()> {
    if std::env::var("RIVERRUN_STORIES_OF").is_ok() {
        // Kafka does not start then.
        return Ok(());
    }
    let (mut two, mut talk) = with_topic(&[])?;
    talk.append("t", 0, 100)?;
    let (from, to) = here_and_there(&two)?;
    two.broker.stop_cleanly()?;
    let before = two.home.path().join("before");
    copy_dir(&two.dir(from).join("t-0"), &before)?;
    two.broker.restart()?;
    let mut talk = Talk::to(&*two.broker)?;
    begin(&two, &mut talk, to)?;
    moved(&two, &mut talk, from, to)?;
    talk.append("t", 0, 100)?;
    // A power cut may give the old directory its name back.
    two.broker.kill9()?;
    copy_dir(&before, &two.dir(from).join("t-0"))?;
    two.broker.restart()?;
    let mut talk = Talk::to(&*two.broker)?;
    assert_eq!(talk.offset("t", 0, LATEST)?, 2);
    assert_eq!(here_and_there(&two)?, (to, from));
    let names = std::fs::read_dir(two.dir(from))?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names: Vec<String> = names.collect::<Result<_>>()?;
    assert!(names.iter().any(|name| name.ends_with("-stray")), "{names:?}");
    Ok(())
}

fn copy_dir(from: &std::path::Path, to: &std::path::Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

#[test]
fn a_replica_whose_directory_is_lost_while_it_moves_does_not_begin_anew_in_the_other() -> Result<()> {
    if std::env::var("RIVERRUN_STORIES_OF").is_ok() {
        // Kafka goes on with what had been copied, however little that is.
        return Ok(());
    }
    let (mut two, mut talk) = with_topic(&[])?;
    let (from, to) = here_and_there(&two)?;
    for _ in 0..20 {
        talk.append("t", 0, 100_000)?;
    }
    slow_down(&mut talk)?;
    begin(&two, &mut talk, to)?;
    two.broker.kill9()?;
    let (lost, aside) = (two.dir(from), two.dir("aside"));
    std::fs::rename(&lost, &aside)?;
    std::fs::write(&lost, "in the way")?;
    two.broker.restart()?;
    let mut talk = Talk::to(&*two.broker)?;
    assert_eq!(futures(&two, to)?.len(), 1);
    assert!(!two.dir(to).join("t-0").exists());
    assert_ne!(talk.produce("t", 0, -1, batch_of(10).encode())?.error_code, 0);
    two.broker.kill9()?;
    std::fs::remove_file(&lost)?;
    std::fs::rename(&aside, &lost)?;
    two.broker.restart()?;
    let mut talk = Talk::to(&*two.broker)?;
    until("it serves again", || Ok(talk.look_up("t", 0, LATEST)?.error_code == 0))?;
    assert_eq!(talk.offset("t", 0, LATEST)?, 20);
    assert_eq!(talk.alter(Resource::AllBrokers, &[(THROTTLE, None)])?, 0);
    moved(&two, &mut talk, from, to)
}

#[test]
fn a_producers_sequence_goes_on_after_a_move() -> Result<()> {
    let (two, mut talk) = with_topic(&[])?;
    let producer = producer_id(&mut talk)?;
    let send = |talk: &mut Talk, sequence: i32| -> Result<(i16, i64)> {
        let batch = Batch::new(now_ms(), vec![Record::value("one")]).from_producer(producer, 0, sequence);
        let answer = talk.produce("t", 0, -1, batch.encode())?;
        Ok((answer.error_code, answer.base_offset))
    };
    assert_eq!(send(&mut talk, 0)?, (0, 0));
    assert_eq!(send(&mut talk, 1)?, (0, 1));
    let (from, to) = here_and_there(&two)?;
    begin(&two, &mut talk, to)?;
    moved(&two, &mut talk, from, to)?;
    assert_eq!(send(&mut talk, 1)?, (0, 1), "it is known to be there");
    assert_eq!(send(&mut talk, 3)?.0, OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(send(&mut talk, 2)?, (0, 2));
    Ok(())
}

/// What one of Kafka's own tools prints.
fn tool(two: &TwoDirs, class: &str, arguments: &[&str]) -> Result<String> {
    let mut java = testkit::java::java_with(&["-Xmx128m"], &[])?;
    java.arg(class)
        .args(["--bootstrap-server", two.broker.bootstrap()])
        .args(arguments);
    let output = java.output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

#[test]
fn kafkas_own_tools_move_a_replica_and_see_where_it_is() -> Result<()> {
    const REASSIGN: &str = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand";
    let (two, mut talk) = with_topic(&[])?;
    talk.append("t", 0, 1_000)?;
    let (from, to) = here_and_there(&two)?;
    let path = two.dir(to).display().to_string();
    let file = two.home.path().join("move.json");
    let plan =
        format!(r#"{{"version":1,"partitions":[{{"topic":"t","partition":0,"replicas":[1],"log_dirs":["{path}"]}}]}}"#);
    std::fs::write(&file, plan)?;
    let file = file.display().to_string();
    let said = tool(&two, REASSIGN, &["--reassignment-json-file", &file, "--execute"])?;
    assert!(said.contains("Successfully started moving log directory to"), "{said}");
    moved(&two, &mut talk, from, to)?;
    let said = tool(&two, REASSIGN, &["--reassignment-json-file", &file, "--verify"])?;
    let done = "Reassignment of replica t-0-1 completed successfully.";
    assert!(said.contains(done), "{said}");
    let said = tool(
        &two,
        "org.apache.kafka.tools.LogDirsCommand",
        &["--describe", "--topic-list", "t"],
    )?;
    assert!(said.contains(&path) && said.contains(r#""isFuture":false"#), "{said}");
    Ok(())
}
