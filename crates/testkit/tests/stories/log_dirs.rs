//! Several log directories, and what happens when one of them fails.

use super::two_dirs::{PARTITIONS, TwoDirs, describe, described};
use anyhow::Result;
use protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use std::collections::BTreeMap;
use tempfile::TempDir;
use testkit::ailments::{Ailments, Disk};
use testkit::talk::{LATEST, batch_of, eventually, until};
use testkit::{Settings, Talk};

const KAFKA_STORAGE_ERROR: i16 = 56;

/// Leader and offline replicas of each partition of `t`.
fn leaders(talk: &mut Talk) -> Result<BTreeMap<i32, (i32, Vec<i32>)>> {
    let topic = MetadataRequestTopic {
        name: Some("t".to_owned()),
        ..Default::default()
    };
    let answer = talk.ask(
        &MetadataRequest {
            topics: Some(vec![topic]),
            ..Default::default()
        },
        12,
    )?;
    let partitions = answer.topics[0].partitions.iter();
    Ok(partitions
        .map(|partition| {
            (
                partition.partition_index,
                (partition.leader_id, partition.offline_replicas.clone()),
            )
        })
        .collect())
}

fn produce(talk: &mut Talk, index: i32) -> Result<i16> {
    Ok(talk.produce("t", index, -1, batch_of(700_000).encode())?.error_code)
}

#[test]
fn partitions_spread_over_the_directories_and_are_found_again() -> Result<()> {
    let mut two = TwoDirs::start()?;
    let mut talk = Talk::to(&*two.broker)?;
    talk.create_topic("t", PARTITIONS, &[])?;
    let places = two.places()?;
    assert_eq!(places.len(), 6);
    assert_eq!(places.values().filter(|name| **name == "a").count(), 3, "{places:?}");
    for index in 0..PARTITIONS {
        talk.append("t", index, 1_000)?;
    }
    for end in ["stopped", "killed"] {
        match end {
            "stopped" => two.broker.stop_cleanly()?,
            _ => two.broker.kill9()?,
        }
        two.broker.restart()?;
        let mut talk = Talk::to(&*two.broker)?;
        assert_eq!(two.places()?, places, "{end}");
        for index in 0..PARTITIONS {
            assert_eq!(talk.offset("t", index, LATEST)?, 1, "{end}: t-{index}");
        }
        let results = describe(&mut talk)?;
        assert_eq!(results.len(), 2, "{end}");
        for name in ["a", "b"] {
            let result = described(&results, &two.dir(name))?;
            assert!(
                result.error_code == 0 && result.total_bytes > 0 && result.usable_bytes > 0,
                "{result:?}"
            );
            let sizes: Vec<_> = result.topics[0].partitions.iter().map(|it| it.partition_size).collect();
            assert_eq!(sizes.len(), 3, "{end}");
            assert!(sizes.iter().all(|size| (1_000..2_000).contains(size)), "{sizes:?}");
        }
    }
    Ok(())
}

