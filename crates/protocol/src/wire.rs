//! The primitives every message is made of, for reading and for writing.

mod error;
mod message;
mod primitive;
mod reader;
mod records;
mod segments;
mod writer;

pub use base::fs::FileRegion;
pub use error::{DecodeError, EncodeError};
pub use message::{Body, Message, Request, Versions};
pub use reader::{Reader, TagField};
pub use records::Records;
pub use segments::{Segment, Segments};
pub use writer::{TagStart, Writer};

#[cfg(test)]
mod tests;
