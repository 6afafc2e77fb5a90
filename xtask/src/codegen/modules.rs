//! The files that tie the messages together: module lists and the enums over messages.

use super::names;
use super::schema::{Kind, Message};
use std::fmt::Write;

/// The module file of `folder`.
pub fn file(folder: &str, messages: &[Message]) -> String {
    let what = match folder {
        "messages" => "Requests, responses and their headers.",
        "metadata_records" => "The records of `__cluster_metadata`.",
        _ => "Records of the internal topics, control records, and what Kafka keeps in files and opaque fields.",
    };
    let mut text = format!("//! {what}\n\n");
    for message in messages {
        let _ = writeln!(text, "pub mod {};", names::snake(&message.name));
    }
    if folder == "metadata_records" {
        text.push_str("mod metadata_record;\n\npub use metadata_record::MetadataRecord;\n");
    }
    text
}

/// The enum over all metadata records.
pub fn metadata_record(messages: &[Message]) -> String {
    let mut text = String::from(
        "//! Any record of `__cluster_metadata`.\n\nuse crate::wire::{Body, DecodeError, EncodeError, Message, Reader, Writer};\n\n\
         /// Any record of `__cluster_metadata`, without its frame.\n#[derive(Clone, Debug, PartialEq)]\n\
         pub enum MetadataRecord {\n",
    );
    let each = |line: &dyn Fn(&str, &str, &str) -> String| -> String {
        messages
            .iter()
            .map(|message| {
                let variant = message.name.strip_suffix("Record").unwrap_or(&message.name);
                let path = format!("super::{}::{}", names::snake(&message.name), message.name);
                line(variant, &path, &message.name)
            })
            .collect()
    };
    text.push_str(&each(&|variant, path, name| {
        format!("/// `{name}`.\n{variant}({path}),\n")
    }));
    text.push_str("}\n\nimpl MetadataRecord {\n");
    let _ = write!(
        text,
        "/// The record's type number.\npub fn record_type(&self) -> i16 {{\nmatch self {{\n{}}}\n}}\n\n",
        each(&|variant, path, _| format!("Self::{variant}(_) => {path}::RECORD_TYPE,\n"))
    );
    let _ = write!(
        text,
        "/// Kafka's name of the record.\npub fn name(&self) -> &'static str {{\nmatch self {{\n{}}}\n}}\n\n",
        each(&|variant, path, _| format!("Self::{variant}(_) => {path}::NAME,\n"))
    );
    let _ = write!(
        text,
        "/// The record's highest version.\npub fn highest_version(&self) -> i16 {{\nmatch self {{\n{}}}\n}}\n\n",
        each(&|variant, path, _| format!("Self::{variant}(_) => {path}::VERSIONS.max,\n"))
    );
    let _ = write!(
        text,
        "/// Reads the record of a type and version.\npub fn decode_body(record_type: u32, reader: &mut Reader<'_>, \
         version: i16) -> Result<Self, DecodeError> {{\nOk(match i16::try_from(record_type).unwrap_or(-1) {{\n{}\
         _ => return Err(DecodeError::Key {{ key: i32::try_from(record_type).unwrap_or(-1) }}),\n}})\n}}\n\n",
        each(&|variant, path, _| format!(
            "{path}::RECORD_TYPE => Self::{variant}(Message::decode(reader, version)?),\n"
        ))
    );
    let _ = write!(
        text,
        "/// Writes the record without its frame.\npub fn encode_body(&self, writer: &mut Writer, version: i16) -> \
         Result<(), EncodeError> {{\nmatch self {{\n{}}}\n}}\n",
        each(&|variant, _, _| format!("Self::{variant}(record) => record.encode(writer, version),\n"))
    );
    text.push_str("}\n");
    text.push_str(&each(&|variant, path, _| {
        format!(
            "\nimpl From<{path}> for MetadataRecord {{\nfn from(record: {path}) -> Self {{\nSelf::{variant}(record)\n}}\n}}\n"
        )
    }));
    text.replace("Body, ", "")
}

/// The table of all messages.
pub fn any_message(groups: &[(&str, &Vec<Message>)]) -> String {
    let mut text = String::from(
        "//! The table of all messages.\n\nuse crate::any_message::{AnyMessage, MessageKind};\n\n\
         /// Every message that has a schema.\npub(crate) static MESSAGES: &[AnyMessage] = &[\n",
    );
    for (folder, messages) in groups {
        for message in *messages {
            let kind = match message.kind {
                Kind::Request => "Request",
                Kind::Response => "Response",
                Kind::Header => "Header",
                Kind::Metadata => "MetadataRecord",
                Kind::CoordinatorKey | Kind::CoordinatorValue | Kind::RemoteLog | Kind::Data => "Internal",
            };
            let path = format!("crate::{folder}::{}::{}", names::snake(&message.name), message.name);
            let key = message.key.unwrap_or(-1);
            let _ = writeln!(text, "AnyMessage::of::<{path}>(MessageKind::{kind}, {key}),");
        }
    }
    text.push_str("];\n");
    text
}
