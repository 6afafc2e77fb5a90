//! The first records of a controller that just became active.

use crate::op::Outcome;
use crate::settings::ControllerSettings;
use crate::state::ControllerState;
use metadata::bootstrap;
use protocol::metadata_records::MetadataRecord;
use protocol::metadata_records::abort_transaction_record::AbortTransactionRecord;

/// Into an empty log go the bootstrap records (those of `bootstrap.checkpoint`); a transaction that the previous leader
/// left open is aborted, and if it was the bootstrap's, begun again.
pub fn activate(
    state: &ControllerState,
    settings: &ControllerSettings,
    bootstrap_records: &[MetadataRecord],
) -> Outcome<()> {
    let mut records = Vec::new();
    if state.open_transaction().is_some() {
        let reason = Some("Controller failover".to_owned());
        records.push(MetadataRecord::AbortTransaction(AbortTransactionRecord { reason }));
    }
    if state.is_empty() {
        records.extend(bootstrap::first_records(
            bootstrap_records,
            settings.static_min_insync_replicas(),
        ));
    }
    Outcome::atomic(records, ())
}
