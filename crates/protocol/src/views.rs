//! Requests of the record path as views over their frame: nothing is allocated per topic or partition.
//!
//! A view is validated whole when it is made; after that its iterators walk the frame again and cannot fail.

pub mod fetch;
pub mod produce;

use crate::wire::{DecodeError, Reader};
use base::Uuid;

/// How a request names a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicRef<'a> {
    /// By name, in older versions.
    Name(&'a str),
    /// By id, in newer ones.
    Id(Uuid),
}

impl<'a> TopicRef<'a> {
    /// Reads a name or, from version `ids_from` on, an id.
    fn read(reader: &mut Reader<'a>, version: i16, ids_from: i16) -> Result<Self, DecodeError> {
        if version >= ids_from {
            reader.uuid().map(Self::Id)
        } else {
            reader.str().map(Self::Name)
        }
    }
}

/// An array within a frame that has been validated: `read` reads an element.
#[derive(Clone, Debug)]
struct Elements<'a> {
    reader: Reader<'a>,
    left: usize,
}

impl<'a> Elements<'a> {
    fn none(reader: &Reader<'a>) -> Self {
        Self {
            reader: reader.clone(),
            left: 0,
        }
    }

    /// The array at the reader's position; the reader is left behind its count.
    fn begin(reader: &mut Reader<'a>, min_size: usize) -> Result<Self, DecodeError> {
        let left = reader.nullable_count(min_size)?.ok_or(DecodeError::Null)?;
        Ok(Self {
            reader: reader.clone(),
            left,
        })
    }

    /// The array at the reader's position; the reader is left behind its last element.
    fn pass<T>(
        reader: &mut Reader<'a>,
        min_size: usize,
        mut read: impl FnMut(&mut Reader<'a>) -> Result<T, DecodeError>,
    ) -> Result<Self, DecodeError> {
        let elements = Self::begin(reader, min_size)?;
        for _ in 0..elements.left {
            read(reader)?;
        }
        Ok(elements)
    }

    /// The next element.
    fn next<T>(&mut self, read: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>) -> Option<T> {
        self.left = self.left.checked_sub(1)?;
        Some(read(&mut self.reader).expect("the view was validated when it was made"))
    }
}
