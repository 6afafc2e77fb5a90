//! The records of a consumer group (KIP-848), types 3 to 8 and 16.

use bytes::Bytes;
use protocol::internal::consumer_group_current_member_assignment_key::ConsumerGroupCurrentMemberAssignmentKey as CurrentKey;
use protocol::internal::consumer_group_current_member_assignment_value::ConsumerGroupCurrentMemberAssignmentValue;
use protocol::internal::consumer_group_member_metadata_key::ConsumerGroupMemberMetadataKey as MemberKey;
use protocol::internal::consumer_group_member_metadata_value::ConsumerGroupMemberMetadataValue;
use protocol::internal::consumer_group_metadata_key::ConsumerGroupMetadataKey as GroupKey;
use protocol::internal::consumer_group_metadata_value::ConsumerGroupMetadataValue;
use protocol::internal::consumer_group_partition_metadata_key::ConsumerGroupPartitionMetadataKey as PartitionMetadataKey;
use protocol::internal::consumer_group_partition_metadata_value::ConsumerGroupPartitionMetadataValue;
use protocol::internal::consumer_group_regular_expression_key::ConsumerGroupRegularExpressionKey as RegexKey;
use protocol::internal::consumer_group_regular_expression_value::ConsumerGroupRegularExpressionValue;
use protocol::internal::consumer_group_target_assignment_member_key::ConsumerGroupTargetAssignmentMemberKey as TargetKey;
use protocol::internal::consumer_group_target_assignment_member_value::ConsumerGroupTargetAssignmentMemberValue;
use protocol::internal::consumer_group_target_assignment_metadata_key::ConsumerGroupTargetAssignmentMetadataKey as TargetMetadataKey;
use protocol::internal::consumer_group_target_assignment_metadata_value::ConsumerGroupTargetAssignmentMetadataValue;
use protocol::versioned;
use protocol::wire::{DecodeError, EncodeError, Message};
use std::sync::Arc;

/// All values have one version.
const VERSION: i16 = 0;

/// A record of a consumer group; without a value, the tombstone.
#[derive(Clone, Debug, PartialEq)]
pub enum ConsumerRecord {
    /// The group's epoch.
    Group(Option<ConsumerGroupMetadataValue>),
    /// The topics that the group reads, as brokers before 4.1 wrote them.
    PartitionMetadata(Option<Arc<ConsumerGroupPartitionMetadataValue>>),
    /// What a member wants.
    Member {
        /// The member.
        member: Arc<str>,
        /// See above.
        value: Option<Arc<ConsumerGroupMemberMetadataValue>>,
    },
    /// The epoch of the target.
    TargetMetadata(Option<ConsumerGroupTargetAssignmentMetadataValue>),
    /// What a member is to have.
    Target {
        /// The member.
        member: Arc<str>,
        /// See above.
        value: Option<Arc<ConsumerGroupTargetAssignmentMemberValue>>,
    },
    /// What a member has.
    Current {
        /// The member.
        member: Arc<str>,
        /// See above.
        value: Option<Arc<ConsumerGroupCurrentMemberAssignmentValue>>,
    },
    /// What a regular expression matched.
    Regex {
        /// The regular expression.
        regex: Arc<str>,
        /// See above.
        value: Option<Arc<ConsumerGroupRegularExpressionValue>>,
    },
}

impl ConsumerRecord {
    /// Whether it ends something.
    pub fn is_tombstone(&self) -> bool {
        match self {
            Self::Group(value) => value.is_none(),
            Self::PartitionMetadata(value) => value.is_none(),
            Self::Member { value, .. } => value.is_none(),
            Self::TargetMetadata(value) => value.is_none(),
            Self::Target { value, .. } => value.is_none(),
            Self::Current { value, .. } => value.is_none(),
            Self::Regex { value, .. } => value.is_none(),
        }
    }

