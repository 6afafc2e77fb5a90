//! One file per message: its structs and how they are read and written.

use super::schema::{Kind, Message, Struct};
use super::{body, field, json, names};
use anyhow::{Context, Result};
use std::fmt::Write;

/// The file of `message`.
pub fn file(message: &Message) -> Result<String> {
    let mut code = String::new();
    for of in &message.structs {
        code.push_str(&definition(message, of));
        code.push_str(&body::implementation(message, of));
        if json::is_printed(message.kind) {
            code.push('\n');
            code.push_str(&json::implementation(message, of));
        }
        code.push('\n');
    }
    code.push_str(&traits(message)?);
    let mut text = format!("//! `{}`.\n\n", message.name);
    if json::is_printed(message.kind) {
        text.push_str("use crate::json::Json;\n");
    }
    text.push_str("use crate::wire::{Body, DecodeError, EncodeError, Message, Reader, ");
    for (name, used) in [
        ("Records", code.contains("Records>")),
        ("Request", message.kind == Kind::Request),
        ("Versions", true),
    ] {
        if used {
            let _ = write!(text, "{name}, ");
        }
    }
    text.push_str("Writer};\n");
    if code.contains("Uuid") {
        text.push_str("use base::Uuid;\n");
    }
    if code.contains(": Bytes") || code.contains("<Bytes>") {
        text.push_str("use bytes::Bytes;\n");
    }
    if json::is_printed(message.kind) {
        text.push_str("use serde_json::{Map, Value};\n");
    }
    text.push('\n');
    text.push_str(&code);
    Ok(text)
}

fn definition(message: &Message, of: &Struct) -> String {
    let derivable = of.fields.iter().all(field::default_is_derivable);
    let mut text = if of.name == message.name {
        format!(
            "/// `{}`, versions {} to {}.\n",
            of.name, message.versions.min, message.versions.max
        )
    } else {
        format!("/// `{}` of `{}`.\n", of.name, message.name)
    };
    let derived = if derivable { ", Default" } else { "" };
    let _ = writeln!(
        text,
        "#[derive(Clone, Debug, PartialEq{derived})]\npub struct {} {{",
        of.name
    );
    for field in &of.fields {
        let _ = writeln!(text, "pub {}: {},", names::field(&field.name), field::rust_type(field));
    }
    text.push_str("}\n\n");
    if !derivable {
        let _ = writeln!(
            text,
            "impl Default for {} {{\nfn default() -> Self {{\nSelf {{",
            of.name
        );
        for field in &of.fields {
            let _ = writeln!(text, "{}: {},", names::field(&field.name), field::default(field));
        }
        text.push_str("}\n}\n}\n\n");
    }
    text
}

fn traits(message: &Message) -> Result<String> {
    let name = &message.name;
    let flexible = message
        .flexible_from
        .map_or_else(|| "i16::MAX".into(), |from| from.to_string());
    let mut text = format!(
        "impl Message for {name} {{\nconst NAME: &'static str = {name:?};\n\
         const VERSIONS: Versions = Versions::new({}, {});\nconst FLEXIBLE_FROM: i16 = {flexible};\n}}\n",
        message.versions.min, message.versions.max
    );
    match message.kind {
        Kind::Request => {
            let api = name
                .strip_suffix("Request")
                .context("a request's name ends in Request")?;
            let response = format!("crate::messages::{}_response::{api}Response", names::snake(api));
            let _ = write!(
                text,
                "\nimpl Request for {name} {{\nconst KEY: crate::ApiKey = crate::ApiKey::{api};\n\
                 type Response = {response};\n}}\n"
            );
        }
        Kind::Metadata | Kind::CoordinatorKey | Kind::CoordinatorValue | Kind::RemoteLog => {
            let key = message.key.context("a record has a key")?;
            let _ = write!(
                text,
                "\nimpl {name} {{\n/// The record's type number.\npub const RECORD_TYPE: i16 = {key};\n}}\n"
            );
        }
        Kind::Response | Kind::Header | Kind::Data => {}
    }
    Ok(text)
}
