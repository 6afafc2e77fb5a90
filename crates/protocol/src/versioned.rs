//! Bodies behind their version as an int16: the values of coordinator records and the members' opaque data; and keys
//! behind their record type, which look the same.

use crate::wire::{DecodeError, EncodeError, Message, Reader, Writer};
use bytes::Bytes;

/// `message` behind its version.
pub fn encode<M: Message>(message: &M, version: i16) -> Result<Bytes, EncodeError> {
    encode_behind(version, message, version)
}

/// A key of an internal topic behind its record type; keys have only version 0.
pub fn encode_key<M: Message>(record_type: i16, key: &M) -> Result<Bytes, EncodeError> {
    encode_behind(record_type, key, 0)
}

fn encode_behind<M: Message>(head: i16, message: &M, version: i16) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::new();
    writer.i16(head);
    message.encode(&mut writer, version)?;
    Ok(writer.finish().into_bytes())
}

/// The version (of a value) or the record type (of a key) that begins `bytes`.
pub fn head(bytes: &Bytes) -> Result<i16, DecodeError> {
    Reader::new(bytes).i16()
}

/// The message and the version it was in.
pub fn decode<M: Message>(bytes: &Bytes) -> Result<(M, i16), DecodeError> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16()?;
    Ok((M::decode(&mut reader, version)?, version))
}

/// The message, read in the newest version that is known if it is in a newer one: members of a group may be newer than
/// the broker, and the fields they add come last.
pub fn decode_newest_known<M: Message>(bytes: &Bytes) -> Result<(M, i16), DecodeError> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16()?;
    Ok((M::decode(&mut reader, version.min(M::VERSIONS.max))?, version))
}

/// A key whose record type has been looked at with [`head`].
pub fn decode_key<M: Message>(bytes: &Bytes) -> Result<M, DecodeError> {
    let mut reader = Reader::new(bytes);
    reader.i16()?;
    M::decode(&mut reader, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::internal::consumer_protocol_subscription::ConsumerProtocolSubscription;
    use crate::internal::group_metadata_key::GroupMetadataKey;

    #[test]
    fn a_key_lies_behind_its_record_type() {
        let key = GroupMetadataKey { group: "g".into() };
        let bytes = encode_key(GroupMetadataKey::RECORD_TYPE, &key).expect("it is short");
        assert_eq!(&bytes[..], [0, 2, 0, 1, b'g']);
        assert_eq!(head(&bytes), Ok(2));
        assert_eq!(decode_key(&bytes), Ok(key));
    }

    #[test]
    fn a_member_may_be_newer_than_we_are() {
        let subscription = ConsumerProtocolSubscription {
            topics: vec!["t".into()],
            ..ConsumerProtocolSubscription::default()
        };
        let mut bytes = encode(&subscription, 3).expect("it is short").to_vec();
        assert_eq!(decode(&bytes.clone().into()), Ok((subscription.clone(), 3)));
        bytes[1] = 9;
        bytes.extend_from_slice(b"what version 9 adds");
        assert!(decode::<ConsumerProtocolSubscription>(&bytes.clone().into()).is_err());
        assert_eq!(decode_newest_known(&bytes.into()), Ok((subscription, 9)));
    }
}
