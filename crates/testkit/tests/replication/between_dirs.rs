//! Leader and follower change the log directory while records come and go between them.

use super::rig::{append, plan, start, until_alike};
use protocol::messages::alter_replica_log_dirs_request::{
    AlterReplicaLogDir, AlterReplicaLogDirTopic, AlterReplicaLogDirsRequest,
};
use std::path::{Path, PathBuf};
use testkit::Nodes;
use testkit::talk::until;

const NODES: [i32; 2] = [1, 2];

/// The directory of a node that holds the partition, and the other one.
fn here_and_there(home: &Path, node: i32) -> (PathBuf, PathBuf) {
    let [a, b] = ["a", "b"].map(|name| home.join(format!("{node}-{name}")));
    if a.join("moving-0").is_dir() { (a, b) } else { (b, a) }
}

fn move_to(cluster: &Nodes, node: i32, to: &Path) {
    let topic = AlterReplicaLogDirTopic {
        name: "moving".to_owned(),
        partitions: vec![0],
    };
    let dir = AlterReplicaLogDir {
        path: to.display().to_string(),
        topics: vec![topic],
    };
    let request = AlterReplicaLogDirsRequest { dirs: vec![dir] };
    let answer = cluster.node(node).talk().and_then(|mut talk| talk.ask(&request, 2));
    let answer = answer.expect("an answer");
    assert_eq!(answer.results[0].partitions[0].error_code, 0, "node {node}: {answer:?}");
}

#[test]
fn leader_and_follower_change_directories_under_load() {
    let home = tempfile::TempDir::with_prefix("riverrun-between-").expect("created");
    let mut plan = plan(2).with("min.insync.replicas", 2);
    for node in NODES {
        let dirs = ["a", "b"].map(|name| home.path().join(format!("{node}-{name}")));
        plan = plan.node(node, |settings| {
            settings
                .with("log.dirs", format!("{},{}", dirs[0].display(), dirs[1].display()))
                .with("metadata.log.dir", dirs[0].display())
        });
    }
    let cluster = start(&plan);
    cluster
        .create_topic(1, "moving", &[&NODES], &[])
        .unwrap_or_else(|error| panic!("{error:#}"));
    let mut count = 0;
    let mut write = |many: i64| {
        for _ in 0..many {
            assert_eq!(append(&cluster, "moving", 0, &format!("record {count}")), count);
            count += 1;
        }
    };
    write(20);
    for node in [1, 2, 1] {
        let (from, to) = here_and_there(home.path(), node);
        move_to(&cluster, node, &to);
        until("the replica has moved", || {
            write(5);
            Ok(to.join("moving-0").is_dir() && !from.join("moving-0").exists())
        })
        .unwrap_or_else(|error| panic!("node {node}: {error:#}\n{}", cluster.log_tails()));
        write(10);
    }
    until_alike(&cluster, &NODES, "moving", 0);
    let known = cluster.node(1).partition("moving", 0).expect("asked");
    let known = known.expect("it is known");
    assert_eq!((known.isr.len(), known.epoch), (2, 0), "nobody left: {known:?}");
}
