//! Stories of the whole program, told over the raw wire: what a client, an operator or a disk does, and what comes of it.
//!
//! With `RIVERRUN_STORIES_OF=kafka` in the environment they are told of Apache Kafka, all but those about our own command:
//! so a story is proved to be Kafka's before Riverrun is held to it.

mod stories {
    mod bad_input;
    mod dynamic_configs;
    mod fetching;
    mod flushing;
    mod full_disk;
    mod idempotence;
    mod log_dirs;
    mod metrics;
    mod open_files;
    mod removal;
    mod serving;

    use testkit::{Cluster, KafkaBroker, RiverrunBroker, Settings};

    /// Starts the broker that the stories are about.
    fn broker(settings: &Settings) -> anyhow::Result<Box<dyn Cluster>> {
        match std::env::var("RIVERRUN_STORIES_OF").as_deref() {
            Ok("kafka") => Ok(Box::new(KafkaBroker::start(settings)?)),
            _ => Ok(Box::new(RiverrunBroker::start(settings)?)),
        }
    }
}
