//! Log directories that get no new partitions (KIP-1066).

use super::two_dirs::{PARTITIONS, TwoDirs, describe, described};
use anyhow::{Context, Result};
use protocol::messages::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use testkit::Talk;
use testkit::talk::{Resource, until};

const INVALID_REPLICATION_FACTOR: i16 = 38;
const INVALID_REQUEST: i16 = 42;
const NODE: Resource<'_> = Resource::Broker("1");
const KEY: &str = "cordoned.log.dirs";

/// The error of creating a topic without a word about where.
fn create(talk: &mut Talk, name: &str) -> Result<(i16, Option<String>)> {
    let topic = CreatableTopic {
        name: name.to_owned(),
        num_partitions: 1,
        replication_factor: 1,
        ..Default::default()
    };
    let request = CreateTopicsRequest {
        topics: vec![topic],
        timeout_ms: 30_000,
        ..Default::default()
    };
    let answer = talk.ask(&request, 7)?.topics.pop().context("an answer for the topic")?;
    Ok((answer.error_code, answer.error_message))
}

fn add_partition(talk: &mut Talk, name: &str, count: i32) -> Result<i16> {
    let topic = CreatePartitionsTopic {
        name: name.to_owned(),
        count,
        assignments: None,
    };
    let request = CreatePartitionsRequest {
        topics: vec![topic],
        timeout_ms: 30_000,
        validate_only: false,
    };
    let answer = talk
        .ask(&request, 3)?
        .results
        .pop()
        .context("an answer for the topic")?;
    Ok(answer.error_code)
}

/// The error of a change of the cordons, and what is said.
fn refused(talk: &mut Talk, value: &str) -> Result<(i16, String)> {
    let config = AlterableConfig {
        name: KEY.to_owned(),
        config_operation: 0,
        value: Some(value.to_owned()),
    };
    let resource = AlterConfigsResource {
        resource_type: 4,
        resource_name: "1".to_owned(),
        configs: vec![config],
    };
    let request = IncrementalAlterConfigsRequest {
        resources: vec![resource],
        validate_only: false,
    };
    let answer = talk.ask(&request, 1)?.responses.pop().context("an answer")?;
    Ok((answer.error_code, answer.error_message.unwrap_or_default()))
}

/// Waits until the broker says that these of the directories are cordoned, and no others.
fn cordoned(two: &TwoDirs, talk: &mut Talk, wanted: &[&str]) -> Result<()> {
    until("the cordons show", || {
        let results = describe(talk)?;
        let is_as_wanted = |name: &&str| Ok(described(&results, &two.dir(name))?.is_cordoned == wanted.contains(name));
        let seen: Result<Vec<bool>> = ["a", "b"].iter().map(is_as_wanted).collect();
        Ok(seen?.iter().all(|it| *it))
    })
}

#[test]
fn a_cordoned_directory_gets_no_new_partitions() -> Result<()> {
    let mut two = TwoDirs::start()?;
    let mut talk = Talk::to(&*two.broker)?;
    cordoned(&two, &mut talk, &[])?;
    let (a, b) = (two.dir("a").display().to_string(), two.dir("b").display().to_string());

    talk.set(NODE, &[(KEY, &a)])?;
    cordoned(&two, &mut talk, &["a"])?;
    talk.create_topic("t", PARTITIONS, &[])?;
    let places = two.places()?;
    assert!(
        places.len() == 6 && places.values().all(|name| *name == "b"),
        "{places:?}"
    );

    talk.set(NODE, &[(KEY, &format!("{a},{b}"))])?;
    cordoned(&two, &mut talk, &["a", "b"])?;
    let mut made = 0;
    until("the controller hears of it", || {
        made += 1;
        Ok(create(&mut talk, &format!("early-{made}"))?.0 == INVALID_REPLICATION_FACTOR)
    })?;
    let (error, says) = create(&mut talk, "u")?;
    let says = says.unwrap_or_default();
    assert_eq!(
        (error, says.as_str()),
        (
            INVALID_REPLICATION_FACTOR,
            "Unable to replicate the partition 1 time(s): All brokers are currently fenced, or have all their log \
             directories cordoned."
        )
    );
    assert_eq!(
        add_partition(&mut talk, "t", PARTITIONS + 1)?,
        INVALID_REPLICATION_FACTOR
    );
    talk.append("t", 0, 100)?;

    // Both kinds of end leave them cordoned.
    two.broker.stop_cleanly()?;
    two.broker.restart()?;
    two.broker.kill9()?;
    two.broker.restart()?;
    let mut talk = Talk::to(&*two.broker)?;
    cordoned(&two, &mut talk, &["a", "b"])?;
    assert_eq!(create(&mut talk, "u")?.0, INVALID_REPLICATION_FACTOR);
    talk.append("t", 0, 100)?;

    talk.set(NODE, &[(KEY, &b)])?;
    cordoned(&two, &mut talk, &["b"])?;
    until("the controller hears of it", || Ok(create(&mut talk, "u")?.0 == 0))?;
    until("where it may", || Ok(two.dir("a").join("u-0").is_dir()))?;
    assert_eq!(talk.alter(NODE, &[(KEY, None)])?, 0);
    cordoned(&two, &mut talk, &[])
}

#[test]
fn what_is_cordoned_is_a_log_directory() -> Result<()> {
    let two = TwoDirs::start()?;
    let mut talk = Talk::to(&*two.broker)?;
    for (value, said) in [
        (
            "/nowhere".to_owned(),
            "requirement failed: All entries in cordoned.log.dirs must be present in log.dirs or log.dir. Missing entries : \
             /nowhere",
        ),
        (
            format!("*,{}", two.dir("a").display()),
            "requirement failed: When cordoned.log.dirs is set to *, it must not contain other values",
        ),
    ] {
        assert_eq!(
            refused(&mut talk, &value)?,
            (INVALID_REQUEST, said.to_owned()),
            "{value}"
        );
    }
    assert_eq!(talk.alter(Resource::AllBrokers, &[(KEY, Some("*"))])?, INVALID_REQUEST);
    cordoned(&two, &mut talk, &[])
}

#[test]
fn the_file_cordons_all_until_a_dynamic_config_says_otherwise() -> Result<()> {
    let two = TwoDirs::start_with(|settings| settings.with(KEY, "*"))?;
    let mut talk = Talk::to(&*two.broker)?;
    assert_eq!(create(&mut talk, "u")?.0, INVALID_REPLICATION_FACTOR);
    talk.set(NODE, &[(KEY, "")])?;
    cordoned(&two, &mut talk, &[])?;
    until("the controller hears of it", || Ok(create(&mut talk, "u")?.0 == 0))?;
    assert_eq!(talk.alter(NODE, &[(KEY, None)])?, 0);
    cordoned(&two, &mut talk, &["a", "b"])
}
