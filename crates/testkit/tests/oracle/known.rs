//! The table of explained differences in `docs/differences.md`.

use std::path::Path;

use super::pair::Difference;

/// One row: what may differ, and why.
#[derive(Clone, Debug)]
pub struct Known {
    api: String,
    versions: (i16, i16),
    case: String,
    path: String,
    /// How a message names the row.
    pub row: String,
}

/// The rows of the tables headed `| API | Versions | Case | Path | Why |`; `*` stands for any text in the first four.
pub fn read(file: &Path) -> Vec<Known> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let rows = text
        .lines()
        .skip_while(|line| !line.starts_with("| API | Versions | Case | Path |"));
    rows.skip(2).take_while(|line| line.starts_with('|')).map(row).collect()
}

fn row(line: &str) -> Known {
    let cells: Vec<_> = line
        .trim_matches('|')
        .split('|')
        .map(|cell| cell.trim().trim_matches('`'))
        .collect();
    let [api, versions, case, path, why] = cells[..] else {
        panic!("five cells wanted: {line}")
    };
    assert!(!why.is_empty(), "a difference without a reason: {line}");
    let (from, to) = versions.split_once('-').unwrap_or((versions, versions));
    let number = |text: &str, any: i16| {
        if text == "*" {
            any
        } else {
            text.parse().unwrap_or_else(|_| panic!("{line}"))
        }
    };
    Known {
        api: api.to_owned(),
        versions: (number(from, i16::MIN), number(to, i16::MAX)),
        case: case.to_owned(),
        path: path.to_owned(),
        row: line.to_owned(),
    }
}

impl Known {
    /// Whether the row explains a difference.
    pub fn explains(&self, difference: &Difference) -> bool {
        matches(&self.api, difference.api)
            && (self.versions.0..=self.versions.1).contains(&difference.version)
            && matches(&self.case, &difference.case)
            && matches(&self.path, &difference.path)
    }
}

/// Whether `text` is `pattern`, where each `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            ends.into_iter().any(|at| matches(after, &rest[at..]))
        }),
    }
}

#[test]
fn stars_stand_for_any_text() {
    assert!(matches("topics[*].error_code", "topics[3].error_code"));
    assert!(matches("*", ""));
    assert!(!matches("topics[*].error_code", "topics[3].error_message"));
}
