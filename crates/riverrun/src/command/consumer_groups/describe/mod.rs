//! `--describe`.

mod lag;
mod members;
mod states;

use super::groups::chosen;
use crate::command::java_exception::thrown;
use crate::command::options::Options;
use anyhow::{anyhow, bail};
use client::Cluster;
use client::admin::{GroupDescription, describe_consumer_group};

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    Usual,
    Verbose,
}

/// Describes groups, by id.
pub async fn describe(cluster: &Cluster, options: &Options) -> anyhow::Result<()> {
    let detail = if options.has("verbose") {
        Detail::Verbose
    } else {
        Detail::Usual
    };
    let mut described = Vec::new();
    for group in chosen(cluster, options).await? {
        let description = describe_consumer_group(cluster, &group).await;
        described.push(description.map_err(|error| anyhow!(thrown(&error)))?);
    }
    described.sort_by(|one, other| one.id.encode_utf16().cmp(other.id.encode_utf16()));
    if options.has("members") {
        for group in &described {
            members::print(group, detail)?;
        }
    } else if options.has("state") {
        for group in &described {
            states::print(group, detail)?;
        }
    } else {
        // Everything is asked before anything is printed.
        let mut lags = Vec::new();
        for group in &described {
            lags.push(lag::lag(cluster, group).await?);
        }
        for (group, rows) in described.iter().zip(&lags) {
            lag::print(group, rows, detail)?;
        }
    }
    Ok(())
}

/// Says on stderr what is odd about the group's state; gives whether there may be members to show.
fn remark(group: &GroupDescription) -> anyhow::Result<bool> {
    match group.state.as_str() {
        "Dead" => {
            println!("\nError: Consumer group '{}' does not exist.", group.id);
            return Ok(false);
        }
        "Empty" => eprintln!("\nConsumer group '{}' has no active members.", group.id),
        "PreparingRebalance" | "CompletingRebalance" | "Assigning" | "Reconciling" => {
            eprintln!("\nWarning: Consumer group '{}' is rebalancing.", group.id);
        }
        "Stable" => {}
        state => bail!("Expected a valid consumer group state, but found '{state}'."),
    }
    Ok(true)
}
