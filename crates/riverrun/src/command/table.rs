//! Tables as Kafka's newer tools print them: columns as wide as they must be, a tab after each.

use crate::command::columns::{padded, width};

/// Prints a table.
pub fn print<const N: usize>(head: [&str; N], rows: &[[String; N]]) {
    let mut columns = head.map(width);
    for row in rows {
        for (column, cell) in columns.iter_mut().zip(row) {
            *column = width(cell).max(*column);
        }
    }
    let line = |cells: [&str; N]| {
        let cells = cells
            .iter()
            .zip(columns)
            .map(|(cell, column)| padded(cell, column) + "\t");
        println!("{}", cells.collect::<String>());
    };
    line(head);
    for row in rows {
        line(row.each_ref().map(String::as_str));
    }
}
