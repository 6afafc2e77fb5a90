//! Starting on the metadata log of an Apache Kafka 4.3 node (`tests/kafka-4.3`: a dynamic quorum of one voter).

use crate::setup::{config, lasting, start};
use std::fs;
use std::path::Path;

/// Copies a directory of files and directories.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::write(target, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn we_lead_on_where_kafka_stopped() {
    let dir = tempfile::tempdir().unwrap();
    copy(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka-4.3"),
        dir.path(),
    );
    let dynamic = config(dir.path(), &["controller.quorum.bootstrap.servers=127.0.0.1:29093"]);
    let node = start(&dynamic);
    let published = node.published.borrow().clone();
    assert_eq!(published.kraft_version, 1);
    // Kafka's log ends at 636; our election and our registration add a record each.
    assert_eq!(published.end.0, 638);
    let topics: Vec<_> = published
        .image
        .topics
        .iter()
        .map(|topic| topic.name.to_string())
        .collect();
    assert!(
        topics.contains(&"g-compact".to_owned()) && topics.contains(&"__consumer_offsets".to_owned()),
        "{topics:?}"
    );
    node.stop().await.unwrap();

    let log = dir.path().join("__cluster_metadata-0");
    let state = fs::read_to_string(log.join("quorum-state")).unwrap();
    assert!(
        state.starts_with(r#"{"leaderId":1,"leaderEpoch":2,"votedId":-1,"#),
        "{state}"
    );
    assert_eq!(
        fs::read_to_string(log.join("leader-epoch-checkpoint")).unwrap(),
        "0\n2\n1 0\n2 636\n"
    );

    let again = start(&dynamic);
    assert_eq!(lasting(&again.published.borrow().image), lasting(&published.image));
    again.stop().await.unwrap();
}
