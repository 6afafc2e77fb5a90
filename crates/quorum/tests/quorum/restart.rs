//! What survives a stop, and what survives without one.

use crate::setup::{STATIC, config, lasting, register, start, unfence};
use base::NodeId;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_cluster_begins_with_the_newest_features() {
    let dir = tempfile::tempdir().unwrap();
    let node = start(&config(dir.path(), &[STATIC]));
    let published = node.published.borrow().clone();
    assert_eq!(
        published.image.features.metadata_version,
        Some(metadata::MetadataVersion::LATEST_PRODUCTION)
    );
    // The leader change, the bootstrap transaction's two ends, six features, min.insync.replicas, this controller.
    assert_eq!(published.end.0, 11);
    assert_eq!(published.image.controllers.iter().count(), 1);
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_registers_and_is_still_registered_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &[STATIC]);
    let node = start(&config);
    let registered = register(&node, 1).await;
    assert_eq!((registered.error_code, registered.broker_epoch), (0, 11));
    let heartbeat = unfence(&node, registered.broker_epoch).await;
    assert_eq!(
        (heartbeat.error_code, heartbeat.is_fenced, heartbeat.is_caught_up),
        (0, false, true)
    );
    let before = node.published.borrow().image.clone();
    assert!(before.brokers.is_active(NodeId(1)));
    node.stop().await.unwrap();

    let node = start(&config);
    assert_eq!(lasting(&node.published.borrow().image), lasting(&before));
    let again = register(&node, 2).await;
    assert_eq!(
        again.error_code, 0,
        "this node's earlier incarnation ended with its process: {again:?}"
    );
    let third = register(&node, 3).await;
    assert_eq!(
        third.error_code, 0,
        "the second was never unfenced, so it has no session: {third:?}"
    );
    unfence(&node, third.broker_epoch).await;
    assert_eq!(register(&node, 4).await.error_code, 101, "the third's session is alive");
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_not_stopped_loses_nothing_it_answered() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &[STATIC]);
    let mut end = 0;
    for incarnation in 1..4 {
        let copy = tempfile::tempdir().unwrap();
        let node = start(&config);
        let registered = register(&node, incarnation).await;
        let before = node.published.borrow().clone();
        assert!(before.end.0 > end, "{registered:?}");
        end = before.end.0;
        // As after a crash: the files as they are while the node runs.
        crate::kafka_directory::copy(dir.path(), copy.path());
        let other = start(&crate::setup::config(copy.path(), &[STATIC]));
        assert_eq!(lasting(&other.published.borrow().image), lasting(&before.image));
        other.stop().await.unwrap();
        node.stop().await.unwrap();
    }
}
