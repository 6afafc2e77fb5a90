//! The tables as a page for people: `docs/configuration.md`.

use crate::key::{DefaultValue, Key, Support, UpdateMode, Visibility};
use crate::table::{BROKER, BROKER_DYNAMIC, CLIENT_METRICS, GROUP, QUOTA, TOPIC, Table};
use std::fmt::Write;

const INTRODUCTION: &str = "\
# Configuration

This page is written by `UPDATE_EXPECT=1 cargo test -p config document`, from the tables in `crates/config/src/table/`.

Riverrun reads Kafka's `server.properties` unchanged (Java's rules: Latin-1, `\\uXXXX`, continuation lines). A key comes from
`--set KEY=VALUE` (`--data-dir` and `--listen` stand for such), else from the environment (`RIVERRUN_LOG_DIRS` for
`log.dirs`), else from the file, else it has Kafka's default. Dynamic configs, set with `kafka-configs` or
`riverrun configs`, stand above all these. A variable in a value, `${PROVIDER:PATH:KEY}`, stands for what lies there at the start,
if `config.providers` names the provider: Kafka's own three are built in (`FileConfigProvider`, `DirectoryConfigProvider`,
`EnvVarConfigProvider`).

An unknown key is a warning that names the nearest known one. A value that Kafka refuses is refused, in Kafka's words. What
Riverrun does with each key of Apache Kafka 4.3:

";

const SUPPORTS: [(Support, &str, &str); 5] = [
    (Support::Honoured, "Honoured", "These do what they do in Kafka."),
    (
        Support::HonouredAtStart,
        "Honoured at the start",
        "These do what they do in Kafka, but a dynamic change of them is refused: change the file and restart.",
    ),
    (
        Support::Refused,
        "Not built yet: refused",
        "These ask for something that Riverrun does not do yet. Set to anything but the default, they keep it from starting.",
    ),
    (
        Support::NotYet,
        "Not built yet: without effect",
        "What these tune is not built yet, or not tunable yet. Setting one to anything but its default is a warning at the \
         start.",
    ),
    (
        Support::NotApplicable,
        "Not applicable",
        "These tune the JVM, or a part of Kafka that Riverrun does without. No client can tell the difference.",
    ),
];

/// The page.
pub fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    let count = |support| BROKER.keys().iter().filter(|key| key.support == support).count();
    for (support, title, _) in SUPPORTS {
        let _ = writeln!(page, "- {title}: {} broker keys", count(support));
    }
    for (support, title, explanation) in SUPPORTS {
        let _ = write!(page, "\n## Broker keys. {title}\n\n{explanation}\n\n");
        let keys = BROKER.keys().iter().chain(BROKER_DYNAMIC.keys());
        write_table(&mut page, keys.filter(|key| key.support == support));
    }
    section(
        &mut page,
        "Topic keys",
        "Each may be set for one topic; the default is the broker's.",
        &TOPIC,
    );
    section(
        &mut page,
        "Group keys",
        "Stored and described; groups do not use them yet.",
        &GROUP,
    );
    section(
        &mut page,
        "Client metrics keys",
        "Stored and described; no metrics are asked for yet (KIP-714).",
        &CLIENT_METRICS,
    );
    section(
        &mut page,
        "Client quota keys",
        "Stored and described; not enforced yet.",
        &QUOTA,
    );
    page
}

fn section(page: &mut String, title: &str, explanation: &str, table: &'static Table) {
    let _ = write!(page, "\n## {title}\n\n{explanation}\n\n");
    write_table(page, table.keys().iter());
}

fn write_table<'a>(page: &mut String, keys: impl Iterator<Item = &'a Key>) {
    page.push_str("| key | default | accepts | changes | meaning |\n|---|---|---|---|---|\n");
    for key in keys.filter(|key| key.visibility == Visibility::Public || is_own(key)) {
        let not_yet = key.mode == UpdateMode::Dynamic && key.support != Support::Honoured;
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} | {}{} |",
            key.name,
            default(key),
            accepts(key),
            changes(key),
            key.doc,
            if not_yet { " *Not built yet.*" } else { "" }
        );
    }
}

/// Keys of our own are not among those that Kafka's tools list unless they are set, but they are documented.
fn is_own(key: &Key) -> bool {
    key.name.starts_with("riverrun.")
}

fn default(key: &Key) -> String {
    match key.default {
        DefaultValue::Required => "*required*".to_owned(),
        DefaultValue::Null => "*none*".to_owned(),
        DefaultValue::Text("") => "*empty*".to_owned(),
        DefaultValue::Text(text) => format!("`{text}`"),
    }
}

fn accepts(key: &Key) -> String {
    let kind = key.kind.name().to_lowercase();
    match key.valid.describe().as_str() {
        "" => kind,
        valid => format!("{kind} `{valid}`"),
    }
}

fn changes(key: &Key) -> &'static str {
    if key.support == Support::HonouredAtStart {
        return "restart";
    }
    match key.mode {
        UpdateMode::ReadOnly => "restart",
        UpdateMode::PerBroker => "per broker",
        UpdateMode::ClusterWide => "at once",
        UpdateMode::Dynamic => "at once",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_fresh() {
        expect_test::expect_file!["../../../docs/configuration.md"].assert_eq(&markdown());
    }

    #[test]
    fn every_key_says_what_it_is_for() {
        for table in [&BROKER, &BROKER_DYNAMIC, &TOPIC, &GROUP, &CLIENT_METRICS, &QUOTA] {
            for key in table.keys() {
                assert!(
                    key.doc.ends_with('.') && !key.doc.contains('|'),
                    "{}: {}",
                    key.name,
                    key.doc
                );
            }
        }
    }
}
