//! Stories of the whole program, told over the raw wire: what a client, an operator or a disk does, and what comes of it.
//!
//! With `RIVERRUN_STORIES_OF=kafka` in the environment they are told of Apache Kafka, all but those about our own command:
//! so a story is proved to be Kafka's before Riverrun is held to it. With `RIVERRUN_NODES=3` they are told of three nodes in the
//! place of one, all but those about one broker's process and directory.

mod stories {
    mod append_linger;
    mod bad_input;
    mod cleaning;
    mod client_quotas;
    mod config_providers;
    mod connection_limits;
    mod cordoned_dirs;
    mod dynamic_configs;
    mod fetching;
    mod flushing;
    mod full_disk;
    mod idempotence;
    mod log_dirs;
    mod metadata_snapshots;
    mod metrics;
    mod moves_between_dirs;
    mod mutation_quota;
    mod open_files;
    mod removal;
    mod serving;
    mod two_dirs;

    use testkit::chosen::start as broker;
}
