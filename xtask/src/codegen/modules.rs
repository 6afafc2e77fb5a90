//! The files that tie the messages together: module lists and the enums over messages.

use super::schema::{Kind, Message};
use super::{json, names};
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
            let constructor = if json::is_printed(message.kind) {
                "printed"
            } else {
                "of"
            };
            let _ = writeln!(text, "AnyMessage::{constructor}::<{path}>(MessageKind::{kind}, {key}),");
        }
    }
    text.push_str("];\n");
    text
}
