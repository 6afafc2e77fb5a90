//! `--describe --state`.

use super::{Detail, remark};
use crate::command::columns::{padded, widest};
use client::admin::GroupDescription;

/// Prints the state of a group.
pub(super) fn print(group: &GroupDescription, detail: Detail) -> anyhow::Result<()> {
    if !remark(group)? {
        return Ok(());
    }
    let node = &group.coordinator;
    let coordinator = format!("{}:{}  ({})", node.address.host, node.address.port, node.id);
    let columns = [
        widest(15, std::iter::once(group.id.as_str())),
        widest(25, std::iter::once(coordinator.as_str())),
        20,
        20,
        15,
        25,
    ];
    let line = |cells: [&str; 6], members: &str| {
        let mut line = String::from("\n");
        for (index, (cell, columns)) in cells.iter().zip(columns).enumerate() {
            if index < FIRST_EPOCH || detail == Detail::Verbose {
                line += &padded(cell, columns);
                line.push(' ');
            }
        }
        print!("{line}{members}");
    };
    let head = [
        "GROUP",
        "COORDINATOR (ID)",
        "ASSIGNMENT-STRATEGY",
        "STATE",
        "GROUP-EPOCH",
        "TARGET-ASSIGNMENT-EPOCH",
    ];
    line(head, "#MEMBERS");
    let number = |number: Option<i32>| number.map_or_else(|| String::from("-"), |number| number.to_string());
    let (epoch, target_epoch) = (number(group.epoch), number(group.target_epoch));
    let strategy = if group.assignor.is_empty() {
        "-"
    } else {
        &group.assignor
    };
    let cells = [&group.id, &coordinator, strategy, &group.state, &epoch, &target_epoch];
    line(cells, &group.members.len().to_string());
    println!();
    Ok(())
}

/// The first of the columns that only the verbose table has.
const FIRST_EPOCH: usize = 4;
