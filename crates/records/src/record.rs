//! Records within a batch's decompressed block, read where they lie: nothing is allocated.

use crate::varint::{read_len, read_varint, read_varlong};

/// One record, borrowed from its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Unused by Kafka, always 0.
    pub attributes: i8,
    /// Milliseconds after the batch's `baseTimestamp`.
    pub timestamp_delta: i64,
    /// Offset less the batch's `baseOffset`.
    pub offset_delta: i32,
    /// The key, if any.
    pub key: Option<&'a [u8]>,
    /// The value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: RecordHeaders<'a>,
}

/// A record's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader<'a> {
    /// UTF-8 by convention; not checked.
    pub key: &'a [u8],
    /// The value, if any.
    pub value: Option<&'a [u8]>,
}

/// The headers of one record; their structure was checked when the record was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeaders<'a> {
    left: i32,
    bytes: &'a [u8],
}

/// Why a block is not the records it claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StructureError {
    /// A record's length, or a field within it, does not fit.
    #[error("record {index} does not fit its declared size")]
    Malformed {
        /// Counting from 0.
        index: i32,
    },
    /// Fewer records than declared.
    #[error("the batch declares {declared} records and holds {found}")]
    TooFew {
        /// By the header.
        declared: i32,
        /// In the block.
        found: i32,
    },
    /// Bytes are left after the last record.
    #[error("{bytes} bytes are left after the declared {declared} records")]
    Trailing {
        /// By the header.
        declared: i32,
        /// Left over.
        bytes: usize,
    },
}

/// Iterates over a decompressed block. Ends after the first error; after the last record an error tells of left-overs.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    pub(crate) rest: &'a [u8],
    pub(crate) declared: i32,
    pub(crate) index: i32,
}

impl<'a> Records<'a> {
    /// The `declared` records in `block`.
    pub fn new(block: &'a [u8], declared: i32) -> Self {
        Self {
            rest: block,
            declared,
            index: 0,
        }
    }

    fn end(&mut self, error: StructureError) -> Option<Result<Record<'a>, StructureError>> {
        self.rest = &[];
        self.index = self.declared;
        Some(Err(error))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, StructureError>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let (index, declared) = (self.index, self.declared);
        if index >= declared {
            let bytes = self.rest.len();
            return if bytes == 0 {
                None
            } else {
                self.end(StructureError::Trailing { declared, bytes })
            };
        }
        if self.rest.is_empty() {
            return self.end(StructureError::TooFew { declared, found: index });
        }
        match split_record(self.rest) {
            Some((record, rest)) => {
                self.rest = rest;
                self.index += 1;
                Some(Ok(record))
            }
            None => self.end(StructureError::Malformed { index }),
        }
    }
}

#[inline(always)]
fn split_record(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let (body, end) = read_sized(bytes, 0)?;
    let attributes = body.first()?;
    let (timestamp_delta, at) = read_varlong(body, 1)?;
    let (offset_delta, at) = read_varint(body, at)?;
    let (key, at) = read_nullable(body, at)?;
    let (value, at) = read_nullable(body, at)?;
    let (count, at) = read_varint(body, at)?;
    let headers = RecordHeaders {
        left: count,
        bytes: body.get(at..)?,
    };
    if count != 0 && !headers.fit() || count == 0 && at != body.len() {
        return None;
    }
    let record = Record {
        attributes: *attributes as i8,
        timestamp_delta,
        offset_delta,
        key,
        value,
        headers,
    };
    Some((record, bytes.get(end..)?))
}

/// The field whose length stands at `at`, and where the next one begins.
#[inline(always)]
fn read_sized(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (field, end) = read_nullable(bytes, at)?;
    Some((field?, end))
}

#[inline(always)]
fn read_nullable(bytes: &[u8], at: usize) -> Option<(Option<&[u8]>, usize)> {
    let (len, at) = read_len(bytes, at)?;
    let Some(len) = len else {
        return Some((None, at));
    };
    let end = at.checked_add(len)?;
    Some((Some(bytes.get(at..end)?), end))
}

fn split_header(bytes: &[u8]) -> Option<(RecordHeader<'_>, &[u8])> {
    let (key, at) = read_sized(bytes, 0)?;
    let (value, end) = read_nullable(bytes, at)?;
    Some((RecordHeader { key, value }, bytes.get(end..)?))
}

impl RecordHeaders<'_> {
    /// How many headers are left.
    pub fn count(&self) -> usize {
        usize::try_from(self.left).unwrap_or(0)
    }

    #[inline(never)]
    fn fit(&self) -> bool {
        if self.left < 0 {
            return false;
        }
        let mut rest = self.bytes;
        for _ in 0..self.left {
            match split_header(rest) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.is_empty()
    }
}

impl<'a> Iterator for RecordHeaders<'a> {
    type Item = RecordHeader<'a>;

    fn next(&mut self) -> Option<RecordHeader<'a>> {
        if self.left <= 0 {
            return None;
        }
        let (header, rest) = split_header(self.bytes)?;
        self.left -= 1;
        self.bytes = rest;
        Some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // length 15, attributes 0, timestamp delta 1, offset delta 0, key "k", value null, one header "h" = "v"
    const ONE: &[u8] = &[22, 0, 2, 0, 2, b'k', 1, 2, 2, b'h', 2, b'v'];

    #[test]
    fn a_record_is_read_with_its_headers() {
        let record = Records::new(ONE, 1).next().expect("one").expect("well-formed");
        assert_eq!((record.timestamp_delta, record.offset_delta), (1, 0));
        assert_eq!((record.key, record.value), (Some(&b"k"[..]), None));
        let headers: Vec<_> = record.headers.collect();
        assert_eq!(
            headers,
            [RecordHeader {
                key: b"h",
                value: Some(b"v")
            }]
        );
    }

    #[test]
    fn a_block_must_hold_exactly_its_records() {
        let errors = |bytes: &[u8], count| Records::new(bytes, count).find_map(Result::err);
        assert_eq!(errors(ONE, 1), None);
        assert_eq!(errors(ONE, 2), Some(StructureError::TooFew { declared: 2, found: 1 }));
        assert_eq!(
            errors(ONE, 0),
            Some(StructureError::Trailing { declared: 0, bytes: 12 })
        );
        for cut in 1..ONE.len() {
            assert_eq!(
                errors(&ONE[..cut], 1),
                Some(StructureError::Malformed { index: 0 }),
                "cut at {cut}"
            );
        }
        for at in 0..ONE.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bent = ONE.to_vec();
                bent[at] = value;
                for record in Records::new(&bent, 1).flatten() {
                    assert!(RecordHeaders::count(&record.headers) <= ONE.len());
                }
            }
        }
    }
}
