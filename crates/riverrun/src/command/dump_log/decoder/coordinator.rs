//! Records of the topics in which the coordinators keep their state: the key begins with the record's type, the value
//! with the version of its fields.

use super::{DecodedRecord, versioned};
use bytes::Bytes;
use protocol::Message;
use protocol::internal::consumer_protocol_assignment::ConsumerProtocolAssignment;
use protocol::internal::consumer_protocol_subscription::ConsumerProtocolSubscription;
use protocol::internal::*;
use protocol::json::Json;
use protocol::wire::{DecodeError, Reader};
use serde_json::{Value, json};

/// Whose records they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// `__consumer_offsets`.
    Offsets,
    /// `__transaction_state`.
    Transactions,
    /// `__share_group_state`.
    ShareGroupState,
}

/// How a record of one type is read: the key's fields, and the value's with their version.
struct RecordType {
    id: i16,
    key: fn(&[u8]) -> Result<Value, DecodeError>,
    value: fn(&[u8]) -> Versioned,
}

/// The version of a value's fields, and the fields.
type Versioned = Result<(i16, Value), DecodeError>;

const fn record<K: Message + Json, V: Message + Json>(id: i16) -> RecordType {
    RecordType {
        id,
        key: key::<K>,
        value: versioned::<V>,
    }
}

/// A key has but one version; what stands in the version's place is the record's type.
fn key<K: Message + Json>(bytes: &[u8]) -> Result<Value, DecodeError> {
    let frame = Bytes::copy_from_slice(bytes);
    let mut reader = Reader::new(&frame);
    reader.i16()?;
    Ok(K::decode(&mut reader, 0)?.to_json(0))
}

macro_rules! records {
    ($($key_file:ident::$key:ident, $value_file:ident::$value:ident;)*) => {
        &[$(record::<$key_file::$key, $value_file::$value>($key_file::$key::RECORD_TYPE)),*]
    };
}

/// A classic group, with what its members' opaque bytes mean if it is a group of consumers.
fn classic_group(bytes: &[u8]) -> Versioned {
    let frame = Bytes::copy_from_slice(bytes);
    let mut reader = Reader::new(&frame);
    let version = reader.i16()?;
    let group = group_metadata_value::GroupMetadataValue::decode(&mut reader, version)?;
    let mut fields = group.to_json(version);
    if group.protocol_type == "consumer" {
        for (number, member) in group.members.iter().enumerate() {
            let fields = &mut fields["members"][number];
            // Other bytes than the consumer protocol's stay as they are.
            if let Ok((_, subscription)) = versioned::<ConsumerProtocolSubscription>(&member.subscription) {
                fields["subscription"] = subscription;
            }
            if let Ok((_, assignment)) = versioned::<ConsumerProtocolAssignment>(&member.assignment) {
                fields["assignment"] = assignment;
            }
        }
    }
    Ok((version, fields))
}

const CLASSIC_GROUP: RecordType = RecordType {
    id: group_metadata_key::GroupMetadataKey::RECORD_TYPE,
    key: key::<group_metadata_key::GroupMetadataKey>,
    value: classic_group,
};

