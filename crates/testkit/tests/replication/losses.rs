//! A node dies: whatever was acknowledged with acks=all is there, from the next leader on.

use super::rig::{append, plan, start, texts, until_alike};
use testkit::Cluster;

#[test]
fn acknowledged_records_survive_the_loss_of_any_node() {
    let mut cluster = start(&plan(3).with("min.insync.replicas", 2));
    cluster
        .create_topic(1, "kept", &[&[1, 2, 3], &[2, 3, 1], &[3, 1, 2]], &[])
        .unwrap_or_else(|error| panic!("{error:#}"));
    let mut written: Vec<Vec<String>> = vec![Vec::new(); 3];
    let mut write = |cluster: &testkit::Nodes, text: String| {
        for (index, written) in (0..).zip(&mut written) {
            append(cluster, "kept", index, &text);
            written.push(text.clone());
        }
        for (index, written) in (0..).zip(&written) {
            let found = texts(cluster, "kept", index);
            let mut once = found.clone();
            // An append whose answer was lost is sent again.
            once.dedup();
            assert_eq!(&once, written, "partition {index}");
        }
    };
    write(&cluster, "with all".to_owned());
    for dead in [1, 2, 3] {
        cluster.node_mut(dead).kill9().expect("it dies");
        let left: Vec<i32> = [1, 2, 3].into_iter().filter(|id| *id != dead).collect();
        write(&cluster, format!("without {dead}"));
        for index in 0..3 {
            cluster
                .until_in_sync("kept", index, &left)
                .unwrap_or_else(|error| panic!("{error:#}"));
        }
        cluster
            .node_mut(dead)
            .restart()
            .unwrap_or_else(|error| panic!("{error:#}"));
        write(&cluster, format!("with {dead} again"));
        for index in 0..3 {
            cluster
                .until_in_sync("kept", index, &[1, 2, 3])
                .unwrap_or_else(|error| panic!("{error:#}"));
            until_alike(&cluster, &[1, 2, 3], "kept", i32::try_from(index).expect("small"));
        }
    }
}

#[test]
fn a_node_that_stops_hands_over_first() {
    let mut cluster = start(&plan(3).with("min.insync.replicas", 2));
    cluster
        .create_topic(1, "handed", &[&[2, 1, 3]], &[])
        .unwrap_or_else(|error| panic!("{error:#}"));
    append(&cluster, "handed", 0, "before");
    cluster.node_mut(2).stop_cleanly().expect("it stops");
    append(&cluster, "handed", 0, "after");
    cluster
        .until_in_sync("handed", 0, &[1, 3])
        .unwrap_or_else(|error| panic!("{error:#}"));
    cluster
        .node_mut(2)
        .restart()
        .unwrap_or_else(|error| panic!("{error:#}"));
    cluster
        .until_in_sync("handed", 0, &[1, 2, 3])
        .unwrap_or_else(|error| panic!("{error:#}"));
    cluster.elect_preferred("handed", 0).expect("it leads again");
    cluster
        .until_led_by("handed", 0, 2)
        .unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!(texts(&cluster, "handed", 0), ["before", "after"]);
}
