//! No circle between the files of a crate.
//!
//! A file uses another when one of its `use` lines names it through `crate::` or `super::`. A parent that only declares
//! and re-exports its children is not thereby a user of them, and a child may name its parent's items: such pairs are
//! one room with several doors. So only uses between files neither of which holds the other count.

use super::files::Source;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let mut crates: BTreeMap<&str, Vec<&Source>> = BTreeMap::new();
    for source in sources {
        crates.entry(&source.krate).or_default().push(source);
    }
    crates.values().flat_map(|sources| check_crate(sources)).collect()
}

fn check_crate(sources: &[&Source]) -> Vec<String> {
    let modules: BTreeMap<&[String], usize> = sources
        .iter()
        .enumerate()
        .map(|(at, source)| (source.module.as_slice(), at))
        .collect();
    let edges: Vec<BTreeSet<usize>> = sources
        .iter()
        .map(|source| {
            uses(source)
                .into_iter()
                .filter_map(|path| longest_module(&path, &modules))
                .filter(|to| {
                    !holds(&source.module, &sources[*to].module) && !holds(&sources[*to].module, &source.module)
                })
                .collect()
        })
        .collect();
    let mut breaches = Vec::new();
    for from in 0..sources.len() {
        if let Some(path) = way_back(from, &edges).filter(|path| path.iter().all(|step| *step >= from)) {
            let names: Vec<_> = path.iter().map(|step| sources[*step].path.as_str()).collect();
            breaches.push(format!("a circle of imports: {}", names.join(" -> ")));
        }
    }
    breaches
}

/// Whether `inner` lies within `outer`, or is it.
fn holds(outer: &[String], inner: &[String]) -> bool {
    inner.starts_with(outer)
}

fn longest_module(path: &[String], modules: &BTreeMap<&[String], usize>) -> Option<usize> {
    (1..=path.len())
        .rev()
        .find_map(|len| modules.get(&path[..len]).copied())
}

/// The absolute paths that the file's `use` lines name, one for each name in a brace list.
fn uses(source: &Source) -> Vec<Vec<String>> {
    let hand_written = source.text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut paths = Vec::new();
    for statement in hand_written.split(';') {
        let statement = statement.trim_start();
        let statement = statement
            .lines()
            .skip_while(|line| !line.trim_start().starts_with("use "))
            .collect::<String>();
        let Some(named) = statement.trim_start().strip_prefix("use ") else {
            continue;
        };
        let (stem, names) = named.split_once('{').unwrap_or((named, ""));
        let Some(base) = absolute(stem, &source.module) else {
            continue;
        };
        paths.push(base.clone());
        for name in names.split(',') {
            let first = name
                .trim()
                .split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
                .next();
            let Some(first) = first.filter(|first| !first.is_empty()) else {
                continue;
            };
            let mut path = base.clone();
            path.push(first.to_owned());
            paths.push(path);
        }
    }
    paths
}

fn absolute(stem: &str, module: &[String]) -> Option<Vec<String>> {
    let mut parts = stem
        .split("::")
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .peekable();
    let mut path = match parts.peek().copied() {
        Some("crate") => Vec::new(),
        Some("super") => module.to_vec(),
        _ => return None,
    };
    for part in parts {
        match part {
            "crate" => {}
            "super" => _ = path.pop(),
            name => path.push(name.split_whitespace().next().unwrap_or_default().to_owned()),
        }
    }
    Some(path)
}

/// A shortest way from a file through others back to itself.
fn way_back(from: usize, edges: &[BTreeSet<usize>]) -> Option<Vec<usize>> {
    let mut ways = vec![vec![from]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let last = *way.last()?;
            for next in &edges[last] {
                let mut way = way.clone();
                way.push(*next);
                if *next == from {
                    return Some(way);
                }
                if seen.insert(*next) {
                    longer.push(way);
                }
            }
        }
        ways = longer;
    }
    None
}