const OFFSETS: &[RecordType] = records! {
    legacy_offset_commit_key::LegacyOffsetCommitKey, legacy_offset_commit_value::LegacyOffsetCommitValue;
    offset_commit_key::OffsetCommitKey, offset_commit_value::OffsetCommitValue;
    consumer_group_metadata_key::ConsumerGroupMetadataKey, consumer_group_metadata_value::ConsumerGroupMetadataValue;
    consumer_group_partition_metadata_key::ConsumerGroupPartitionMetadataKey,
        consumer_group_partition_metadata_value::ConsumerGroupPartitionMetadataValue;
    consumer_group_member_metadata_key::ConsumerGroupMemberMetadataKey,
        consumer_group_member_metadata_value::ConsumerGroupMemberMetadataValue;
    consumer_group_target_assignment_metadata_key::ConsumerGroupTargetAssignmentMetadataKey,
        consumer_group_target_assignment_metadata_value::ConsumerGroupTargetAssignmentMetadataValue;
    consumer_group_target_assignment_member_key::ConsumerGroupTargetAssignmentMemberKey,
        consumer_group_target_assignment_member_value::ConsumerGroupTargetAssignmentMemberValue;
    consumer_group_current_member_assignment_key::ConsumerGroupCurrentMemberAssignmentKey,
        consumer_group_current_member_assignment_value::ConsumerGroupCurrentMemberAssignmentValue;
    consumer_group_regular_expression_key::ConsumerGroupRegularExpressionKey,
        consumer_group_regular_expression_value::ConsumerGroupRegularExpressionValue;
    share_group_metadata_key::ShareGroupMetadataKey, share_group_metadata_value::ShareGroupMetadataValue;
    share_group_member_metadata_key::ShareGroupMemberMetadataKey,
        share_group_member_metadata_value::ShareGroupMemberMetadataValue;
    share_group_target_assignment_metadata_key::ShareGroupTargetAssignmentMetadataKey,
        share_group_target_assignment_metadata_value::ShareGroupTargetAssignmentMetadataValue;
    share_group_target_assignment_member_key::ShareGroupTargetAssignmentMemberKey,
        share_group_target_assignment_member_value::ShareGroupTargetAssignmentMemberValue;
    share_group_current_member_assignment_key::ShareGroupCurrentMemberAssignmentKey,
        share_group_current_member_assignment_value::ShareGroupCurrentMemberAssignmentValue;
    share_group_state_partition_metadata_key::ShareGroupStatePartitionMetadataKey,
        share_group_state_partition_metadata_value::ShareGroupStatePartitionMetadataValue;
    streams_group_metadata_key::StreamsGroupMetadataKey, streams_group_metadata_value::StreamsGroupMetadataValue;
    streams_group_member_metadata_key::StreamsGroupMemberMetadataKey,
        streams_group_member_metadata_value::StreamsGroupMemberMetadataValue;
    streams_group_target_assignment_metadata_key::StreamsGroupTargetAssignmentMetadataKey,
        streams_group_target_assignment_metadata_value::StreamsGroupTargetAssignmentMetadataValue;
    streams_group_target_assignment_member_key::StreamsGroupTargetAssignmentMemberKey,
        streams_group_target_assignment_member_value::StreamsGroupTargetAssignmentMemberValue;
    streams_group_current_member_assignment_key::StreamsGroupCurrentMemberAssignmentKey,
        streams_group_current_member_assignment_value::StreamsGroupCurrentMemberAssignmentValue;
    streams_group_topology_key::StreamsGroupTopologyKey, streams_group_topology_value::StreamsGroupTopologyValue;
};

const TRANSACTIONS: &[RecordType] = records! {
    transaction_log_key::TransactionLogKey, transaction_log_value::TransactionLogValue;
};

const SHARE_GROUP_STATE: &[RecordType] = records! {
    share_snapshot_key::ShareSnapshotKey, share_snapshot_value::ShareSnapshotValue;
    share_update_key::ShareUpdateKey, share_update_value::ShareUpdateValue;
};

impl Topic {
    fn record_type(self, id: i16) -> Option<&'static RecordType> {
        let types = match self {
            Self::Offsets if id == CLASSIC_GROUP.id => return Some(&CLASSIC_GROUP),
            Self::Offsets => OFFSETS,
            Self::Transactions => TRANSACTIONS,
            Self::ShareGroupState => SHARE_GROUP_STATE,
        };
        types.iter().find(|kind| kind.id == id)
    }

    /// Decodes the record at `offset`; what cannot be decoded is said in the key's place.
    pub fn decode(self, key: &[u8], value: Option<&[u8]>, offset: i64) -> DecodedRecord {
        let Some(id) = key.first_chunk().map(|id| i16::from_be_bytes(*id)) else {
            return refused(format!("Error at offset {offset}, skipping. The key has no type"));
        };
        let Some(kind) = self.record_type(id) else {
            return refused(format!("Unknown record type {id} at offset {offset}, skipping."));
        };
        decode(kind, key, value).unwrap_or_else(|error| refused(format!("Error at offset {offset}, skipping. {error}")))
    }
}

fn refused(reason: String) -> DecodedRecord {
    DecodedRecord {
        key: Some(reason),
        payload: None,
    }
}

fn decode(kind: &RecordType, key: &[u8], value: Option<&[u8]>) -> Result<DecodedRecord, DecodeError> {
    let key = json!({"type": kind.id.to_string(), "data": (kind.key)(key)?});
    let payload = match value {
        None => "<DELETE>".to_owned(),
        Some(bytes) => {
            let (version, fields) = (kind.value)(bytes)?;
            json!({"version": version.to_string(), "data": fields}).to_string()
        }
    };
    Ok(DecodedRecord {
        key: Some(key.to_string()),
        payload: Some(payload),
    })
}
