//! Reads primitives from a frame, trusting nothing in it.

use super::{Body, DecodeError, Records};
use base::Uuid;
use bytes::Bytes;

/// The longest string Kafka reads or writes.
const MAX_STRING: usize = 32_767;

/// What a frame may allocate beside [`HEAP_PER_BYTE`] times its size.
pub(crate) const HEAP_BASE: usize = 64 * 1024;

/// What each byte of a frame may allocate. The leanest real requests (many one-letter topic names) stay below.
pub(crate) const HEAP_PER_BYTE: usize = 16;

/// A cursor over a frame. Bytes and records it yields share the frame's memory; strings and arrays are allocated, and
/// charged to a budget that follows from the frame's size.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    frame: &'a Bytes,
    at: usize,
    end: usize,
    budget: usize,
    flexible: bool,
}

/// The head of one tagged field.
#[derive(Clone, Copy, Debug)]
pub struct TagField {
    /// Which field it is.
    pub tag: u32,
    size: usize,
    end: usize,
    outer_end: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the beginning of `frame`.
    pub fn new(frame: &'a Bytes) -> Self {
        let budget = frame.len().saturating_mul(HEAP_PER_BYTE).saturating_add(HEAP_BASE);
        Self {
            frame,
            at: 0,
            end: frame.len(),
            budget,
            flexible: false,
        }
    }

    /// Whether lengths are compact and structs end in tagged fields from here on; [`super::Message::decode`] sets it.
    pub fn set_flexible(&mut self, flexible: bool) {
        self.flexible = flexible;
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.end - self.at
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// All bytes that are left, sharing the frame's memory.
    pub fn rest(&mut self) -> Bytes {
        let rest = self.frame.slice(self.at..self.end);
        self.at = self.end;
        rest
    }

    /// The next `count` bytes.
    #[inline]
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let remaining = self.remaining();
        if count > remaining {
            return Err(DecodeError::Truncated {
                needed: count,
                remaining,
            });
        }
        let taken = &self.frame[self.at..self.at + count];
        self.at += count;
        Ok(taken)
    }

