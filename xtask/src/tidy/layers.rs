//! Which crate uses which: the `Cargo.toml` files against `xtask/layers.toml`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// The layer of the sockets: below it the world is an argument, which a `clippy.toml` in each crate enforces.
const SOCKETS: u8 = 4;

#[derive(Deserialize)]
struct Table {
    crates: BTreeMap<String, Row>,
    beside: Beside,
}

#[derive(Deserialize)]
struct Row {
    layer: u8,
    uses: Vec<String>,
}

#[derive(Deserialize)]
struct Beside {
    crates: Vec<String>,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    dependencies: BTreeMap<String, toml::Value>,
}

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let table = std::fs::read_to_string(root.join("xtask/layers.toml")).context("xtask/layers.toml")?;
    let table: Table = toml::from_str(&table).context("xtask/layers.toml")?;
    let mut breaches = table.faults();
    for entry in std::fs::read_dir(root.join("crates"))? {
        let dir = entry?.path();
        let manifest = std::fs::read_to_string(dir.join("Cargo.toml")).with_context(|| dir.display().to_string())?;
        let manifest: Manifest = toml::from_str(&manifest).with_context(|| dir.display().to_string())?;
        let name = dir
            .file_name()
            .and_then(|name| name.to_str())
            .context("a crate's folder has a plain name")?;
        breaches.extend(table.judge(name, &manifest, dir.join("clippy.toml").exists()));
    }
    Ok(breaches)
}

impl Table {
    /// Edges of the table itself that do not lead downward.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (name, row) in &self.crates {
            for used in &row.uses {
                match self.crates.get(used) {
                    Some(lower) if lower.layer < row.layer => {}
                    Some(_) => faults.push(format!("layers.toml: {name} -> {used} does not lead downward")),
                    None => faults.push(format!("layers.toml: {name} -> {used}: no such crate")),
                }
            }
        }
        faults
    }

    fn judge(&self, name: &str, manifest: &Manifest, has_clippy_toml: bool) -> Vec<String> {
        if self.beside.crates.iter().any(|beside| beside == name) {
            return Vec::new();
        }
        let Some(row) = self.crates.get(name) else {
            return vec![format!("crates/{name} is not in xtask/layers.toml")];
        };
        let mut breaches = Vec::new();
        for used in manifest.dependencies.keys() {
            let ours = self.crates.contains_key(used) || self.beside.crates.contains(used);
            if ours && !row.uses.contains(used) {
                breaches.push(format!(
                    "crates/{name} uses {used}, which xtask/layers.toml does not allow"
                ));
            }
            if row.layer < SOCKETS && used == "tokio" {
                breaches.push(format!("crates/{name} uses tokio below the socket layer"));
            }
        }
        if row.layer < SOCKETS && !has_clippy_toml {
            breaches.push(format!("crates/{name} lacks the clippy.toml that keeps the world out"));
        }
        breaches
    }
}
