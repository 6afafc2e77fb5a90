//! `cargo xtask tidy`: the rules of the house that a compiler does not check.

mod circles;
mod features;
mod files;
mod layers;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Checks every rule, prints each breach, and fails if there is one.
pub fn run() -> Result<()> {
    let breaches = breaches(&root())?;
    for breach in &breaches {
        eprintln!("{breach}");
    }
    if breaches.is_empty() {
        eprintln!("tidy");
        return Ok(());
    }
    bail!("{} breaches of the rules in ARCHITECTURE.md", breaches.len())
}

fn breaches(root: &Path) -> Result<Vec<String>> {
    let mut breaches = layers::check(root)?;
    let sources = files::sources(root)?;
    breaches.extend(files::check(&sources));
    breaches.extend(circles::check(&sources));
    breaches.extend(features::check(root)?);
    breaches.extend(super::sim::check(root)?);
    Ok(breaches)
}

/// The folder of the workspace's `Cargo.toml`.
fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask is a folder of the workspace").to_owned()
}

#[test]
fn the_house_is_tidy() {
    assert_eq!(breaches(&root()).unwrap(), Vec::<String>::new());
}
