//! A whole set of values: every key of a table with what was set, or its default.

use crate::error::ConfigError;
use crate::key::{DefaultValue, Key};
use crate::table::Table;
use crate::value::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// What somebody set, as text: key to value.
pub type Originals = BTreeMap<String, String>;

/// Every key's value.
#[derive(Clone, Debug)]
pub struct Settings {
    table: &'static Table,
    /// In the order of the table's keys.
    values: Box<[Value]>,
}

impl Settings {
    /// Parses and checks every key of `table`; keys that the table does not know are not looked at.
    pub fn resolve(table: &'static Table, originals: &Originals) -> Result<Self, ConfigError> {
        Self::resolve_over(table, originals, default_value)
    }

    /// As [`Settings::resolve`], with another default than the table's.
    pub(crate) fn resolve_over(
        table: &'static Table,
        originals: &Originals,
        default: impl Fn(&Key) -> Option<Value>,
    ) -> Result<Self, ConfigError> {
        let mut values = Vec::with_capacity(table.keys().len());
        for key in table.keys() {
            let value = match originals.get(key.name) {
                Some(text) => key.parse(text)?,
                None if key.default == DefaultValue::Required => {
                    return Err(ConfigError::Missing {
                        key: key.name,
                        hint: hint(key.name),
                    });
                }
                None => default(key).unwrap_or(Value::Null),
            };
            key.valid.check(key.name, &value)?;
            values.push(value);
        }
        Ok(Self {
            table,
            values: values.into(),
        })
    }

    /// The table whose keys these are.
    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// The value of the key called `name`; `None` if the table has no such key.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let at = self.table.keys().binary_search_by(|key| key.name.cmp(name)).ok()?;
        self.values.get(at)
    }

    /// The value of a key that the code names, in the type that the code wants.
    ///
    /// # Panics
    /// If the table has no such key of that type: a mistake in the code, which the tests of this crate find.
    pub fn read<T: FromValue>(&self, name: &str) -> T {
        let value = self.get(name).and_then(T::from_value);
        value.unwrap_or_else(|| panic!("{name} is not a key of the wanted type"))
    }
}

fn default_value(key: &Key) -> Option<Value> {
    key.default_text().and_then(|text| key.parse(text).ok())
}

fn hint(key: &str) -> &'static str {
    match key {
        "process.roles" => " Set process.roles=broker,controller for a single node.",
        "node.id" => " Set node.id to a number that no other node of the cluster has, for example node.id=1.",
        "controller.listener.names" => " Set controller.listener.names=CONTROLLER and give that listener in listeners.",
        _ => "",
    }
}

/// A type that a value can be read as.
pub trait FromValue: Sized {
    /// The value in this type; `None` if the value is of another.
    fn from_value(value: &Value) -> Option<Self>;
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl FromValue for $integer {
            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    Value::Integer(number) => Self::try_from(*number).ok(),
                    _ => None,
                }
            }
        }
    )*};
}
integers!(i16, i32, i64);

impl FromValue for f64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Double(number) => Some(*number),
            _ => None,
        }
    }
}

impl FromValue for bool {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Boolean(truth) => Some(*truth),
            _ => None,
        }
    }
}

impl FromValue for String {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }
}

impl FromValue for Vec<String> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::List(entries) => Some(entries.clone()),
            _ => None,
        }
    }
}

/// Milliseconds; a negative number reads as zero, so keys where it means "never" are read as `Option<Duration>`.
impl FromValue for Duration {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(millis) => Some(Self::from_millis(u64::try_from(*millis).unwrap_or(0))),
            _ => None,
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => T::from_value(other).map(Some),
        }
    }
}

/// Declares a struct whose fields are read from keys, and the list of those keys.
macro_rules! settings {
    (
        $(#[$about:meta])*
        $visibility:vis struct $name:ident {
            $($field:ident: $kind:ty = $key:literal,)*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq)]
        $visibility struct $name {
            $(#[doc = concat!("`", $key, "`")] pub $field: $kind,)*
        }

        impl $name {
            /// The keys that the fields come from.
            pub const KEYS: &'static [&'static str] = &[$($key),*];

            /// Reads the fields.
            pub fn read(settings: &$crate::settings::Settings) -> Self {
                Self { $($field: settings.read($key),)* }
            }
        }
    };
}
pub(crate) use settings;
