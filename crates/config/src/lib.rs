//! Config keys as tables: parse, default, validate, describe, document.
//!
//! A key is one line of `table/*.tsv`. [`Properties`] reads Kafka's files, [`Layered`] puts the sources in order,
//! [`BrokerConfig`] and [`TopicConfig`] are what the rest of the house reads, [`describe`] and [`alter`] serve the
//! config APIs.

pub mod alter;
pub mod broker;
pub mod describe;
pub mod document;
pub mod error;
pub mod key;
pub mod layer;
pub mod listener;
mod parse;
pub mod properties;
pub mod quorum;
pub mod settings;
pub mod synonym;
pub mod table;
pub mod topic;
pub mod valid;
pub mod value;
pub mod variables;

pub use broker::BrokerConfig;
pub use error::ConfigError;
pub use key::{Importance, Key, Support, Type, UpdateMode};
pub use layer::Layered;
pub use listener::{Endpoint, ListenerName, SecurityProtocol};
pub use properties::Properties;
pub use settings::{Originals, Settings};
pub use table::Table;
pub use topic::TopicConfig;
pub use value::Value;
