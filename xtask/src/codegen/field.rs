//! One field in Rust: its type, its default, how it is read and how it is written.

use super::names;
use super::schema::{Field, Range, Type};

/// The Rust type of a value that is not null.
pub fn plain_type(kind: &Type) -> String {
    match kind {
        Type::Bool => "bool".into(),
        Type::Number(name) => (*name).into(),
        Type::Uuid => "Uuid".into(),
        Type::String => "String".into(),
        Type::Bytes => "Bytes".into(),
        Type::Records => "Records".into(),
        Type::Struct(name) => name.clone(),
        Type::Array(element) => format!("Vec<{}>", plain_type(element)),
    }
}

/// Whether the Rust type is an `Option`.
pub fn is_optional(field: &Field) -> bool {
    field.nullable.is_some() || field.kind == Type::Records
}

pub fn rust_type(field: &Field) -> String {
    let plain = plain_type(&field.kind);
    if is_optional(field) {
        format!("Option<{plain}>")
    } else {
        plain
    }
}

fn default_is_null(field: &Field) -> bool {
    field.kind == Type::Records || field.default.as_deref() == Some("null")
}

/// The value a field has where nothing is said.
pub fn default(field: &Field) -> String {
    if is_optional(field) {
        return if default_is_null(field) {
            "None".into()
        } else {
            format!("Some({})", plain_default(field))
        };
    }
    plain_default(field)
}

fn plain_default(field: &Field) -> String {
    let said = field.default.as_deref();
    match &field.kind {
        Type::Bool => said.unwrap_or("false").into(),
        Type::Number("f64") => said.map_or_else(|| "0.0".into(), |value| format!("{value}.0")),
        Type::Number(_) => said.map_or_else(|| "0".into(), integer),
        Type::Uuid => "Uuid::ZERO".into(),
        Type::String => "String::new()".into(),
        Type::Bytes => "Bytes::new()".into(),
        Type::Records => "Records::EMPTY".into(),
        Type::Struct(name) => format!("{name}::default()"),
        Type::Array(_) => "Vec::new()".into(),
    }
}

fn integer(text: &str) -> String {
    match text {
        "0x7fffffff" => "i32::MAX".into(),
        "-2147483648" => "i32::MIN".into(),
        "9223372036854775807" => "i64::MAX".into(),
        _ => text.to_owned(),
    }
}

/// Whether `Default` could be derived as far as this field goes.
pub fn default_is_derivable(field: &Field) -> bool {
    if is_optional(field) {
        return default_is_null(field);
    }
    matches!(plain_default(field).as_str(), "0" | "0.0" | "false")
        || !matches!(field.kind, Type::Bool | Type::Number(_))
}

/// An expression that is true if the field's value is not its default.
pub fn differs_from_default(field: &Field) -> String {
    let place = format!("self.{}", names::field(&field.name));
    if is_optional(field) {
        if default_is_null(field) {
            return format!("{place}.is_some()");
        }
        return match field.kind {
            Type::String | Type::Bytes | Type::Array(_) => {
                format!("{place}.as_ref().is_none_or(|value| !value.is_empty())")
            }
            _ => format!("{place} != {}", default(field)),
        };
    }
    match (&field.kind, field.default.as_deref()) {
        (Type::Bool, Some("true")) => format!("!{place}"),
        (Type::Bool, _) => place,
        (Type::String | Type::Bytes | Type::Array(_), _) => format!("!{place}.is_empty()"),
        _ => format!("{place} != {}", plain_default(field)),
    }
}

/// An expression that reads the field, present in `present`, from `reader`.
pub fn read(field: &Field, present: Range) -> String {
    let plain = read_plain(&field.kind);
    let Some(nullable) = field.nullable else { return plain };
    let or_null = match &field.kind {
        Type::String => "reader.nullable_string()?".into(),
        Type::Bytes => "reader.nullable_bytes()?".into(),
        Type::Array(_) => "reader.nullable_array(version)?".into(),
        Type::Struct(_) if field.tag.is_some() => "reader.nullable_tagged_struct(version)?".into(),
        Type::Struct(_) => "reader.nullable_struct(version)?".into(),
        _ => return plain,
    };
    match condition(nullable, present) {
        Condition::Always => or_null,
        Condition::Never => format!("Some({plain})"),
        Condition::If { test, .. } => format!("if {test} {{ {or_null} }} else {{ Some({plain}) }}"),
    }
}

