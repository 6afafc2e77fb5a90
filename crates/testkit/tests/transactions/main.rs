//! Transactions over the raw wire: what is committed shows whole, what is not never does, whatever happens to the broker or
//! the producer. Told of clients that add partitions themselves, and of those of transaction.version 2.
//!
//! With `RIVERRUN_STORIES_OF=kafka` in the environment the stories are told of Apache Kafka, with `RIVERRUN_NODES=3` of three nodes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod crashes;
mod fencing;
mod outcomes;
mod producer;
mod reader;
mod refusals;

use anyhow::{Result, ensure};
use producer::Style;
use protocol::messages::update_features_request::{FeatureUpdateKey, UpdateFeaturesRequest};
use testkit::{Cluster, Settings, Talk, chosen};

const TOPIC: &str = "written-in-transactions";
const PARTITIONS: i32 = 3;

/// Starts the broker that the stories are about, in a cluster of the version that the style stands for.
fn broker(settings: &Settings, style: Style) -> Result<(Box<dyn Cluster>, Talk)> {
    let settings = settings
        .clone()
        .with("transaction.state.log.num.partitions", 3)
        .with("offsets.topic.num.partitions", 2);
    let broker = chosen::start(&settings)?;
    let mut talk = Talk::to(&*broker)?;
    if style == Style::Early {
        set_version(&mut talk, 1)?;
    }
    talk.create_topic(TOPIC, PARTITIONS, &[])?;
    Ok((broker, talk))
}

/// Has the cluster go back to an older transaction.version.
fn set_version(talk: &mut Talk, level: i16) -> Result<()> {
    let request = UpdateFeaturesRequest {
        timeout_ms: 30_000,
        feature_updates: vec![FeatureUpdateKey {
            feature: "transaction.version".to_owned(),
            max_version_level: level,
            upgrade_type: 2,
            ..Default::default()
        }],
        validate_only: false,
    };
    let answer = talk.ask(&request, 1)?;
    ensure!(
        answer.error_code == 0 && answer.results.iter().all(|result| result.error_code == 0),
        "{answer:?}"
    );
    Ok(())
}
