//! How records become JSON, as Kafka's tools print them.

use super::field::{self, Condition, condition};
use super::names;
use super::schema::{Kind, Message, Struct};
use std::fmt::Write;

/// Whether messages of this kind have a JSON form.
pub fn is_printed(kind: Kind) -> bool {
    match kind {
        Kind::Request | Kind::Response | Kind::Header => false,
        Kind::Metadata | Kind::CoordinatorKey | Kind::CoordinatorValue | Kind::RemoteLog | Kind::Data => true,
    }
}

/// The `impl Json` of `of`, a struct of `message`.
pub fn implementation(message: &Message, of: &Struct) -> String {
    let mut body = String::new();
    for each in &of.fields {
        let insert = format!(
            "fields.insert({:?}.into(), self.{}.to_json(version));",
            names::camel(&each.name),
            names::field(&each.name)
        );
        let mut tests = Vec::new();
        match condition(each.versions, message.versions) {
            Condition::Always => {}
            Condition::Never => continue,
            Condition::If { test, .. } => tests.push(test),
        }
        if each.tag.is_some() {
            tests.push(field::differs_from_default(each));
        }
        let _ = if tests.is_empty() {
            writeln!(body, "{insert}")
        } else {
            writeln!(body, "if {} {{\n{insert}\n}}", tests.join(" && "))
        };
    }
    let (mutable, version) = if body.is_empty() {
        ("", "_version")
    } else {
        ("mut ", "version")
    };
    format!(
        "impl Json for {} {{\nfn to_json(&self, {version}: i16) -> Value {{\nlet {mutable}fields = Map::new();\n{body}\
         Value::Object(fields)\n}}\n}}\n",
        of.name
    )
}