#[test]
fn a_directory_that_fails_takes_only_its_own_partitions_offline() -> Result<()> {
    let mut two = TwoDirs::start()?;
    let mut talk = Talk::to(&*two.broker)?;
    talk.create_topic("t", PARTITIONS, &[("segment.bytes", "1048576")])?;
    for index in 0..PARTITIONS {
        assert_eq!(produce(&mut talk, index)?, 0);
    }
    let places = two.places()?;
    let in_dir = |name: &str| {
        places
            .iter()
            .filter(move |place| *place.1 == name)
            .map(|place| *place.0)
            .collect::<Vec<_>>()
    };
    let (in_a, in_b) = (in_dir("a"), in_dir("b"));

    // The next segment of one partition cannot be made: a file is where its directory was.
    let victim = two.dir("b").join(format!("t-{}", in_b[0]));
    let aside = two.home.path().join("aside");
    std::fs::rename(&victim, &aside)?;
    std::fs::write(&victim, "in the way")?;
    assert_eq!(produce(&mut talk, in_b[0])?, KAFKA_STORAGE_ERROR);
    for index in &in_b {
        assert_eq!(
            produce(&mut talk, *index)?,
            KAFKA_STORAGE_ERROR,
            "the whole directory is offline"
        );
        assert_eq!(talk.fetch("t", *index, 0)?.error_code, KAFKA_STORAGE_ERROR);
    }
    for index in &in_a {
        assert_eq!(produce(&mut talk, *index)?, 0, "the other one serves");
        assert_eq!(talk.fetch("t", *index, 0)?.error_code, 0);
    }
    let results = describe(&mut talk)?;
    assert_eq!(described(&results, &two.dir("b"))?.error_code, KAFKA_STORAGE_ERROR);
    assert_eq!(described(&results, &two.dir("a"))?.error_code, 0);
    until("the cluster knows that they have no leader", || {
        let leaders = leaders(&mut talk)?;
        let lost = in_b.iter().all(|index| leaders[index] == (-1, vec![1]));
        Ok(lost && in_a.iter().all(|index| leaders[index] == (1, vec![])))
    })?;
    // New partitions go where they can be.
    talk.create_topic("later", 2, &[])?;
    talk.append("later", 0, 10)?;
    talk.append("later", 1, 10)?;

    two.broker.stop_cleanly()?;
    std::fs::remove_file(&victim)?;
    std::fs::rename(&aside, &victim)?;
    two.broker.restart()?;
    let mut talk = Talk::to(&*two.broker)?;
    eventually("a repaired directory serves again", || {
        Ok((leaders(&mut talk)?.values().all(|(leader, _)| *leader == 1)).then_some(()))
    })?;
    for index in 0..PARTITIONS {
        let wanted = if in_a.contains(&index) { 2 } else { 1 };
        assert_eq!(talk.offset("t", index, LATEST)?, wanted, "t-{index}");
        assert_eq!(produce(&mut talk, index)?, 0);
    }
    Ok(())
}

#[test]
fn a_disk_that_answers_with_errors_takes_only_its_own_partitions_offline() -> Result<()> {
    if std::env::var("RIVERRUN_STORIES_OF").is_ok() {
        // Kafka maps its index files, which no preloaded library can make fail.
        return Ok(());
    }
    let home = TempDir::with_prefix("riverrun-dirs-")?;
    let ailments = Ailments::none(&home.path().join("ailments"))?;
    let failing = home.path().join("b").display().to_string();
    let environment = ailments.environment(failing.trim_start_matches('/'))?;
    let mut two = TwoDirs::start_in(home, |settings| settings.in_environment(environment.to_vec()))?;
    let mut talk = Talk::to(&*two.broker)?;
    talk.create_topic("t", PARTITIONS, &[])?;
    let mut acknowledged = BTreeMap::new();
    for index in 0..PARTITIONS {
        talk.append("t", index, 1_000)?;
        acknowledged.insert(index, 1);
    }
    let places = two.places()?;
    ailments.disk(Disk::Failing)?;
    for (index, place) in &places {
        let error = produce(&mut talk, *index)?;
        assert_eq!(error, if *place == "a" { 0 } else { KAFKA_STORAGE_ERROR }, "t-{index}");
        *acknowledged.entry(*index).or_insert(0) += i64::from(error == 0);
    }
    for (index, place) in &places {
        let error = talk.fetch("t", *index, 0)?.error_code;
        assert_eq!(error, if *place == "a" { 0 } else { KAFKA_STORAGE_ERROR }, "t-{index}");
    }
    until("the cluster knows that they have no leader", || {
        let leaders = leaders(&mut talk)?;
        Ok(places
            .iter()
            .all(|(index, place)| (leaders[index].0 == -1) == (*place == "b")))
    })?;
    let results = describe(&mut talk)?;
    assert_eq!(described(&results, &two.dir("b"))?.error_code, KAFKA_STORAGE_ERROR);
    assert_eq!(described(&results, &two.dir("a"))?.error_code, 0);

    // A disk that failed is not trusted again by itself, however well it seems.
    ailments.disk(Disk::Well)?;
    for (index, place) in &places {
        let error = produce(&mut talk, *index)?;
        assert_eq!(error == 0, *place == "a", "t-{index}: error {error}");
        *acknowledged.entry(*index).or_insert(0) += i64::from(error == 0);
    }
    two.broker.stop_cleanly()?;
    two.broker.restart()?;
    let mut talk = Talk::to(&*two.broker)?;
    eventually("a disk that is well again serves", || {
        Ok((leaders(&mut talk)?.values().all(|(leader, _)| *leader == 1)).then_some(()))
    })?;
    for (index, count) in &acknowledged {
        assert_eq!(talk.offset("t", *index, LATEST)?, *count, "t-{index}");
        assert_eq!(produce(&mut talk, *index)?, 0, "t-{index}");
    }
    Ok(())
}

