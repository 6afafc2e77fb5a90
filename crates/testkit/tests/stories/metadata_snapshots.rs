//! A metadata log that hardly grows gets a snapshot every now and then all the same (KIP-876).

use anyhow::Result;
use testkit::talk::until;
use testkit::{Settings, Talk, chosen};

#[test]
fn a_snapshot_is_made_after_some_time() -> Result<()> {
    let settings = Settings::default()
        .with("metadata.log.max.snapshot.interval.ms", 1_000)
        .with("metadata.max.idle.interval.ms", 100);
    let broker = chosen::start_one(&settings)?;
    Talk::to(&*broker)?.create_topic("t", 1, &[])?;
    let log = broker.data_dir().join("__cluster_metadata-0");
    let mut count = 0;
    until("snapshots, one after the other", || {
        let names = std::fs::read_dir(&log)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let names = names.collect::<std::io::Result<Vec<String>>>()?;
        // The first one comes with the format.
        count = names
            .iter()
            .filter(|name| name.ends_with(".checkpoint") && !name.starts_with("00000000000000000000-"))
            .count();
        Ok(count >= 2)
    })
}