    pub(super) fn encode(&self, group: &Arc<str>) -> Result<(Bytes, Option<Bytes>), EncodeError> {
        let group_id = group.to_string();
        Ok(match self {
            Self::Group(value) => (
                versioned::encode_key(GroupKey::RECORD_TYPE, &GroupKey { group_id })?,
                encode(value.as_ref())?,
            ),
            Self::PartitionMetadata(value) => (
                versioned::encode_key(PartitionMetadataKey::RECORD_TYPE, &PartitionMetadataKey { group_id })?,
                encode(value.as_deref())?,
            ),
            Self::Member { member, value } => {
                let member_id = member.to_string();
                (
                    versioned::encode_key(MemberKey::RECORD_TYPE, &MemberKey { group_id, member_id })?,
                    encode(value.as_deref())?,
                )
            }
            Self::TargetMetadata(value) => (
                versioned::encode_key(TargetMetadataKey::RECORD_TYPE, &TargetMetadataKey { group_id })?,
                encode(value.as_ref())?,
            ),
            Self::Target { member, value } => {
                let member_id = member.to_string();
                (
                    versioned::encode_key(TargetKey::RECORD_TYPE, &TargetKey { group_id, member_id })?,
                    encode(value.as_deref())?,
                )
            }
            Self::Current { member, value } => {
                let member_id = member.to_string();
                (
                    versioned::encode_key(CurrentKey::RECORD_TYPE, &CurrentKey { group_id, member_id })?,
                    encode(value.as_deref())?,
                )
            }
            Self::Regex { regex, value } => {
                let regular_expression = regex.to_string();
                let key = RegexKey {
                    group_id,
                    regular_expression,
                };
                (
                    versioned::encode_key(RegexKey::RECORD_TYPE, &key)?,
                    encode(value.as_deref())?,
                )
            }
        })
    }

    /// The group and the record, if its type is one of a consumer group.
    pub(super) fn decode(
        record_type: i16,
        key: &Bytes,
        value: Option<&Bytes>,
    ) -> Result<Option<(Arc<str>, Self)>, DecodeError> {
        let (group, record) = match record_type {
            GroupKey::RECORD_TYPE => {
                let key: GroupKey = versioned::decode_key(key)?;
                (key.group_id, Self::Group(decode(value)?))
            }
            PartitionMetadataKey::RECORD_TYPE => {
                let key: PartitionMetadataKey = versioned::decode_key(key)?;
                (key.group_id, Self::PartitionMetadata(decode(value)?.map(Arc::new)))
            }
            MemberKey::RECORD_TYPE => {
                let key: MemberKey = versioned::decode_key(key)?;
                let member = key.member_id.into();
                let value = decode(value)?.map(Arc::new);
                (key.group_id, Self::Member { member, value })
            }
            TargetMetadataKey::RECORD_TYPE => {
                let key: TargetMetadataKey = versioned::decode_key(key)?;
                (key.group_id, Self::TargetMetadata(decode(value)?))
            }
            TargetKey::RECORD_TYPE => {
                let key: TargetKey = versioned::decode_key(key)?;
                let member = key.member_id.into();
                let value = decode(value)?.map(Arc::new);
                (key.group_id, Self::Target { member, value })
            }
            CurrentKey::RECORD_TYPE => {
                let key: CurrentKey = versioned::decode_key(key)?;
                let member = key.member_id.into();
                let value = decode(value)?.map(Arc::new);
                (key.group_id, Self::Current { member, value })
            }
            RegexKey::RECORD_TYPE => {
                let key: RegexKey = versioned::decode_key(key)?;
                let regex = key.regular_expression.into();
                let value = decode(value)?.map(Arc::new);
                (key.group_id, Self::Regex { regex, value })
            }
            _ => return Ok(None),
        };
        Ok(Some((group.into(), record)))
    }
}

fn encode<M: Message>(value: Option<&M>) -> Result<Option<Bytes>, EncodeError> {
    value.map(|value| versioned::encode(value, VERSION)).transpose()
}

fn decode<M: Message>(value: Option<&Bytes>) -> Result<Option<M>, DecodeError> {
    let decoded = value.map(versioned::decode::<M>).transpose()?;
    Ok(decoded.map(|(value, _)| value))
}
