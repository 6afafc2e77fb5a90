//! Writes primitives; large bytes and records are referred to, not copied.

use super::segments::{Insert, Piece};
use super::{Body, EncodeError, Records, Segments};
use base::Uuid;
use bytes::Bytes;

/// The longest string Kafka reads or writes.
const MAX_STRING: usize = 32_767;

/// Bytes fields shorter than this are copied: a segment of their own would cost more.
const COPY_BELOW: usize = 4096;

/// A message in the making.
#[derive(Debug, Default)]
pub struct Writer {
    meta: Vec<u8>,
    inserts: Vec<Insert>,
    inserted: u64,
    flexible: bool,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty writer with room for `bytes` bytes beside records.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            meta: Vec::with_capacity(bytes),
            ..Self::default()
        }
    }

    /// Whether lengths are compact and structs end in tagged fields from here on; [`super::Message::encode`] sets it.
    pub fn set_flexible(&mut self, flexible: bool) {
        self.flexible = flexible;
    }

    /// Whether structs end in tagged fields.
    pub fn is_flexible(&self) -> bool {
        self.flexible
    }

    /// How many bytes have been written, records included.
    pub fn len(&self) -> u64 {
        self.meta.len() as u64 + self.inserted
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What has been written.
    pub fn finish(self) -> Segments {
        Segments::new(Bytes::from(self.meta), self.inserts, self.inserted)
    }

    /// Puts `value` over four bytes that were written at `at`, counted without records.
    pub(crate) fn patch_i32(&mut self, at: usize, value: i32) {
        self.meta[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.meta.extend_from_slice(bytes);
    }

    /// A signed byte.
    pub fn i8(&mut self, value: i8) {
        self.raw(&value.to_be_bytes());
    }

    /// A big-endian 16-bit integer.
    pub fn i16(&mut self, value: i16) {
        self.raw(&value.to_be_bytes());
    }

    /// A big-endian 32-bit integer.
    pub fn i32(&mut self, value: i32) {
        self.raw(&value.to_be_bytes());
    }

    /// A big-endian 64-bit integer.
    pub fn i64(&mut self, value: i64) {
        self.raw(&value.to_be_bytes());
    }

    /// A big-endian unsigned 16-bit integer.
    pub fn u16(&mut self, value: u16) {
        self.raw(&value.to_be_bytes());
    }

    /// A big-endian unsigned 32-bit integer.
    pub fn u32(&mut self, value: u32) {
        self.raw(&value.to_be_bytes());
    }

    /// A big-endian 64-bit float.
    pub fn f64(&mut self, value: f64) {
        self.raw(&value.to_be_bytes());
    }

    /// One byte, 1 for true.
    pub fn bool(&mut self, value: bool) {
        self.i8(i8::from(value));
    }

    /// Sixteen bytes.
    pub fn uuid(&mut self, value: &Uuid) {
        self.raw(&value.0);
    }

    /// An unsigned LEB128 integer.
    pub fn uvarint(&mut self, value: u32) {
        let (bytes, length) = uvarint_bytes(value);
        self.raw(&bytes[..length]);
    }

    /// The length of bytes, records or an array.
    fn long_len(&mut self, length: usize) -> Result<(), EncodeError> {
        let checked = i32::try_from(length).ok().filter(|length| *length < i32::MAX);
        let checked = checked.ok_or(EncodeError::TooLong { length })?;
        if self.flexible {
            self.uvarint(checked.unsigned_abs() + 1);
        } else {
            self.i32(checked);
        }
        Ok(())
    }

    /// A null array, null bytes or null records.
    fn long_null(&mut self) {
        if self.flexible {
            self.uvarint(0);
        } else {
            self.i32(-1);
        }
    }

    /// A string.
    pub fn string(&mut self, value: &str) -> Result<(), EncodeError> {
        let length = value.len();
        let short = i16::try_from(length).map_err(|_| EncodeError::TooLong { length })?;
        debug_assert!(length <= MAX_STRING);
        if self.flexible {
            self.uvarint(u32::from(short.unsigned_abs()) + 1);
        } else {
            self.i16(short);
        }
        self.raw(value.as_bytes());
        Ok(())
    }

    /// A string or null.
    pub fn nullable_string(&mut self, value: Option<&str>) -> Result<(), EncodeError> {
        let Some(value) = value else {
            if self.flexible {
                self.uvarint(0);
            } else {
                self.i16(-1);
            }
            return Ok(());
        };
        self.string(value)
    }

    /// A string or null with a two-byte length in every version: only the request header's client id is such.
    pub fn inflexible_nullable_string(&mut self, value: Option<&str>) -> Result<(), EncodeError> {
        let flexible = std::mem::replace(&mut self.flexible, false);
        let written = self.nullable_string(value);
        self.flexible = flexible;
        written
    }

    /// Bytes; long ones are referred to.
    pub fn bytes(&mut self, value: &Bytes) -> Result<(), EncodeError> {
        self.long_len(value.len())?;
        if value.len() < COPY_BELOW {
            self.raw(value);
        } else {
            self.insert(Piece::Bytes(value.clone()), value.len() as u64);
        }
        Ok(())
    }

    /// Bytes or null.
    pub fn nullable_bytes(&mut self, value: Option<&Bytes>) -> Result<(), EncodeError> {
        let Some(value) = value else {
            self.long_null();
            return Ok(());
        };
        self.bytes(value)
    }

    /// Records or null; never copied.
    pub fn records(&mut self, value: Option<&Records>) -> Result<(), EncodeError> {
        let Some(value) = value else {
            self.long_null();
            return Ok(());
        };
        let length = usize::try_from(value.len()).unwrap_or(usize::MAX);
        self.long_len(length)?;
        self.insert_records(value);
        Ok(())
    }

    fn insert_records(&mut self, records: &Records) {
        match records {
            Records::Bytes(bytes) => self.insert(Piece::Bytes(bytes.clone()), bytes.len() as u64),
            Records::File(region) => self.insert(Piece::File(region.clone()), u64::from(region.len)),
            Records::Many(pieces) => pieces.iter().for_each(|piece| self.insert_records(piece)),
        }
    }

    fn insert(&mut self, piece: Piece, length: u64) {
        if length > 0 {
            self.inserts.push(Insert {
                at: self.meta.len(),
                piece,
            });
            self.inserted += length;
        }
    }

    /// An array.
    pub fn array<T: Body>(&mut self, elements: &[T], version: i16) -> Result<(), EncodeError> {
        self.long_len(elements.len())?;
        for element in elements {
            element.write(self, version)?;
        }
        Ok(())
    }

    /// An array or null.
    pub fn nullable_array<T: Body>(&mut self, elements: Option<&[T]>, version: i16) -> Result<(), EncodeError> {
        let Some(elements) = elements else {
            self.long_null();
            return Ok(());
        };
        self.array(elements, version)
    }

    /// A struct behind a marker byte, or null.
    pub fn nullable_struct<T: Body>(&mut self, value: Option<&T>, version: i16) -> Result<(), EncodeError> {
        let Some(value) = value else {
            self.i8(-1);
            return Ok(());
        };
        self.i8(1);
        value.write(self, version)
    }

    /// The struct of a tagged field, or null.
    pub fn nullable_tagged_struct<T: Body>(&mut self, value: Option<&T>, version: i16) -> Result<(), EncodeError> {
        self.uvarint(u32::from(value.is_some()));
        value.map_or(Ok(()), |value| value.write(self, version))
    }

    /// How many tagged fields follow; nothing in a version that is not flexible.
    pub fn tag_count(&mut self, count: u32) {
        if self.flexible {
            self.uvarint(count);
        }
    }

    /// Begins a tagged field; hand the answer to [`Writer::end_tag`] after its value.
    pub fn begin_tag(&mut self, tag: u32) -> TagStart {
        self.uvarint(tag);
        TagStart {
            at: self.meta.len(),
            inserts: self.inserts.len(),
            len: self.len(),
        }
    }

    /// Puts the size of the value written since `start` before it.
    pub fn end_tag(&mut self, start: TagStart) -> Result<(), EncodeError> {
        let size = self.len() - start.len;
        let size = u32::try_from(size).map_err(|_| EncodeError::TooLong {
            length: usize::try_from(size).unwrap_or(usize::MAX),
        })?;
        let (bytes, length) = uvarint_bytes(size);
        self.meta.splice(start.at..start.at, bytes[..length].iter().copied());
        for insert in &mut self.inserts[start.inserts..] {
            insert.at += length;
        }
        Ok(())
    }
}

/// Where a tagged field's value begins.
#[derive(Debug)]
#[must_use = "a tagged field is complete once its size is written"]
pub struct TagStart {
    at: usize,
    inserts: usize,
    len: u64,
}

/// The LEB128 form of `value` and its length.
fn uvarint_bytes(mut value: u32) -> ([u8; 5], usize) {
    let mut bytes = [0; 5];
    let mut length = 0;
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        bytes[length] = if value == 0 { low } else { low | 0x80 };
        length += 1;
        if value == 0 {
            return (bytes, length);
        }
    }
}
