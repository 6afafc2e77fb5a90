//! The `Body` of one struct: how all its fields are read and written.

use super::field::{self, Condition, condition};
use super::names;
use super::schema::{Field, Message, Range, Struct, Type};
use std::fmt::Write;

/// The `impl Body` of `of`, a struct of `message`.
pub fn implementation(message: &Message, of: &Struct) -> String {
    let reading = read(message, of);
    let writing = write(message, of);
    let mut text = format!("impl Body for {} {{\n", of.name);
    let _ = writeln!(text, "const MIN_SIZE: usize = {};\n", min_size(message, of));
    let (reader, version) = (argument("reader", &reading), argument("version", &reading));
    let _ = writeln!(
        text,
        "fn read({reader}: &mut Reader<'_>, {version}: i16) -> Result<Self, DecodeError> {{\n{reading}}}\n"
    );
    let (writer, version) = (argument("writer", &writing), argument("version", &writing));
    let _ = writeln!(
        text,
        "fn write(&self, {writer}: &mut Writer, {version}: i16) -> Result<(), EncodeError> {{\n{writing}Ok(())\n}}"
    );
    text.push_str("}\n");
    text
}

/// The argument's name, with an underscore if `body` does not use it.
fn argument(name: &str, body: &str) -> String {
    let used = body.match_indices(name).any(|(at, _)| {
        let before = body[..at].chars().next_back();
        let after = body[at + name.len()..].chars().next();
        // A field may have the argument's name: `version: reader.i16()?` and `self.version` are not the argument.
        let is_word = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
        !is_word(before) && !is_word(after) && before != Some('.') && after != Some(':')
    });
    if used { name.to_owned() } else { format!("_{name}") }
}

fn is_flexible_in(message: &Message, version: i16) -> bool {
    message.flexible_from.is_some_and(|from| version >= from)
}

/// The fewest bytes of the struct in any version of the message.
fn min_size(message: &Message, of: &Struct) -> usize {
    let sizes = (message.versions.min..=message.versions.max).map(|version| size_in(message, of, version));
    sizes.min().unwrap_or(0)
}

fn size_in(message: &Message, of: &Struct, version: i16) -> usize {
    let flexible = is_flexible_in(message, version);
    let here = Range {
        min: version,
        max: version,
    };
    let struct_size = |name: &str| {
        message
            .structs
            .iter()
            .find(|known| known.name == name)
            .map_or(0, |known| size_in(message, known, version))
    };
    let present = of
        .fields
        .iter()
        .filter(|field| field.tag.is_none() && field.versions.covers(here));
    let fields: usize = present
        .map(|field| field::min_size(field, version, flexible, &struct_size))
        .sum();
    fields + usize::from(flexible)
}

fn tagged(of: &Struct) -> Vec<&Field> {
    let mut tagged: Vec<&Field> = of.fields.iter().filter(|field| field.tag.is_some()).collect();
    tagged.sort_by_key(|field| field.tag);
    tagged
}

fn read(message: &Message, of: &Struct) -> String {
    let tagged = tagged(of);
    let mut literal = String::from("Self {\n");
    for field in &of.fields {
        let _ = writeln!(
            literal,
            "{}: {},",
            names::field(&field.name),
            read_field(message, field)
        );
    }
    literal.push('}');
    if message.flexible_from.is_none() {
        return format!("Ok({literal})\n");
    }
    if tagged.is_empty() {
        return format!("let message = {literal};\nreader.skip_tags()?;\nOk(message)\n");
    }
    let mut arms = String::new();
    for field in tagged {
        let tag = field.tag.expect("only tagged fields are here");
        let guard = match condition(field.versions, message.versions) {
            Condition::Always => String::new(),
            Condition::Never => continue,
            Condition::If { test, .. } => format!(" if {test}"),
        };
        let value = field::read(field, message.versions.and(field.versions));
        let _ = writeln!(arms, "{tag}{guard} => message.{} = {value},", names::field(&field.name));
    }
    format!(
        "let mut message = {literal};\nfor _ in 0..reader.tag_count()? {{\nlet field = reader.tag()?;\n\
         match field.tag {{\n{arms}_ => {{\nreader.skip_tag(field);\ncontinue;\n}}\n}}\nreader.end_tag(field)?;\n}}\n\
         Ok(message)\n"
    )
}

fn read_field(message: &Message, field: &Field) -> String {
    if field.tag.is_some() {
        return field::default(field);
    }
    let value = if field.inflexible {
        assert!(
            field.kind == Type::String && field.nullable.is_some(),
            "only the header's client id is inflexible"
        );
        "reader.inflexible_nullable_string()?".into()
    } else {
        field::read(field, message.versions.and(field.versions))
    };
    match condition(field.versions, message.versions) {
        Condition::Always => value,
        Condition::Never => field::default(field),
        Condition::If { test, .. } => format!("if {test} {{ {value} }} else {{ {} }}", field::default(field)),
    }
}

fn write(message: &Message, of: &Struct) -> String {
    let mut text = String::new();
    for field in of.fields.iter().filter(|field| field.tag.is_none()) {
        text.push_str(&write_field(message, field));
    }
    if message.flexible_from.is_none() {
        return text;
    }
    let tagged = tagged(of);
    if tagged.is_empty() {
        text.push_str("writer.tag_count(0);\n");
        return text;
    }
    let mut counts = Vec::new();
    let mut writes = String::new();
    for field in tagged {
        let tag = field.tag.expect("only tagged fields are here");
        let differs = field::differs_from_default(field);
        let present = match condition(field.versions, message.versions) {
            Condition::Always => differs.clone(),
            Condition::Never => continue,
            Condition::If { test, negation } => {
                if !field.ignorable {
                    let _ = write!(text, "if {negation} && {differs} {{\n{}}}\n", refuse(field));
                }
                format!("{test} && {differs}")
            }
        };
        let _ = writeln!(text, "let has_tag_{tag} = {present};");
        counts.push(format!("u32::from(has_tag_{tag})"));
        let value = field::write(field, message.versions.and(field.versions));
        let _ = write!(
            writes,
            "if has_tag_{tag} {{\nlet start = writer.begin_tag({tag});\n{value}\nwriter.end_tag(start)?;\n}}\n"
        );
    }
    let _ = writeln!(
        text,
        "writer.tag_count({});",
        if counts.is_empty() {
            "0".into()
        } else {
            counts.join(" + ")
        }
    );
    text.push_str(&writes);
    text
}

fn refuse(field: &Field) -> String {
    format!(
        "return Err(EncodeError::FieldNotInVersion {{ field: {:?}, version }});\n",
        names::snake(&field.name)
    )
}

fn write_field(message: &Message, field: &Field) -> String {
    let value = if field.inflexible {
        format!(
            "writer.inflexible_nullable_string(self.{}.as_deref())?;",
            names::field(&field.name)
        )
    } else {
        field::write(field, message.versions.and(field.versions))
    };
    let differs = field::differs_from_default(field);
    match (condition(field.versions, message.versions), field.ignorable) {
        (Condition::Always, _) => format!("{value}\n"),
        (Condition::Never, true) => String::new(),
        (Condition::Never, false) => format!("if {differs} {{\n{}}}\n", refuse(field)),
        (Condition::If { test, .. }, true) => format!("if {test} {{\n{value}\n}}\n"),
        (Condition::If { test, .. }, false) => {
            format!("if {test} {{\n{value}\n}} else if {differs} {{\n{}}}\n", refuse(field))
        }
    }
}
