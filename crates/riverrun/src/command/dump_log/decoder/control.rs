//! Control records: transaction markers and KRaft's own.

use super::self_versioned;
use anyhow::{Context, anyhow};
use protocol::internal::kraft_version_record::KRaftVersionRecord;
use protocol::internal::leader_change_message::LeaderChangeMessage;
use protocol::internal::snapshot_footer_record::SnapshotFooterRecord;
use protocol::internal::snapshot_header_record::SnapshotHeaderRecord;
use protocol::internal::voters_record::VotersRecord;
use records::Record;
use records::control::{ControlRecordType, EndTxnMarker, TransactionOutcome};

/// What a control record says.
pub fn control(record: &Record<'_>) -> anyhow::Result<String> {
    let key = record.key.unwrap_or_default();
    let value = record.value.unwrap_or_default();
    let kind = ControlRecordType::from_key(key).context("a control record's key is too short")?;
    Ok(match kind {
        ControlRecordType::Abort | ControlRecordType::Commit => {
            let marker = EndTxnMarker::parse(key, value).ok_or_else(|| anyhow!("a transaction marker is cut off"))?;
            let outcome = match marker.outcome {
                TransactionOutcome::Abort => "ABORT",
                TransactionOutcome::Commit => "COMMIT",
            };
            format!("endTxnMarker: {outcome} coordinatorEpoch: {}", marker.coordinator_epoch)
        }
        ControlRecordType::LeaderChange => format!("LeaderChange: {}", self_versioned::<LeaderChangeMessage>(value)?),
        ControlRecordType::SnapshotHeader => {
            format!("SnapshotHeader {}", self_versioned::<SnapshotHeaderRecord>(value)?)
        }
        ControlRecordType::SnapshotFooter => {
            format!("SnapshotFooter {}", self_versioned::<SnapshotFooterRecord>(value)?)
        }
        ControlRecordType::KRaftVersion => format!("KRaftVersion {}", self_versioned::<KRaftVersionRecord>(value)?),
        ControlRecordType::KRaftVoters => format!("KRaftVoters {}", self_versioned::<VotersRecord>(value)?),
        ControlRecordType::Unknown(id) => format!("controlType: UNKNOWN({id})"),
    })
}
