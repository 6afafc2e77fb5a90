//! One cluster of Apache Kafka's nodes and ours: a broker of ours beside Kafka's under Kafka's controller, and a controller
//! of ours in a quorum with Kafka's.
//!
//! With `RIVERRUN_STORIES_OF=kafka` in the environment our nodes are Kafka's too, which proves the tests.

mod mixed {
    mod brokers;
    mod controllers;
    mod files;
    mod joining;
    mod swap;
}
