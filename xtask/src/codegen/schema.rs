//! Reads the schema tables.
//!
//! A message begins at a line without indentation: `request FetchRequest key=1 versions=4-18 flexible=12+`. Its fields
//! follow, indented by depth: `ClusterId string 12+ nullable=12+ tag=0 default=null ignorable`. The fields of a struct
//! follow the first field that has it.

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// An inclusive range of versions; `i16::MAX` above stands for "and all later ones".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub min: i16,
    pub max: i16,
}

impl Range {
    fn parse(text: &str) -> Result<Self> {
        if let Some(min) = text.strip_suffix('+') {
            return Ok(Self {
                min: min.parse()?,
                max: i16::MAX,
            });
        }
        let (min, max) = text.split_once('-').unwrap_or((text, text));
        Ok(Self {
            min: min.parse()?,
            max: max.parse()?,
        })
    }

    pub fn covers(self, other: Self) -> bool {
        self.min <= other.min && self.max >= other.max
    }

    pub fn and(self, other: Self) -> Self {
        Self {
            min: self.min.max(other.min),
            max: self.max.min(other.max),
        }
    }

    pub fn is_empty(self) -> bool {
        self.min > self.max
    }
}

/// What a field or an array's element is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    Bool,
    /// A Rust integer or float type, by name.
    Number(&'static str),
    Uuid,
    String,
    Bytes,
    Records,
    Struct(String),
    Array(Box<Type>),
}

impl Type {
    fn parse(text: &str) -> Result<Self> {
        if let Some(element) = text.strip_prefix("[]") {
            return Ok(Self::Array(Box::new(Self::parse(element)?)));
        }
        Ok(match text {
            "bool" => Self::Bool,
            "int8" => Self::Number("i8"),
            "int16" => Self::Number("i16"),
            "int32" => Self::Number("i32"),
            "int64" => Self::Number("i64"),
            "uint16" => Self::Number("u16"),
            "uint32" => Self::Number("u32"),
            "float64" => Self::Number("f64"),
            "uuid" => Self::Uuid,
            "string" => Self::String,
            "bytes" => Self::Bytes,
            "records" => Self::Records,
            name if name.starts_with(|first: char| first.is_ascii_uppercase()) => Self::Struct(name.to_owned()),
            _ => bail!("no type is called {text}"),
        })
    }

    pub fn struct_name(&self) -> Option<&str> {
        match self {
            Self::Struct(name) => Some(name),
            Self::Array(element) => element.struct_name(),
            _ => None,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    pub kind: Type,
    pub versions: Range,
    pub nullable: Option<Range>,
    pub tag: Option<u32>,
    pub default: Option<String>,
    pub ignorable: bool,
    /// Never compact, even in flexible versions.
    pub inflexible: bool,
}

#[derive(Clone, Debug)]
pub struct Struct {
    pub name: String,
    pub fields: Vec<Field>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Request,
    Response,
    Header,
    Metadata,
    CoordinatorKey,
    CoordinatorValue,
    RemoteLog,
    Data,
}

#[derive(Clone, Debug)]
pub struct Message {
    pub kind: Kind,
    pub name: String,
    pub key: Option<i16>,
    pub versions: Range,
    /// The first flexible version.
    pub flexible_from: Option<i16>,
    /// The message itself, then its structs in the order of their first use.
    pub structs: Vec<Struct>,
}

/// All messages of the files in `dir`, sorted by name.
pub fn read_dir(dir: &Path) -> Result<Vec<Message>> {
    let mut messages = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        let text = fs::read_to_string(&path)?;
        messages.extend(parse(&text).with_context(|| path.display().to_string())?);
    }
    messages.sort_by(|left, right| left.name.cmp(&right.name));
    let names: BTreeSet<_> = messages.iter().map(|message| &message.name).collect();
    ensure!(
        names.len() == messages.len(),
        "two messages have one name in {}",
        dir.display()
    );
    Ok(messages)
}

fn parse(text: &str) -> Result<Vec<Message>> {
    let mut messages: Vec<Message> = Vec::new();
    // The index of the struct that fields of each depth belong to.
    let mut open: Vec<usize> = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
    {
        if !line.starts_with(' ') {
            messages.push(parse_head(line).with_context(|| line.to_owned())?);
            open = vec![0];
            continue;
        }
        let message = messages.last_mut().context("a field before any message")?;
        let depth = (line.len() - line.trim_start().len()) / 2;
        ensure!(depth >= 1 && depth <= open.len(), "indentation of `{line}`");
        open.truncate(depth);
        let field = parse_field(line.trim()).with_context(|| line.to_owned())?;
        if let Some(name) = field.kind.struct_name() {
            let known = message.structs.iter().position(|known| known.name == name);
            open.push(known.unwrap_or(message.structs.len()));
            if known.is_none() {
                message.structs.push(Struct {
                    name: name.to_owned(),
                    fields: Vec::new(),
                });
            }
        }
        message.structs[open[depth - 1]].fields.push(field);
    }
    Ok(messages)
}

fn parse_head(line: &str) -> Result<Message> {
    let mut words = line.split_whitespace();
    let kind = match words.next().context("a kind")? {
        "request" => Kind::Request,
        "response" => Kind::Response,
        "header" => Kind::Header,
        "metadata" => Kind::Metadata,
        "coordinator-key" => Kind::CoordinatorKey,
        "coordinator-value" => Kind::CoordinatorValue,
        "remote-log" => Kind::RemoteLog,
        "data" => Kind::Data,
        other => bail!("no kind is called {other}"),
    };
    let name = words.next().context("a name")?.to_owned();
    let (mut key, mut versions, mut flexible_from) = (None, None, None);
    for word in words {
        match word.split_once('=').context("name=value")? {
            ("key", value) => key = Some(value.parse()?),
            ("versions", value) => versions = Some(Range::parse(value)?),
            ("flexible", "none") => flexible_from = None,
            ("flexible", value) => flexible_from = Some(Range::parse(value)?.min),
            (other, _) => bail!("a message has no {other}"),
        }
    }
    let structs = vec![Struct {
        name: name.clone(),
        fields: Vec::new(),
    }];
    Ok(Message {
        kind,
        name,
        key,
        versions: versions.context("versions")?,
        flexible_from,
        structs,
    })
}

fn parse_field(line: &str) -> Result<Field> {
    let mut words = line.split_whitespace();
    let name = words.next().context("a name")?.to_owned();
    let kind = Type::parse(words.next().context("a type")?)?;
    let versions = Range::parse(words.next().context("versions")?)?;
    let mut field = Field {
        name,
        kind,
        versions,
        nullable: None,
        tag: None,
        default: None,
        ignorable: false,
        inflexible: false,
    };
    for word in words {
        match word.split_once('=').unwrap_or((word, "")) {
            ("nullable", value) => field.nullable = Some(Range::parse(value)?),
            ("tag", value) => field.tag = Some(value.parse()?),
            ("default", value) => field.default = Some(value.to_owned()),
            ("ignorable", "") => field.ignorable = true,
            ("inflexible", "") => field.inflexible = true,
            (other, _) => bail!("a field has no {other}"),
        }
    }
    Ok(field)
}
