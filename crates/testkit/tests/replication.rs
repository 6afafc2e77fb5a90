//! Data on several nodes: nothing acknowledged is lost with a node, logs that diverged become one, who lags leaves and comes
//! back, replicas move, consumers read from the nearest.
//!
//! With `RIVERRUN_STORIES_OF=kafka` in the environment the nodes are Apache Kafka's, which proves the tests.

mod replication {
    mod between_dirs;
    mod divergence;
    mod hints;
    mod in_sync;
    mod losses;
    mod moves;
    mod nearest;
    mod rig;
    mod unclean;
}
