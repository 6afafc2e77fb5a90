//! `list`.

use super::Failure;
use super::command_line::Values;
use crate::command::table;
use client::Cluster;
use client::admin::{self, TransactionFilter};

/// Lists transactional ids.
pub async fn list(cluster: &Cluster, values: &Values) -> Result<(), Failure> {
    let filter = TransactionFilter {
        producer_ids: Vec::new(),
        longer_than: values.number("duration-filter"),
        pattern: values.text("transactional-id-pattern").map(str::to_owned),
    };
    let failed = "Failed to list transactions";
    let listed = admin::list_transactions(cluster, &filter)
        .await
        .map_err(Failure::of(failed))?;
    let mut rows = Vec::new();
    for (node, listings) in listed {
        for listing in listings.map_err(Failure::of(failed))? {
            rows.push([
                listing.transactional_id,
                node.to_string(),
                listing.producer_id.to_string(),
                listing.state,
            ]);
        }
    }
    table::print(
        ["TransactionalId", "Coordinator", "ProducerId", "TransactionState"],
        &rows,
    );
    Ok(())
}
