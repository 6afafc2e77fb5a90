//! Records looked at in passing: what a producer's batch is judged by is read, and that it is well-formed.
//!
//! Every record of every batch that comes in passes here, so that nearly all of them, which have short numbers and no
//! headers, are read the short way: several numbers from one word, and whether they lie within the record is asked once.

use crate::record::{Records, StructureError};
use crate::varint::read_len;

/// What a record is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Glance {
    /// Milliseconds after the batch's `baseTimestamp`.
    pub(crate) timestamp_delta: i64,
    /// Offset less the batch's `baseOffset`.
    pub(crate) offset_delta: i32,
    pub(crate) has_key: bool,
}

/// Like [`Records`].
#[derive(Clone, Debug)]
pub(crate) struct Glances<'a> {
    records: Records<'a>,
}

impl<'a> Glances<'a> {
    /// At the `declared` records in `block`.
    pub(crate) fn new(block: &'a [u8], declared: i32) -> Self {
        let records = Records::new(block, declared);
        Self { records }
    }

    #[cold]
    #[inline(never)]
    fn long_way(&mut self) -> Option<Result<Glance, StructureError>> {
        let record = match self.records.next()? {
            Ok(record) => record,
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(Glance {
            timestamp_delta: record.timestamp_delta,
            offset_delta: record.offset_delta,
            has_key: record.key.is_some(),
        }))
    }
}

impl Iterator for Glances<'_> {
    type Item = Result<Glance, StructureError>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.records.index < self.records.declared
            && let Some((glance, rest)) = short_way(self.records.rest)
        {
            self.records.rest = rest;
            self.records.index += 1;
            return Some(Ok(glance));
        }
        self.long_way()
    }
}

/// The record at the front, and what follows it; none if it is not an ordinary one, or not well-formed.
#[inline(always)]
fn short_way(bytes: &[u8]) -> Option<(Glance, &[u8])> {
    let (len, body) = Front::of(bytes, 0)?.number::<3>()?;
    if len & 1 != 0 {
        return None;
    }
    let end = body.at + (len >> 1) as usize;
    // After the attributes, which nobody reads, seven bytes at most.
    let fields = Front::of(bytes, body.at)?.after(1);
    let (timestamp_delta, fields) = fields.number::<2>()?;
    let (offset_delta, fields) = fields.number::<3>()?;
    let (key, Front { at, .. }) = fields.number::<2>()?;
    let has_key = key & 1 == 0;
    let value_at = if has_key { at + (key >> 1) as usize } else { at };
    let (value, at) = read_len(bytes, value_at)?;
    let at = at + value.unwrap_or(0);
    // No field reaches beyond the record if the last one, that there are no headers, ends with it.
    if at + 1 != end || *bytes.get(at)? != 0 {
        return None;
    }
    let glance = Glance {
        timestamp_delta: i64::from(unzigzag(timestamp_delta)),
        offset_delta: unzigzag(offset_delta),
        has_key,
    };
    Some((glance, bytes.get(end..)?))
}

/// Eight bytes, of which some were read.
#[derive(Clone, Copy)]
struct Front {
    /// Those that were not read, the next one lowest.
    word: u64,
    /// Where the next one is.
    at: usize,
}

impl Front {
    #[inline(always)]
    fn of(bytes: &[u8], at: usize) -> Option<Self> {
        let word = u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
        Some(Self { word, at })
    }

    #[inline(always)]
    fn after(self, count: usize) -> Self {
        Self {
            word: self.word >> (8 * count),
            at: self.at + count,
        }
    }

    /// The varint that is next, before its zig-zag is undone, if it takes `MOST` bytes at most; and what follows.
    #[inline(always)]
    fn number<const MOST: usize>(self) -> Option<(u32, Self)> {
        let word = self.word as u32;
        if word & 0x80 == 0 {
            return Some((word & 0x7f, self.after(1)));
        }
        let two = word & 0x7f | word >> 1 & 0x3f80;
        if word & 0x8000 == 0 {
            return Some((two, self.after(2)));
        }
        let is_three = MOST == 3 && word & 0x80_0000 == 0;
        is_three.then(|| (two | word >> 2 & 0x1f_c000, self.after(3)))
    }
}

fn unzigzag(number: u32) -> i32 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::varint::write_varlong;
    use base::Rng;

    /// Numbers around those at which a varint takes another byte.
    const NUMBERS: [i64; 12] = [0, 1, -1, 63, 64, -65, 8191, 8192, -8193, 1_048_575, 1_048_576, i64::MIN];

    fn agree(block: &[u8], declared: i32) -> usize {
        let long: Vec<_> = Records::new(block, declared)
            .map(|record| {
                record.map(|record| Glance {
                    timestamp_delta: record.timestamp_delta,
                    offset_delta: record.offset_delta,
                    has_key: record.key.is_some(),
                })
            })
            .collect();
        let short: Vec<_> = Glances::new(block, declared).collect();
        assert_eq!(short, long, "{declared} in {block:?}");
        long.iter().flatten().count()
    }

    fn record(timestamp_delta: i64, offset_delta: i64, key: Option<&[u8]>, value: &[u8], headers: i64) -> Vec<u8> {
        let mut body = vec![0];
        write_varlong(&mut body, timestamp_delta);
        write_varlong(&mut body, offset_delta);
        write_varlong(&mut body, key.map_or(-1, |key| key.len() as i64));
        body.extend_from_slice(key.unwrap_or_default());
        write_varlong(&mut body, value.len() as i64);
        body.extend_from_slice(value);
        write_varlong(&mut body, headers);
        for _ in 0..headers {
            body.extend_from_slice(&[2, b'h', 1]);
        }
        let mut whole = Vec::new();
        write_varlong(&mut whole, body.len() as i64);
        whole.extend_from_slice(&body);
        whole
    }

    #[test]
    fn the_short_way_and_the_long_way_see_the_same() {
        let long = [7; 9000];
        for timestamp in NUMBERS {
            for offset in NUMBERS.map(|number| number.clamp(i64::from(i32::MIN), i64::from(i32::MAX))) {
                for key in [None, Some(0), Some(63), Some(64), Some(9000)] {
                    for (value, headers) in [(0, 0), (3, 1), (64, 0), (9000, 2)] {
                        let key = key.map(|len| &long[..len]);
                        let one = record(timestamp, offset, key, &long[..value], headers);
                        assert_eq!(agree(&one, 1), 1);
                        assert_eq!(agree(&[one.clone(), one].concat(), 2), 2);
                    }
                }
            }
        }
    }

    #[test]
    fn they_agree_on_what_is_malformed() {
        let mut rng = Rng::from_seed(7);
        let good: Vec<u8> = (0..4)
            .flat_map(|at| record(at, at, (at % 2 == 0).then_some(b"key"), b"value", at / 3))
            .collect();
        assert_eq!(agree(&good, 4), 4);
        for declared in [-1, 0, 3, 5] {
            agree(&good, declared);
        }
        for cut in 0..good.len() {
            agree(&good[..cut], 4);
        }
        for at in 0..good.len() {
            for value in [0, 1, 2, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff] {
                let mut bent = good.clone();
                bent[at] = value;
                agree(&bent, 4);
                // A second one, so that numbers grow and fields reach elsewhere.
                let other = rng.below(good.len() as u64) as usize;
                bent[other] = rng.below(256) as u8;
                agree(&bent, 4);
            }
        }
    }
}