#[test]
fn a_directory_that_cannot_be_used_at_start_does_not_stop_the_others() -> Result<()> {
    let mut two = TwoDirs::start()?;
    let mut talk = Talk::to(&*two.broker)?;
    talk.create_topic("t", PARTITIONS, &[])?;
    for index in 0..PARTITIONS {
        talk.append("t", index, 100)?;
    }
    let places = two.places()?;
    // Where each replica lies has reached the controller; else it could not know what is lost.
    two.broker.stop_cleanly()?;
    let (b, aside) = (two.dir("b"), two.dir("aside"));
    std::fs::rename(&b, &aside)?;
    std::fs::write(&b, "in the way")?;
    two.broker.restart()?;
    let mut talk = Talk::to(&*two.broker)?;
    for (index, place) in &places {
        let error = produce(&mut talk, *index)?;
        assert_eq!(error, if *place == "a" { 0 } else { KAFKA_STORAGE_ERROR }, "t-{index}");
    }
    assert!(
        two.places()?.values().all(|name| *name == "a"),
        "nothing is begun anew elsewhere"
    );
    assert_eq!(two.places()?.len(), 3);
    let results = describe(&mut talk)?;
    assert_eq!(described(&results, &b)?.error_code, KAFKA_STORAGE_ERROR);
    until("the cluster knows that they have no leader", || {
        let leaders = leaders(&mut talk)?;
        Ok(places
            .iter()
            .all(|(index, place)| (leaders[index].0 == -1) == (*place == "b")))
    })?;

    two.broker.kill9()?;
    std::fs::remove_file(&b)?;
    std::fs::rename(&aside, &b)?;
    two.broker.restart()?;
    let mut talk = Talk::to(&*two.broker)?;
    eventually("the directory is back", || {
        Ok((leaders(&mut talk)?.values().all(|(leader, _)| *leader == 1)).then_some(()))
    })?;
    assert_eq!(two.places()?, places);
    for index in 0..PARTITIONS {
        assert_eq!(produce(&mut talk, index)?, 0, "t-{index}");
    }
    Ok(())
}

#[test]
fn a_broker_that_loses_its_last_directory_ends() -> Result<()> {
    let broker = super::broker(&Settings::default())?;
    let mut talk = Talk::to(&*broker)?;
    talk.create_topic("t", 1, &[("segment.bytes", "1048576")])?;
    assert_eq!(produce(&mut talk, 0)?, 0);
    let dir = broker.data_dir().join("t-0");
    std::fs::rename(&dir, broker.data_dir().with_file_name("aside"))?;
    std::fs::write(&dir, "in the way")?;
    // The answer may be lost with the process.
    if let Ok(error) = produce(&mut talk, 0) {
        assert_eq!(error, KAFKA_STORAGE_ERROR);
    }
    until("nobody listens", || Ok(Talk::to(&*broker).is_err()))?;
    assert!(
        broker.log_tail().contains(&broker.data_dir().display().to_string()),
        "{}",
        broker.log_tail()
    );
    Ok(())
}
