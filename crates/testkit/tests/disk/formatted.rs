//! What `storage format` leaves: the same files with the same records, whoever formats.

use anyhow::{Context, Result};
use records::batches;
use std::collections::BTreeMap;
use std::path::Path;
use testkit::Maker;

/// The key of the control record that begins a snapshot.
const SNAPSHOT_HEADER: &[u8] = &[0, 0, 0, 3];

/// A record's key and value.
type Pair = (Vec<u8>, Vec<u8>);

/// The files of a directory formatted by `maker`, by path, with the records of those that hold some.
fn formatted(maker: Maker, arguments: &[String]) -> Result<BTreeMap<String, Vec<Pair>>> {
    let home = tempfile::TempDir::with_prefix("riverrun-format-")?;
    let data = home.path().join("data");
    let properties = home.path().join("server.properties");
    let text = format!(
        "process.roles=controller\nnode.id=1\nlisteners=CONTROLLER://127.0.0.1:29093\ncontroller.listener.names=CONTROLLER\n\
         controller.quorum.bootstrap.servers=127.0.0.1:29093\nlog.dirs={}\n",
        data.display()
    );
    std::fs::write(&properties, text)?;
    maker.format(home.path(), &properties, arguments)?;
    let mut files = BTreeMap::new();
    read_files(&data, "", &mut files)?;
    Ok(files)
}

fn read_files(dir: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<Pair>>) -> Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if path.is_dir() {
            read_files(&path, &format!("{name}/"), files)?;
        } else if name.ends_with(".checkpoint") {
            files.insert(name, records_of(&path)?);
        } else {
            files.insert(name, Vec::new());
        }
    }
    Ok(())
}

fn records_of(path: &Path) -> Result<Vec<Pair>> {
    let bytes = std::fs::read(path)?;
    let mut found = Vec::new();
    for batch in batches(&bytes) {
        for record in batch?.records().context("not compressed")? {
            let record = record?;
            let mut value = record.value.unwrap_or_default().to_vec();
            if record.key == Some(SNAPSHOT_HEADER) {
                // Behind the version: when the snapshot was made, or zeros.
                let is_dated = value[2..10].iter().any(|byte| *byte != 0);
                value[2..10].fill(u8::from(is_dated));
            }
            found.push((record.key.unwrap_or_default().to_vec(), value));
        }
    }
    Ok(found)
}

/// Up to 4.3 the first records lie in `bootstrap.checkpoint`, and the 0-0 snapshot holds the voters alone (KIP-1170 puts both
/// there from 4.4 on).
#[test]
fn a_directory_is_formatted_as_kafka_formats_it() {
    let voters = "1@127.0.0.1:29093:KrI1wJP_SNq1lnpK0lPjpA";
    let choices = [vec!["--initial-controllers", voters], vec!["--no-initial-controllers"]];
    for choice in choices {
        let arguments: Vec<String> = choice.iter().map(|word| (*word).to_owned()).collect();
        let kafkas = formatted(Maker::Kafka, &arguments).expect("Kafka formats");
        let ours = formatted(Maker::chosen(), &arguments).expect("Riverrun formats");
        assert_eq!(kafkas, ours, "{choice:?}");
        assert!(ours["bootstrap.checkpoint"].len() > 2, "{ours:?}");
    }
}
