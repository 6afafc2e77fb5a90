//! The enum over all metadata records.

use super::names;
use super::schema::Message;
use std::fmt::Write;

const HEAD: &str = "//! Any record of `__cluster_metadata`.

use crate::json::Json;
use crate::wire::{DecodeError, EncodeError, Message, Reader, Writer};
use serde_json::Value;

/// Any record of `__cluster_metadata`, without its frame.
#[derive(Clone, Debug, PartialEq)]
pub enum MetadataRecord {
";

/// A variant of the enum.
struct Variant {
    name: String,
    record: String,
    path: String,
}

/// The file of the enum.
pub fn file(messages: &[Message]) -> String {
    let variants: Vec<Variant> = messages.iter().map(variant).collect();
    let mut text = String::from(HEAD);
    for Variant { name, record, path } in &variants {
        let _ = writeln!(text, "/// `{record}`.\n{name}({path}),");
    }
    text.push_str("}\n\nimpl MetadataRecord {\n");
    text.push_str(&facts(&variants));
    text.push_str(&bodies(&variants));
    text.push_str("}\n");
    for Variant { name, path, .. } in &variants {
        let _ = writeln!(
            text,
            "\nimpl From<{path}> for MetadataRecord {{\nfn from(record: {path}) -> Self {{"
        );
        let _ = writeln!(text, "Self::{name}(record)\n}}\n}}");
    }
    text
}

fn variant(message: &Message) -> Variant {
    let record = message.name.clone();
    let name = record.strip_suffix("Record").unwrap_or(&record).to_owned();
    let path = format!("super::{}::{record}", names::snake(&record));
    Variant { name, record, path }
}

/// A method that matches on the variants.
fn method(variants: &[Variant], doc: &str, signature: &str, arm: impl Fn(&Variant) -> String) -> String {
    let arms: String = variants.iter().map(|variant| arm(variant) + ",\n").collect();
    format!("/// {doc}\npub fn {signature} {{\nmatch self {{\n{arms}}}\n}}\n\n")
}

/// The methods that answer with a constant of the record.
fn facts(variants: &[Variant]) -> String {
    let fact = |name: &str, value: String| format!("Self::{name}(_) => {value}");
    [
        method(
            variants,
            "The record's type number.",
            "record_type(&self) -> i16",
            |Variant { name, path, .. }| fact(name, format!("{path}::RECORD_TYPE")),
        ),
        method(
            variants,
            "Kafka's name of the record.",
            "name(&self) -> &'static str",
            |Variant { name, path, .. }| fact(name, format!("{path}::NAME")),
        ),
        method(
            variants,
            "The record's type as Kafka's tools print it: `TOPIC_RECORD`.",
            "type_name(&self) -> &'static str",
            |Variant { name, record, .. }| fact(name, format!("{:?}", names::snake(record).to_uppercase())),
        ),
        method(
            variants,
            "The record's highest version.",
            "highest_version(&self) -> i16",
            |Variant { name, path, .. }| fact(name, format!("{path}::VERSIONS.max")),
        ),
    ]
    .concat()
}

/// The methods that read and write the record itself.
fn bodies(variants: &[Variant]) -> String {
    let decoded: String = variants
        .iter()
        .map(|Variant { name, path, .. }| {
            format!("{path}::RECORD_TYPE => Self::{name}(Message::decode(reader, version)?),\n")
        })
        .collect();
    let decode = format!(
        "/// Reads the record of a type and version.\n\
         pub fn decode_body(record_type: u32, reader: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {{\n\
         Ok(match i16::try_from(record_type).unwrap_or(-1) {{\n{decoded}\
         _ => return Err(DecodeError::Key {{ key: i32::try_from(record_type).unwrap_or(-1) }}),\n}})\n}}\n\n"
    );
    let encode = method(
        variants,
        "Writes the record without its frame.",
        "encode_body(&self, writer: &mut Writer, version: i16) -> Result<(), EncodeError>",
        |Variant { name, .. }| format!("Self::{name}(record) => record.encode(writer, version)"),
    );
    let json = method(
        variants,
        "The record's fields in `version`, as Kafka's tools print them.",
        "to_json(&self, version: i16) -> Value",
        |Variant { name, .. }| format!("Self::{name}(record) => record.to_json(version)"),
    );
    decode + &encode + &json
}
