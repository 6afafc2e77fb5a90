use super::name::{self, DirKind, PartitionDirName};
use super::*;
use base::fs::{Open, RealFs};
use base::{NodeId, Rng, TopicPartition, Uuid};
use std::path::PathBuf;

fn id(text: &str) -> Uuid {
    text.parse().expect("a well-formed id")
}

fn write(path: PathBuf, text: &str) {
    let file = RealFs.open(&path, Open::Truncate).expect("the directory is writable");
    file.write_at(text.as_bytes(), 0).expect("the file is writable");
}

#[test]
fn meta_properties_of_kafka_4_3_are_read_and_written_back() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    assert_eq!(MetaProperties::read(&RealFs, dir.path()).expect("readable"), None);
    let by_kafka = "#\n#Sun Nov 22 07:17:17 UTC 2026\nnode.id=1\ndirectory.id=KrI1wJP_SNq1lnpK0lPjpA\nversion=1\n\
                    cluster.id=AAAAAAAAAAAAAAAAAAAABQ\n";
    write(dir.path().join(meta_properties::FILE_NAME), by_kafka);
    let read = MetaProperties::read(&RealFs, dir.path())
        .expect("readable")
        .expect("there");
    let directory_id = id("KrI1wJP_SNq1lnpK0lPjpA");
    assert_eq!(
        read,
        MetaProperties::v1("AAAAAAAAAAAAAAAAAAAABQ".to_owned(), NodeId(1), directory_id)
    );
    let odd = MetaProperties::v1(" a=b:c\\#ä".to_owned(), NodeId(7), directory_id);
    for properties in [read, odd] {
        properties.write(&RealFs, dir.path()).expect("writable");
        assert_eq!(
            MetaProperties::read(&RealFs, dir.path()).expect("readable"),
            Some(properties)
        );
    }
}

#[test]
fn meta_properties_are_judged_by_their_version() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let outcome = |text: &str| {
        write(dir.path().join(meta_properties::FILE_NAME), text);
        match MetaProperties::read(&RealFs, dir.path()) {
            Ok(read) => format!("{:?}", read.expect("there").node_id),
            Err(MetaPropertiesError::Missing { key, .. }) => format!("lacks {key}"),
            Err(MetaPropertiesError::Invalid { key, value, .. }) => format!("invalid {key} {value}"),
            Err(MetaPropertiesError::Io { .. } | MetaPropertiesError::Syntax { .. }) => "other".to_owned(),
        }
    };
    assert_eq!(outcome("broker.id=3\n"), "Some(NodeId(3))");
    assert_eq!(outcome("version=0\n"), "None");
    assert_eq!(outcome("version=1\nnode.id=3\n"), "lacks cluster.id");
    assert_eq!(outcome("version=1\ncluster.id=c\nbroker.id=3\n"), "lacks node.id");
    assert_eq!(outcome("version=1\ncluster.id=c\nnode.id=x\n"), "invalid node.id x");
    assert_eq!(outcome("version=2\n"), "invalid version 2");
    assert_eq!(outcome("directory.id=short\n"), "invalid directory.id short");
}

#[test]
fn the_clean_shutdown_marker_is_kafkas() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    assert_eq!(CleanShutdown::read(&RealFs, dir.path()).expect("readable"), None);
    let marker = CleanShutdown { broker_epoch: Some(16) };
    marker.write(&RealFs, dir.path()).expect("writable");
    let path = dir.path().join(clean_shutdown::FILE_NAME);
    assert_eq!(
        RealFs.read(&path).expect("readable"),
        br#"{"version":0,"brokerEpoch":16}"#
    );
    assert_eq!(
        CleanShutdown::read(&RealFs, dir.path()).expect("readable"),
        Some(marker)
    );
    for unknown in ["", "not json", r#"{"version":0,"brokerEpoch":-1}"#] {
        write(path.clone(), unknown);
        let read = CleanShutdown::read(&RealFs, dir.path()).expect("readable");
        assert_eq!(read, Some(CleanShutdown { broker_epoch: None }), "{unknown}");
    }
    CleanShutdown::remove(&RealFs, dir.path()).expect("removable");
    CleanShutdown::remove(&RealFs, dir.path()).expect("fine twice");
    assert_eq!(CleanShutdown::read(&RealFs, dir.path()).expect("readable"), None);
}

