//! Formatting, and the first start after it.

use crate::setup::{CLUSTER, config, options, start_with};
use base::fs::{Fs, RealFs};
use base::{NodeId, Rng, Timestamp};
use metadata::MetadataVersion;
use metadata::bootstrap::bootstrap_records;
use quorum::format::{FirstVoters, Formatting, format};
use raft::SnapshotId;
use raft::snapshot::{SnapshotHeader, SnapshotWriter};
use raft::voters::{Endpoint, parse_static};
use std::path::Path;
use std::sync::Arc;

fn formatted(dir: &Path, voters: FirstVoters) -> base::Uuid {
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    let formatting = Formatting {
        cluster_id: CLUSTER.to_owned(),
        node_id: NodeId(1),
        dirs: vec![dir.to_owned()],
        metadata_dir: dir.to_owned(),
        bootstrap: bootstrap_records(MetadataVersion::IBP_3_9_IV0, &[]),
        voters,
    };
    let ids = format(&fs, &formatting, Timestamp(1), &mut Rng::from_seed(3)).unwrap();
    ids[0].1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standalone_node_votes_for_itself_at_the_release_it_was_formatted_for() {
    let dir = tempfile::tempdir().unwrap();
    let endpoint = Endpoint {
        listener: "CONTROLLER".into(),
        host: "127.0.0.1".into(),
        port: 29093,
    };
    let directory = formatted(dir.path(), FirstVoters::Standalone(vec![endpoint]));
    let config = config(dir.path(), &["controller.quorum.bootstrap.servers=127.0.0.1:29093"]);
    let node = start_with(options(&config, directory));
    let published = node.published.borrow().clone();
    assert_eq!(published.kraft_version, 1);
    assert_eq!(
        published.image.features.metadata_version,
        Some(MetadataVersion::IBP_3_9_IV0)
    );
    node.stop().await.unwrap();
    let meta = std::fs::read_to_string(dir.path().join("meta.properties")).unwrap();
    assert!(meta.contains(&format!("directory.id={directory}")), "{meta}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_voter_waits_for_those_who_are() {
    let nobody_there = "controller.quorum.bootstrap.servers=127.0.0.1:1";
    let others = parse_static("2@127.0.0.1:1", "CONTROLLER").unwrap();
    for voters in [FirstVoters::Initial(others), FirstVoters::ToBeFound] {
        let dir = tempfile::tempdir().unwrap();
        let directory = formatted(dir.path(), voters);
        let node = start_with(options(&config(dir.path(), &[nobody_there]), directory));
        let active = node.active.borrow().clone();
        assert_eq!((active.id, active.epoch), (None, base::LeaderEpoch(0)));
        assert_eq!(node.published.borrow().end.0, 0, "nothing is known to be committed");
        node.stop().await.unwrap();
    }
}

/// As releases from 4.4 on format (KIP-1170): voters and first records in one file, and no `bootstrap.checkpoint`.
#[tokio::test(flavor = "multi_thread")]
async fn first_records_may_lie_in_the_bootstrap_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("__cluster_metadata-0");
    std::fs::create_dir(&log).unwrap();
    let header = SnapshotHeader {
        last_contained_timestamp: Timestamp(0),
        kraft_version: 1,
        voters: parse_static("1@127.0.0.1:29093", "CONTROLLER").ok(),
    };
    let (mut writer, first) = SnapshotWriter::begin(SnapshotId::BOOTSTRAP, &header, Timestamp(1));
    let mut batches = vec![first];
    for record in bootstrap_records(MetadataVersion::IBP_3_9_IV0, &[]) {
        batches.extend(writer.append(&record.encode(0).unwrap()));
    }
    batches.extend(writer.finish());
    let mut file = Vec::new();
    for sealed in batches {
        file.extend_from_slice(&sealed.batch.header_at(sealed.base, sealed.epoch));
        file.extend_from_slice(sealed.batch.body());
    }
    std::fs::write(log.join(SnapshotId::BOOTSTRAP.file_name()), file).unwrap();

    let config = config(dir.path(), &["controller.quorum.bootstrap.servers=127.0.0.1:29093"]);
    let node = start_with(options(&config, crate::setup::DIRECTORY.parse().unwrap()));
    let published = node.published.borrow().clone();
    assert_eq!(published.kraft_version, 1);
    assert_eq!(
        published.image.features.metadata_version,
        Some(MetadataVersion::IBP_3_9_IV0)
    );
    node.stop().await.unwrap();
}
