//! Which broker a test is about: ours, or Apache Kafka with `RIVERRUN_STORIES_OF=kafka` in the environment, which proves
//! the test.

use anyhow::Result;

use crate::{Cluster, KafkaBroker, RiverrunBroker, Settings};

/// Starts that broker.
pub fn start(settings: &Settings) -> Result<Box<dyn Cluster>> {
    match std::env::var("RIVERRUN_STORIES_OF").as_deref() {
        Ok("kafka") => Ok(Box::new(KafkaBroker::start(settings)?)),
        _ => Ok(Box::new(RiverrunBroker::start(settings)?)),
    }
}
