//! The frame around a metadata record: frame version 1, record type and record version, all as unsigned varints.

use crate::metadata_records::MetadataRecord;
use crate::wire::{DecodeError, EncodeError, Reader, Writer};
use bytes::Bytes;

/// The only version of the frame.
const FRAME_VERSION: u32 = 1;

impl MetadataRecord {
    /// Reads the value of a record of `__cluster_metadata`.
    pub fn decode(value: &Bytes) -> Result<Self, DecodeError> {
        Self::decode_versioned(value).map(|(record, _)| record)
    }

    /// Reads the value of a record of `__cluster_metadata` and says which version of the record it was.
    pub fn decode_versioned(value: &Bytes) -> Result<(Self, i16), DecodeError> {
        let mut reader = Reader::new(value);
        let frame = reader.uvarint()?;
        if frame != FRAME_VERSION {
            let version = i16::try_from(frame).unwrap_or(i16::MAX);
            return Err(DecodeError::Version {
                message: "metadata record frame",
                version,
            });
        }
        let record_type = reader.uvarint()?;
        let version = i16::try_from(reader.uvarint()?).unwrap_or(i16::MAX);
        Ok((Self::decode_body(record_type, &mut reader, version)?, version))
    }

    /// The value of a record of `__cluster_metadata`.
    pub fn encode(&self, version: i16) -> Result<Bytes, EncodeError> {
        let mut writer = Writer::new();
        writer.uvarint(FRAME_VERSION);
        writer.uvarint(u32::from(self.record_type().unsigned_abs()));
        writer.uvarint(u32::from(version.unsigned_abs()));
        self.encode_body(&mut writer, version)?;
        Ok(writer.finish().into_bytes())
    }
}
