//! `--list`.

use super::groups::listed;
use crate::command::columns::{padded, widest};
use crate::command::java_exception::{thrown, thrown_by_waiting};
use crate::command::options::{Options, Refusal};
use anyhow::anyhow;
use client::Cluster;
use client::admin::GroupFilter;

/// The states that a group of consumers can be in.
const STATES: [&str; 7] = [
    "PreparingRebalance",
    "CompletingRebalance",
    "Stable",
    "Dead",
    "Empty",
    "Assigning",
    "Reconciling",
];

const TYPES: [&str; 2] = ["Consumer", "Classic"];

/// Lists groups.
pub async fn list(cluster: &Cluster, options: &Options) -> anyhow::Result<()> {
    let with_type = options.has("type");
    let with_state = options.has("state");
    if !with_type && !with_state {
        let groups = listed(cluster, &GroupFilter::default()).await;
        for group in groups.map_err(|error| anyhow!(thrown_by_waiting(&error)))? {
            println!("{}", group.id);
        }
        return Ok(());
    }
    let filter = GroupFilter {
        types: chosen(options.value("type")?, &TYPES, "types")?,
        states: chosen(options.value("state")?, &STATES, "state")?,
    };
    let groups = listed(cluster, &filter)
        .await
        .map_err(|error| anyhow!(thrown(&error)))?;
    let columns = widest(15, groups.iter().map(|group| group.id.as_str())) + 10;
    let row = |group: &str, group_type: &str, state: &str| {
        let mut line = padded(group, columns);
        for (shown, text) in [(with_type, group_type), (with_state, state)] {
            if shown {
                line += &format!(" {}", padded(text, 20));
            }
        }
        println!("{line}");
    };
    row("GROUP", "TYPE", "STATE");
    for group in &groups {
        row(
            &group.id,
            named(&group.group_type, &TYPES),
            named(&group.state, &STATES),
        );
    }
    Ok(())
}

/// A broker's word in the form that Kafka's tools show.
fn named<'a>(word: &str, known: &[&'a str]) -> &'a str {
    let known = known.iter().find(|known| known.eq_ignore_ascii_case(word));
    known.copied().unwrap_or("Unknown")
}

/// The names in a list, whatever their case; all of them must be known.
fn chosen(list: Option<&str>, known: &[&str], what: &str) -> Result<Vec<String>, Refusal> {
    let list = list.unwrap_or_default();
    let mut chosen = Vec::new();
    // What Java's `split` leaves out: empty parts at the end.
    for part in list
        .trim_end_matches(',')
        .split(',')
        .filter(|_| !list.trim_end_matches(',').is_empty())
    {
        match known.iter().find(|known| known.eq_ignore_ascii_case(part.trim())) {
            Some(name) => chosen.push((*name).to_owned()),
            None => {
                return Err(Refusal::WithHelp(format!(
                    "Invalid {what} list '{list}'. Valid {} are: {}",
                    if what == "state" { "states" } else { what },
                    known.join(", ")
                )));
            }
        }
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_in_any_case() {
        assert_eq!(
            chosen(Some("empty, STABLE"), &STATES, "state"),
            Ok(vec![String::from("Empty"), String::from("Stable")])
        );
        assert_eq!(chosen(None, &STATES, "state"), Ok(Vec::new()));
        assert_eq!(chosen(Some(","), &STATES, "state"), Ok(Vec::new()));
        assert_eq!(
            chosen(Some("share"), &TYPES, "types").unwrap_err().to_string(),
            "Invalid types list 'share'. Valid types are: Consumer, Classic"
        );
        assert!(chosen(Some("a,empty"), &STATES, "state").is_err());
    }
}
