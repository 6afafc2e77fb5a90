//! Records of `__cluster_metadata`.

use bytes::Bytes;
use protocol::metadata_records::MetadataRecord;
use protocol::wire::DecodeError;
use serde_json::json;

/// The record's type, version and fields; what is wrong with it if it cannot be read.
pub fn decode(value: &[u8], offset: i64) -> String {
    match MetadataRecord::decode_versioned(&Bytes::copy_from_slice(value)) {
        Ok((record, version)) => {
            json!({"type": type_name(record.name()), "version": version, "data": record.to_json(version)}).to_string()
        }
        Err(DecodeError::Version {
            message: "metadata record frame",
            version,
        }) => format!(
            "Error at {offset}, skipping. Could not deserialize metadata record due to unknown frame version {version}\
             (only frame version 1 is supported)"
        ),
        Err(error) => format!("Error at {offset}, skipping. {error}"),
    }
}

/// `NoOpRecord` as `NO_OP_RECORD`.
fn type_name(record: &str) -> String {
    let mut name = String::with_capacity(record.len() + 4);
    for letter in record.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}
