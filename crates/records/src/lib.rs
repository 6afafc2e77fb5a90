//! Kafka's record batches (format version 2): reading them in place, proving them well-formed, building them.
//!
//! A batch is parsed at the border: bytes from a client become a [`VerifiedBatch`], bytes from a leader become
//! [`ReplicatedBatches`]; the log accepts nothing else, so it never checks again.

pub mod attributes;
pub mod batch;
pub mod batches;
pub mod builder;
pub mod checksum;
pub mod cleaned;
pub mod compression;
pub mod control;
mod glance;
pub mod header;
pub mod record;
pub mod replicated;
pub mod rules;
pub mod varint;
pub mod verified;
pub mod verify;

pub use attributes::{Attributes, TimestampType};
pub use batch::BatchView;
pub use batches::{Batches, batches};
pub use builder::BatchBuilder;
pub use cleaned::{CleanError, CleanedBatch};
pub use control::{ControlRecordType, EndTxnMarker};
pub use header::{BatchError, BatchHeader, HEADER_LEN, LOG_OVERHEAD};
pub use record::{Record, RecordHeader, RecordHeaders, Records, StructureError};
pub use replicated::ReplicatedBatches;
pub use rules::{ProduceRules, TopicCompression};
pub use verified::VerifiedBatch;
pub use verify::{RecordError, RecordRefusal, Refusal, VerifyError};