#[test]
fn partition_metadata_is_kafkas() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let read = || partition_metadata::read(&RealFs, dir.path());
    assert_eq!(read().expect("readable"), None);
    let topic_id = id("AAAAAAAAAAAAAAAAAAAAAQ");
    partition_metadata::write(&RealFs, dir.path(), topic_id).expect("writable");
    let bytes = RealFs
        .read(&dir.path().join(partition_metadata::FILE_NAME))
        .expect("readable");
    assert_eq!(bytes, b"version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ");
    assert_eq!(read().expect("readable"), Some(topic_id));
    for bad in [
        "",
        "version: 0\n",
        "version: -1\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ",
        "topic_id: x\nversion: 0",
        "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA",
    ] {
        write(dir.path().join(partition_metadata::FILE_NAME), bad);
        assert!(matches!(read(), Err(PartitionMetadataError::Malformed { .. })), "{bad}");
    }
}

#[test]
fn directory_names_are_understood() {
    let kind = |text: &str| PartitionDirName::parse(text).map(|name| (name.partition.to_string(), name.kind));
    let is = |partition: &str, kind| Some((partition.to_owned(), kind));
    assert_eq!(kind("t-0"), is("t-0", DirKind::Current));
    assert_eq!(kind("a-b.c-12"), is("a-b.c-12", DirKind::Current));
    assert_eq!(
        kind("a.b-1.0123456789abcdef0123456789abcdef-delete"),
        is("a.b-1", DirKind::Delete)
    );
    assert_eq!(kind("t-1.0123-stray"), is("t-1", DirKind::Stray));
    assert_eq!(kind("t-1.0123-future"), is("t-1", DirKind::Future));
    for other in [
        "t",
        "-0",
        "t-",
        "t-x",
        "t-1.-delete",
        "t-delete",
        "t-+1",
        "t--",
        "",
        "lost+found",
        "t-99999999999",
    ] {
        assert_eq!(kind(other), None, "{other}");
    }
    // A topic may be called what a suffix looks like, as long as it ends in a number.
    assert_eq!(kind("x-delete-3"), is("x-delete-3", DirKind::Current));
}

#[test]
fn fresh_names_fit_and_are_understood() {
    let mut rng = Rng::from_seed(5);
    let long = TopicPartition::new("t".repeat(249), 12345);
    for (name, kind) in [
        (name::delete(&long, &mut rng), DirKind::Delete),
        (name::stray(&long, &mut rng), DirKind::Stray),
    ] {
        assert_eq!(name.len(), 255);
        let read = PartitionDirName::parse(&name).expect("our own name");
        assert_eq!((read.partition.partition, read.kind), (12345, kind));
    }
    let short = TopicPartition::new("a.b-c", 3);
    for name in [
        name::delete(&short, &mut rng),
        name::stray(&short, &mut rng),
        name::future(&short, &mut rng),
    ] {
        assert_eq!(
            PartitionDirName::parse(&name).expect("our own name").partition,
            short,
            "{name}"
        );
    }
    assert_eq!(name::current(&short), "a.b-c-3");
}

#[test]
fn a_log_directory_is_sorted_into_its_parts() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let names = [
        "b-1",
        "a-0",
        "a-0.00ff-future",
        "old-3.00ff-delete",
        "lonely-4.00ff-stray",
        "__cluster_metadata-0",
        "remote-log-index-cache",
        "lost+found",
    ];
    for name in names {
        RealFs.create_dir(&dir.path().join(name)).expect("creatable");
    }
    write(dir.path().join("meta.properties"), "");
    partition_metadata::write(&RealFs, &dir.path().join("a-0"), Uuid::ONE).expect("writable");
    write(dir.path().join("old-3.00ff-delete/partition.metadata"), "damaged");
    let found = scan(&RealFs, dir.path()).expect("only known directories");
    let list = |dirs: &[PartitionDir]| dirs.iter().map(|dir| dir.partition.to_string()).collect::<Vec<_>>();
    assert_eq!(list(&found.current), ["a-0", "b-1"]);
    let mut found = found;
    for dir in &mut found.current {
        dir.read_topic_id(&RealFs).expect("readable");
    }
    assert_eq!(found.current[0].topic_id, Some(Uuid::ONE));
    assert_eq!(found.current[1].topic_id, None);
    assert_eq!(list(&found.future), ["a-0"]);
    assert_eq!(list(&found.deleted), ["old-3"]);
    assert_eq!(list(&found.stray), ["lonely-4"]);
    assert_eq!(found.metadata, Some(dir.path().join("__cluster_metadata-0")));
    RealFs.create_dir(&dir.path().join("holiday")).expect("creatable");
    assert!(matches!(
        scan(&RealFs, dir.path()),
        Err(ScanError::UnknownDirectory { .. })
    ));
}
