//! `docs/compatibility.md` against the tests that it names.
//!
//! A row is `| ID | feature | status | proof |`. A row that says `done` names the test that proves it, as
//! `file.rs::test_name` with the file's path from the workspace; `partial` and `missing` say in words what is absent.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};

/// How many features Kafka's checklist has; a row may change its state but not vanish.
const FEATURES: usize = 290;

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let page = root.join("docs/compatibility.md");
    let text = std::fs::read_to_string(&page).context("docs/compatibility.md")?;
    let mut breaches = Vec::new();
    let mut ids = BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [id, _, status, proof] = cells[..] else { continue };
        if !is_id(id) {
            continue;
        }
        if !ids.insert(id) {
            breaches.push(format!("docs/compatibility.md: {id} stands twice"));
        }
        match status {
            "done" => breaches.extend(missing_tests(root, id, proof)),
            "partial" | "missing" => {}
            other => breaches.push(format!("docs/compatibility.md: {id} has the unknown status `{other}`")),
        }
    }
    if ids.len() != FEATURES {
        breaches.push(format!(
            "docs/compatibility.md has {} features, not {FEATURES}",
            ids.len()
        ));
    }
    Ok(breaches)
}

fn is_id(cell: &str) -> bool {
    let Some((group, number)) = cell.split_once('-') else {
        return false;
    };
    group
        .chars()
        .all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
        && number.parse::<u16>().is_ok()
}

fn missing_tests(root: &Path, id: &str, proof: &str) -> Vec<String> {
    let named: Vec<_> = proof.split('`').filter(|part| part.contains(".rs::")).collect();
    if named.is_empty() {
        return vec![format!("docs/compatibility.md: {id} is done but names no test")];
    }
    named
        .into_iter()
        .filter(|test| !exists(root, test))
        .map(|test| format!("docs/compatibility.md: {id} names `{test}`, which does not exist"))
        .collect()
}

fn exists(root: &Path, test: &str) -> bool {
    let Some((file, name)) = test.split_once("::") else {
        return false;
    };
    std::fs::read_to_string(root.join(file)).is_ok_and(|text| text.contains(&format!("fn {name}(")))
}