    #[inline]
    fn array_of<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        Ok(self
            .take(N)?
            .try_into()
            .expect("take returns exactly what is asked for"))
    }

    /// A signed byte.
    pub fn i8(&mut self) -> Result<i8, DecodeError> {
        Ok(i8::from_be_bytes(self.array_of()?))
    }

    /// A big-endian 16-bit integer.
    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        Ok(i16::from_be_bytes(self.array_of()?))
    }

    /// A big-endian 32-bit integer.
    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_be_bytes(self.array_of()?))
    }

    /// A big-endian 64-bit integer.
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_be_bytes(self.array_of()?))
    }

    /// A big-endian unsigned 16-bit integer.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array_of()?))
    }

    /// A big-endian unsigned 32-bit integer.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array_of()?))
    }

    /// A big-endian 64-bit float.
    pub fn f64(&mut self) -> Result<f64, DecodeError> {
        Ok(f64::from_be_bytes(self.array_of()?))
    }

    /// A byte that is true unless it is zero.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.i8()? != 0)
    }

    /// Sixteen bytes.
    pub fn uuid(&mut self) -> Result<Uuid, DecodeError> {
        Ok(Uuid(self.array_of()?))
    }

    /// An unsigned LEB128 integer of at most five bytes. Longer forms than needed are accepted, as Kafka accepts them.
    #[inline]
    pub fn uvarint(&mut self) -> Result<u32, DecodeError> {
        // Nearly all are of one byte.
        match self.frame.get(self.at) {
            Some(byte) if *byte < 0x80 && self.at < self.end => {
                self.at += 1;
                Ok(u32::from(*byte))
            }
            _ => self.long_uvarint(),
        }
    }

    fn long_uvarint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array_of::<1>()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 0x0f {
                return Err(DecodeError::Varint);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::Varint)
    }

    /// A compact length: one more than the length, or zero for null.
    fn compact_len(&mut self) -> Result<Option<usize>, DecodeError> {
        Ok((self.uvarint()? as usize).checked_sub(1))
    }

    /// The length of bytes, records or an array; null if it is negative.
    fn long_len(&mut self) -> Result<Option<usize>, DecodeError> {
        if self.flexible {
            return self.compact_len();
        }
        Ok(usize::try_from(self.i32()?).ok())
    }

    /// The bytes of a string, or null.
    pub fn nullable_str(&mut self) -> Result<Option<&'a str>, DecodeError> {
        let length = if self.flexible {
            self.compact_len()?
        } else {
            usize::try_from(self.i16()?).ok()
        };
        let Some(length) = length else { return Ok(None) };
        if length > MAX_STRING {
            return Err(DecodeError::StringTooLong { length });
        }
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| DecodeError::Utf8)?;
        Ok(Some(text))
    }

    /// A string that is a part of the frame.
    pub fn str(&mut self) -> Result<&'a str, DecodeError> {
        self.nullable_str()?.ok_or(DecodeError::Null)
    }

    /// A string or null.
    pub fn nullable_string(&mut self) -> Result<Option<String>, DecodeError> {
        let Some(text) = self.nullable_str()? else {
            return Ok(None);
        };
        self.charge(text.len())?;
        Ok(Some(text.to_owned()))
    }

    /// A string.
    pub fn string(&mut self) -> Result<String, DecodeError> {
        self.nullable_string()?.ok_or(DecodeError::Null)
    }

    /// A string or null with a two-byte length in every version: only the request header's client id is such.
    pub fn inflexible_nullable_string(&mut self) -> Result<Option<String>, DecodeError> {
        let flexible = std::mem::replace(&mut self.flexible, false);
        let value = self.nullable_string();
        self.flexible = flexible;
        value
    }

    /// Bytes that are a part of the frame, or null.
    pub fn nullable_slice(&mut self) -> Result<Option<&'a [u8]>, DecodeError> {
        self.long_len()?.map(|length| self.take(length)).transpose()
    }

    /// Bytes or null, sharing the frame's memory.
    pub fn nullable_bytes(&mut self) -> Result<Option<Bytes>, DecodeError> {
        let slice = self.nullable_slice()?;
        Ok(slice.map(|slice| self.frame.slice(self.at - slice.len()..self.at)))
    }

    /// Bytes, sharing the frame's memory.
    pub fn bytes(&mut self) -> Result<Bytes, DecodeError> {
        self.nullable_bytes()?.ok_or(DecodeError::Null)
    }

    /// Records or null, sharing the frame's memory.
    pub fn records(&mut self) -> Result<Option<Records>, DecodeError> {
        Ok(self.nullable_bytes()?.map(Records::Bytes))
    }

    /// The number of an array's elements, which take at least `min_size` bytes each, or null.
    pub fn nullable_count(&mut self, min_size: usize) -> Result<Option<usize>, DecodeError> {
        let Some(count) = self.long_len()? else { return Ok(None) };
        let remaining = self.remaining();
        if count > remaining / min_size.max(1) {
            return Err(DecodeError::Count { count, remaining });
        }
        Ok(Some(count))
    }

    /// Charges an allocation to the frame's budget.
    pub fn charge(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.budget = self.budget.checked_sub(bytes).ok_or(DecodeError::Budget)?;
        Ok(())
    }

    /// An array or null.
    pub fn nullable_array<T: Body>(&mut self, version: i16) -> Result<Option<Vec<T>>, DecodeError> {
        let Some(count) = self.nullable_count(T::MIN_SIZE)? else {
            return Ok(None);
        };
        self.charge(count.saturating_mul(size_of::<T>()))?;
        let mut elements = Vec::with_capacity(count);
        for _ in 0..count {
            elements.push(T::read(self, version)?);
        }
        Ok(Some(elements))
    }

    /// An array.
    pub fn array<T: Body>(&mut self, version: i16) -> Result<Vec<T>, DecodeError> {
        self.nullable_array(version)?.ok_or(DecodeError::Null)
    }

    /// A struct behind a marker byte, or null if the marker is negative.
    pub fn nullable_struct<T: Body>(&mut self, version: i16) -> Result<Option<T>, DecodeError> {
        if self.i8()? < 0 {
            return Ok(None);
        }
        T::read(self, version).map(Some)
    }

    /// The struct of a tagged field, behind a marker that is a varint there, or null if the marker is zero.
    pub fn nullable_tagged_struct<T: Body>(&mut self, version: i16) -> Result<Option<T>, DecodeError> {
        if self.uvarint()? == 0 {
            return Ok(None);
        }
        T::read(self, version).map(Some)
    }

    /// How many tagged fields end this struct: none in a version that is not flexible.
    pub fn tag_count(&mut self) -> Result<u32, DecodeError> {
        if self.flexible { self.uvarint() } else { Ok(0) }
    }

    /// The head of the next tagged field; until [`Reader::end_tag`] or [`Reader::skip_tag`] only its bytes can be read.
    pub fn tag(&mut self) -> Result<TagField, DecodeError> {
        let tag = self.uvarint()?;
        let size = self.uvarint()? as usize;
        let remaining = self.remaining();
        if size > remaining {
            return Err(DecodeError::Truncated {
                needed: size,
                remaining,
            });
        }
        let field = TagField {
            tag,
            size,
            end: self.at + size,
            outer_end: self.end,
        };
        self.end = field.end;
        Ok(field)
    }

    /// The tagged field has been read: it must have filled its announced size.
    pub fn end_tag(&mut self, field: TagField) -> Result<(), DecodeError> {
        if self.at != field.end {
            return Err(DecodeError::TagSize {
                tag: field.tag,
                size: field.size,
            });
        }
        self.end = field.outer_end;
        Ok(())
    }

    /// Passes over a tagged field that is not known.
    pub fn skip_tag(&mut self, field: TagField) {
        self.at = field.end;
        self.end = field.outer_end;
    }

    /// Passes over all tagged fields of a struct that knows none.
    pub fn skip_tags(&mut self) -> Result<(), DecodeError> {
        for _ in 0..self.tag_count()? {
            let field = self.tag()?;
            self.skip_tag(field);
        }
        Ok(())
    }
}
