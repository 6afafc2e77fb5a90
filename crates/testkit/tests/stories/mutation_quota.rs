//! Whoever has partitions made faster than the quota allows is refused, or told to wait where the client's version knows no refusal
//! (KIP-599).

use anyhow::{Context, Result, ensure};
use protocol::messages::alter_client_quotas_request::{AlterClientQuotasRequest, EntityData, EntryData, OpData};
use protocol::messages::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use protocol::messages::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use std::time::{Duration, Instant};
use testkit::talk::{eventually, until};
use testkit::{Cluster, Settings, Talk};

const THROTTLING_QUOTA_EXCEEDED: i16 = 89;
/// Far beyond what is saved up: the debt is paid in about a minute.
const PARTITIONS: i32 = 60;

/// A change to the quota of this test's client id.
pub(super) fn quota(broker: &dyn Cluster, rate: Option<f64>) -> Result<()> {
    let entity = EntityData {
        entity_type: "client-id".to_owned(),
        entity_name: Some("testkit".to_owned()),
    };
    let op = OpData {
        key: "controller_mutation_rate".to_owned(),
        value: rate.unwrap_or_default(),
        remove: rate.is_none(),
    };
    let request = AlterClientQuotasRequest {
        entries: vec![EntryData {
            entity: vec![entity],
            ops: vec![op],
        }],
        validate_only: false,
    };
    let answer = Talk::to(broker)?.ask(&request, 1)?;
    ensure!(answer.entries.iter().all(|entry| entry.error_code == 0), "{answer:?}");
    Ok(())
}

/// Error, message and how long to wait. A connection of its own: it is not read from while its client is to wait.
fn create(broker: &dyn Cluster, name: &str, count: i32, version: i16) -> Result<(i16, Option<String>, i32)> {
    create_over(&mut Talk::to(broker)?, name, count, version)
}

fn create_over(talk: &mut Talk, name: &str, count: i32, version: i16) -> Result<(i16, Option<String>, i32)> {
    let topic = CreatableTopic {
        name: name.to_owned(),
        num_partitions: count,
        replication_factor: -1,
        ..Default::default()
    };
    let request = CreateTopicsRequest {
        topics: vec![topic],
        timeout_ms: 30_000,
        ..Default::default()
    };
    let mut answer = talk.ask(&request, version)?;
    let topic = answer.topics.pop().context("an answer for the topic")?;
    Ok((topic.error_code, topic.error_message, answer.throttle_time_ms))
}

#[test]
fn who_makes_too_many_partitions_is_refused_or_told_to_wait() -> Result<()> {
    let settings = Settings::default().with("controller.quota.window.num", 2);
    let broker = super::broker(&settings)?;
    assert_eq!(create(&*broker, "before", 1, 7)?, (0, None, 0));
    quota(&*broker, Some(1.0))?;
    let mut number = 0;
    // Kafka's controller takes a moment to know of the quota.
    let (message, wait) = eventually("a refusal", || {
        number += 1;
        let (error, message, wait) = create(&*broker, &format!("t-{number}"), PARTITIONS, 7)?;
        ensure!([0, THROTTLING_QUOTA_EXCEEDED].contains(&error), "error {error}");
        Ok((error != 0).then_some((message, wait)))
    })?;
    assert_eq!(message, None);
    assert!((1..120_000).contains(&wait), "{wait} ms");

    let (error, _, wait) = create(&*broker, "old-client", 1, 5)?;
    assert!(error == 0 && wait > 0, "an older client: error {error}, {wait} ms");
    let request = CreatePartitionsRequest {
        topics: vec![CreatePartitionsTopic {
            name: "before".to_owned(),
            count: 2,
            assignments: None,
        }],
        timeout_ms: 30_000,
        validate_only: false,
    };
    let answer = Talk::to(&*broker)?.ask(&request, 3)?;
    assert_eq!(answer.results[0].error_code, THROTTLING_QUOTA_EXCEEDED);
    assert!(answer.throttle_time_ms > 0, "{answer:?}");
    let request = DeleteTopicsRequest {
        topics: vec![DeleteTopicState {
            name: Some("before".to_owned()),
            ..Default::default()
        }],
        timeout_ms: 30_000,
        ..Default::default()
    };
    let answer = Talk::to(&*broker)?.ask(&request, 6)?;
    assert_eq!(answer.responses[0].error_code, THROTTLING_QUOTA_EXCEEDED);
    assert!(answer.throttle_time_ms > 0, "{answer:?}");

    quota(&*broker, None)?;
    until("nobody is refused any more", || {
        number += 1;
        Ok(create(&*broker, &format!("t-{number}"), 1, 7)? == (0, None, 0))
    })
}

#[test]
fn who_is_told_to_wait_is_not_heard_meanwhile() -> Result<()> {
    let settings = Settings::default().with("controller.quota.window.num", 2);
    let broker = super::broker(&settings)?;
    // Two seconds' worth is saved up, and one more is owed after the first topic.
    quota(&*broker, Some(f64::from(PARTITIONS) / 3.0))?;
    let mut number = 0;
    let (mut talk, sent, wait) = eventually("a refusal", || {
        number += 1;
        let (mut talk, sent) = (Talk::to(&*broker)?, Instant::now());
        let (error, _, wait) = create_over(&mut talk, &format!("t-{number}"), PARTITIONS, 7)?;
        Ok((error != 0).then_some((talk, sent, wait)))
    })?;
    assert!(wait > 0);
    // One partition more is allowed as soon as there is no debt.
    let (error, _, _) = create_over(&mut talk, "after", 1, 7)?;
    let wait = Duration::from_millis(u64::try_from(wait)?);
    assert!(sent.elapsed() >= wait, "heard after {:?} of {wait:?}", sent.elapsed());
    assert_eq!(error, 0);
    Ok(())
}