fn read_plain(kind: &Type) -> String {
    match kind {
        Type::Bool => "reader.bool()?".into(),
        Type::Number(name) => format!("reader.{name}()?"),
        Type::Uuid => "reader.uuid()?".into(),
        Type::String => "reader.string()?".into(),
        Type::Bytes => "reader.bytes()?".into(),
        Type::Records => "reader.records()?".into(),
        Type::Struct(name) => format!("{name}::read(reader, version)?"),
        Type::Array(_) => "reader.array(version)?".into(),
    }
}

/// A statement that writes the field, present in `present`, to `writer`.
pub fn write(field: &Field, present: Range) -> String {
    let place = format!("self.{}", names::field(&field.name));
    let Some(nullable) = field.nullable else {
        return write_plain(&field.kind, &place);
    };
    let or_null = match &field.kind {
        Type::String => format!("writer.nullable_string({place}.as_deref())?;"),
        Type::Bytes => format!("writer.nullable_bytes({place}.as_ref())?;"),
        Type::Array(_) => format!("writer.nullable_array({place}.as_deref(), version)?;"),
        Type::Struct(_) if field.tag.is_some() => {
            format!("writer.nullable_tagged_struct({place}.as_ref(), version)?;")
        }
        Type::Struct(_) => format!("writer.nullable_struct({place}.as_ref(), version)?;"),
        _ => return write_plain(&field.kind, &place),
    };
    let refused = format!(
        "EncodeError::Null {{ field: {:?}, version }}",
        names::snake(&field.name)
    );
    let plain = match &field.kind {
        Type::String => format!("writer.string({place}.as_deref().ok_or({refused})?)?;"),
        Type::Bytes => format!("writer.bytes({place}.as_ref().ok_or({refused})?)?;"),
        Type::Array(_) => format!("writer.array({place}.as_deref().ok_or({refused})?, version)?;"),
        _ => format!("{place}.as_ref().ok_or({refused})?.write(writer, version)?;"),
    };
    match condition(nullable, present) {
        Condition::Always => or_null,
        Condition::Never => plain,
        Condition::If { test, .. } => format!("if {test} {{ {or_null} }} else {{ {plain} }}"),
    }
}

fn write_plain(kind: &Type, place: &str) -> String {
    match kind {
        Type::Bool => format!("writer.bool({place});"),
        Type::Number(name) => format!("writer.{name}({place});"),
        Type::Uuid => format!("writer.uuid(&{place});"),
        Type::String => format!("writer.string(&{place})?;"),
        Type::Bytes => format!("writer.bytes(&{place})?;"),
        Type::Records => format!("writer.records({place}.as_ref())?;"),
        Type::Struct(_) => format!("{place}.write(writer, version)?;"),
        Type::Array(_) => format!("writer.array(&{place}, version)?;"),
    }
}

/// The fewest bytes of the field in `version`, `struct_size` answering for structs.
pub fn min_size(field: &Field, version: i16, flexible: bool, struct_size: &dyn Fn(&str) -> usize) -> usize {
    let nullable = field.nullable.is_some_and(|range| {
        range.covers(Range {
            min: version,
            max: version,
        })
    });
    let compact = flexible && !field.inflexible;
    match &field.kind {
        Type::Bool | Type::Number("i8") => 1,
        Type::Number("i16" | "u16") => 2,
        Type::Number("i32" | "u32") => 4,
        Type::Number(_) => 8,
        Type::Uuid => 16,
        Type::String if compact => 1,
        Type::String => 2,
        Type::Bytes | Type::Records | Type::Array(_) if compact => 1,
        Type::Bytes | Type::Records | Type::Array(_) => 4,
        Type::Struct(_) if nullable => 1,
        Type::Struct(name) => struct_size(name),
    }
}

/// When something happens, given that the version is in some range anyway.
pub enum Condition {
    Always,
    Never,
    /// If the test is true, and not if its negation is.
    If {
        test: String,
        negation: String,
    },
}

/// When a version of `within` is in `range`.
pub fn condition(range: Range, within: Range) -> Condition {
    let both = range.and(within);
    if both.is_empty() {
        return Condition::Never;
    }
    if range.covers(within) {
        return Condition::Always;
    }
    let (min, max) = (both.min, both.max);
    let (test, negation) = if min == max {
        (format!("version == {min}"), format!("version != {min}"))
    } else if min == within.min {
        (format!("version <= {max}"), format!("version > {max}"))
    } else if max == within.max {
        (format!("version >= {min}"), format!("version < {min}"))
    } else {
        (
            format!("({min}..={max}).contains(&version)"),
            format!("!({min}..={max}).contains(&version)"),
        )
    };
    Condition::If { test, negation }
}
