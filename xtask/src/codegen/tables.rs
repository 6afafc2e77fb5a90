//! The table of APIs and the table of error codes.

use super::names;
use anyhow::{Context, Result};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// A line of `api_keys.txt`.
pub struct ApiKey {
    key: i16,
    name: String,
    versions: Option<(i16, i16)>,
    flexible_from: Option<i16>,
    broker: bool,
    controller: bool,
    forwardable: bool,
    cluster_action: bool,
}

/// A line of `error_codes.txt`.
pub struct ErrorCode {
    code: i16,
    name: String,
    retriable: bool,
    refresh: bool,
    message: String,
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

pub fn read_api_keys(path: &Path) -> Result<Vec<ApiKey>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    lines(&text)
        .map(|line| parse_api_key(line).with_context(|| line.to_owned()))
        .collect()
}

fn parse_api_key(line: &str) -> Result<ApiKey> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [key, name, versions, flexible, listeners, forwardable, action] = words[..] else {
        anyhow::bail!("seven columns are expected");
    };
    let versions = match versions {
        "none" => None,
        range => {
            let (min, max) = range.split_once('-').unwrap_or((range, range));
            Some((min.parse()?, max.parse()?))
        }
    };
    Ok(ApiKey {
        key: key.parse()?,
        name: name.to_owned(),
        versions,
        flexible_from: flexible.strip_suffix('+').map(str::parse).transpose()?,
        broker: listeners.contains("broker"),
        controller: listeners.contains("controller"),
        forwardable: forwardable == "forwardable",
        cluster_action: action == "cluster-action",
    })
}

pub fn read_error_codes(path: &Path) -> Result<Vec<ErrorCode>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    lines(&text)
        .map(|line| parse_error_code(line).with_context(|| line.to_owned()))
        .collect()
}

fn parse_error_code(line: &str) -> Result<ErrorCode> {
    let words: Vec<&str> = line.splitn(5, ' ').collect();
    let [code, name, retriable, refresh, message] = words[..] else {
        anyhow::bail!("five columns are expected");
    };
    Ok(ErrorCode {
        code: code.parse()?,
        name: name.to_owned(),
        retriable: retriable == "retriable",
        refresh: refresh == "refresh",
        message: message.to_owned(),
    })
}

/// `ApiKey` and what is known of each.
pub fn api_key(keys: &[ApiKey]) -> String {
    let mut text = String::from(
        "//! The keys of the requests and what is known of each.\n\nuse crate::api::Api;\nuse crate::wire::Versions;\n\n\
         /// The key of a request.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\n#[repr(i16)]\npub enum ApiKey {\n",
    );
    for key in keys {
        let _ = writeln!(text, "/// `{}`.\n{} = {},", key.name, key.name, key.key);
    }
    let _ = write!(
        text,
        "}}\n\n/// Every API, by key.\npub(crate) static APIS: [Api; {}] = [\n",
        keys.len()
    );
    for key in keys {
        let versions = key.versions.map_or_else(
            || "None".into(),
            |(min, max)| format!("Some(Versions::new({min}, {max}))"),
        );
        let flexible = key
            .flexible_from
            .map_or_else(|| "i16::MAX".into(), |from| from.to_string());
        let _ = writeln!(
            text,
            "Api {{ key: ApiKey::{0}, name: {0:?}, versions: {versions}, flexible_from: {flexible}, on_broker: {1}, \
             on_controller: {2}, forwardable: {3}, cluster_action: {4} }},",
            key.name, key.broker, key.controller, key.forwardable, key.cluster_action
        );
    }
    text.push_str("];\n");
    text
}

/// `ErrorCode` and what is known of each.
pub fn error_code(codes: &[ErrorCode]) -> String {
    let mut text = String::from(
        "//! The error codes.\n\nuse crate::error_table::ErrorFacts;\n\n/// What a response says about one thing that was asked.\n\
         #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]\n#[repr(i16)]\npub enum ErrorCode {\n",
    );
    for code in codes {
        let default = if code.code == 0 { "#[default]\n" } else { "" };
        let name = names::pascal(&code.name);
        let _ = writeln!(text, "/// {}\n{default}{name} = {},", code.message, code.code);
    }
    let _ = write!(
        text,
        "}}\n\n/// Every code, in order, from -1.\npub(crate) static ERRORS: [ErrorFacts; {}] = [\n",
        codes.len()
    );
    for code in codes {
        let _ = writeln!(
            text,
            "ErrorFacts {{ code: ErrorCode::{}, name: {:?}, message: {:?}, retriable: {}, refreshes_metadata: {} }},",
            names::pascal(&code.name),
            code.name,
            code.message,
            code.retriable,
            code.refresh
        );
    }
    text.push_str("];\n");
    text
}
