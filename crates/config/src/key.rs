//! One config key: what it is called, what it holds, and what Riverrun does with it.

use crate::valid::Valid;

/// The type of a key's value, as DescribeConfigs names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `true` or `false`.
    Boolean,
    /// Text.
    String,
    /// 32-bit integer.
    Int,
    /// 16-bit integer.
    Short,
    /// 64-bit integer.
    Long,
    /// Floating point.
    Double,
    /// Texts separated by commas.
    List,
    /// The name of a Java class.
    Class,
    /// A secret.
    Password,
}

impl Type {
    /// The type's number in DescribeConfigs responses (0 is "unknown").
    pub fn id(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::String => 2,
            Self::Int => 3,
            Self::Short => 4,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
            Self::Class => 8,
            Self::Password => 9,
        }
    }

    /// Kafka's name of the type, as its error messages show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }
}

/// How much a key matters to an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Importance {
    /// Look at it before production.
    High,
    /// Worth knowing.
    Medium,
    /// Rarely touched.
    Low,
}

/// Whether users are meant to see a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Documented and described.
    Public,
    /// Works when set, but described only then.
    Internal,
}

/// When a change of a key takes effect (KIP-226).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateMode {
    /// At the next start.
    ReadOnly,
    /// At once, for one broker only.
    PerBroker,
    /// At once, for one broker or for all.
    ClusterWide,
    /// At once: keys of topics, groups, client metrics and quotas.
    Dynamic,
}

/// What Riverrun does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It has Kafka's effect.
    Honoured,
    /// It has Kafka's effect, but where Kafka takes a change over at once, Riverrun does at the next start only: a dynamic
    /// change is refused.
    HonouredAtStart,
    /// There is nothing here for it to act on (it tunes the JVM or a part of Kafka that Riverrun does without), and
    /// nothing that a client could notice is missing.
    NotApplicable,
    /// Not built yet; setting it warns, because what it tunes is not there or not tunable.
    NotYet,
    /// Not built yet, and it asks for a guarantee: setting it refuses to start.
    Refused,
}

/// What a key holds when nobody sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultValue {
    /// Nothing ("null").
    Null,
    /// It must be set.
    Required,
    /// This text.
    Text(&'static str),
}

/// One config key.
#[derive(Clone, Debug)]
pub struct Key {
    /// The name, as written in `server.properties`.
    pub name: &'static str,
    /// The type of its value.
    pub kind: Type,
    /// Its value when not set.
    pub default: DefaultValue,
    /// The values it accepts.
    pub valid: Valid,
    /// How much it matters.
    pub importance: Importance,
    /// Whether users are meant to see it.
    pub visibility: Visibility,
    /// When a change takes effect.
    pub mode: UpdateMode,
    /// What Riverrun does with it.
    pub support: Support,
    /// What it is for, in a sentence; empty where nobody has written it yet.
    pub doc: &'static str,
}

impl Key {
    /// Whether the value must not be shown.
    pub fn is_sensitive(&self) -> bool {
        self.kind == Type::Password
    }

    /// The default as text; `None` if it is null or required.
    pub fn default_text(&self) -> Option<&'static str> {
        match self.default {
            DefaultValue::Text(text) => Some(text),
            DefaultValue::Null | DefaultValue::Required => None,
        }
    }
}
