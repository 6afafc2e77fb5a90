//! `storage info`: the log directories, what they are formatted for, and what is wrong with them.

use anyhow::Result;
use base::fs::RealFs;
use config::BrokerConfig;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use storage::dirs::meta_properties::{MetaProperties, Version};

pub(super) fn run(config: &BrokerConfig) -> Result<ExitCode> {
    let mut found = Vec::new();
    let mut problems = Vec::new();
    let mut metadata: Option<String> = None;
    for dir in directories(config) {
        match inspect(Path::new(dir)) {
            Ok(properties) => {
                found.push(dir.to_owned());
                let shown = describe(&properties, Directory::Left);
                metadata.get_or_insert_with(|| describe(&properties, Directory::Shown));
                if !metadata.as_deref().is_some_and(|first| same_node(first, &shown)) {
                    problems.push(format!(
                        "Metadata for {dir}/meta.properties was {shown}, but other directories featured {}",
                        metadata.as_deref().unwrap_or_default()
                    ));
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    print_section("Found log director", ["y:", "ies:"], &found);
    if let Some(metadata) = &metadata {
        println!("Found metadata: {metadata}\n");
    }
    print_section("Found problem", [":", "s:"], &problems);
    Ok(if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// All directories of the node, sorted.
pub(super) fn directories(config: &BrokerConfig) -> BTreeSet<&str> {
    let dirs = config.log_dirs.iter().map(String::as_str);
    dirs.chain([config.metadata_log_dir.as_str()]).collect()
}

fn inspect(dir: &Path) -> Result<MetaProperties, String> {
    let shown = dir.display();
    match std::fs::metadata(dir) {
        Err(_) => return Err(format!("{shown} does not exist")),
        Ok(found) if !found.is_dir() => return Err(format!("{shown} is not a directory")),
        Ok(_) => {}
    }
    match MetaProperties::read(&RealFs, dir) {
        Ok(Some(properties)) => Ok(properties),
        Ok(None) => Err(format!("{shown} is not formatted.")),
        Err(error) => Err(format!("Error processing {shown}: {error}")),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Directory {
    Shown,
    Left,
}

/// The properties as Kafka prints them: sorted, in braces.
fn describe(properties: &MetaProperties, directory: Directory) -> String {
    let (node, version) = match properties.version {
        Version::V0 => ("broker.id", "0"),
        Version::V1 => ("node.id", "1"),
    };
    let mut shown = Vec::new();
    let node = properties.node_id.map(|id| format!("{node}={id}"));
    shown.extend(properties.cluster_id.as_ref().map(|id| format!("cluster.id={id}")));
    if directory == Directory::Shown {
        shown.extend(properties.directory_id.map(|id| format!("directory.id={id}")));
    }
    shown.extend(node);
    shown.push(format!("version={version}"));
    shown.sort();
    format!("{{{}}}", shown.join(", "))
}

/// Whether the two are of one node: the same but for the directory's id.
fn same_node(with_directory: &str, without: &str) -> bool {
    let mut parts: Vec<&str> = with_directory.trim_matches(['{', '}']).split(", ").collect();
    parts.retain(|part| !part.starts_with("directory.id="));
    format!("{{{}}}", parts.join(", ")) == without
}

fn print_section(head: &str, [one, many]: [&str; 2], lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    println!("{head}{}", if lines.len() == 1 { one } else { many });
    for line in lines {
        println!("  {line}");
    }
    println!();
}
