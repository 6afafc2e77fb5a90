//! Record batches of format v2 made by hand: every header field is the test's to set, wrong values included.

use crate::crc32c::crc32c;

/// One record of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Milliseconds after the batch's base timestamp.
    pub timestamp_delta: i64,
    /// The key, or null.
    pub key: Option<Vec<u8>>,
    /// The value, or null.
    pub value: Option<Vec<u8>>,
    /// Name and value of each header.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Record {
    /// A record with a value and nothing else.
    #[must_use]
    pub fn value(value: impl Into<Vec<u8>>) -> Record {
        Record {
            value: Some(value.into()),
            ..Record::default()
        }
    }

    /// A record with a key and a value.
    #[must_use]
    pub fn keyed(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Record {
        Record {
            key: Some(key.into()),
            value: Some(value.into()),
            ..Record::default()
        }
    }
}

/// The fields of a batch header that tests vary, and the records.
#[derive(Clone, Debug)]
pub struct Batch {
    /// 0 unless a follower's.
    pub base_offset: i64,
    /// -1 from clients.
    pub partition_leader_epoch: i32,
    /// 2.
    pub magic: i8,
    /// Codec, timestamp type, transactional, control.
    pub attributes: i16,
    /// Milliseconds since 1970.
    pub base_timestamp: i64,
    /// -1 without idempotence.
    pub producer_id: i64,
    /// -1 without idempotence.
    pub producer_epoch: i16,
    /// -1 without idempotence.
    pub base_sequence: i32,
    /// What the batch holds.
    pub records: Vec<Record>,
    /// The records section as it goes into the batch, when it is not `records` uncompressed.
    pub body: Option<Vec<u8>>,
}

impl Batch {
    /// A plain batch at a fixed time.
    #[must_use]
    pub fn new(base_timestamp: i64, records: Vec<Record>) -> Batch {
        Batch {
            base_offset: 0,
            partition_leader_epoch: -1,
            magic: 2,
            attributes: 0,
            base_timestamp,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            records,
            body: None,
        }
    }

    /// The same batch from an idempotent producer.
    #[must_use]
    pub fn from_producer(mut self, producer_id: i64, producer_epoch: i16, base_sequence: i32) -> Batch {
        (self.producer_id, self.producer_epoch, self.base_sequence) = (producer_id, producer_epoch, base_sequence);
        self
    }

    /// The bytes of the batch, with a right checksum.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let count = i32::try_from(self.records.len()).expect("tests make few records");
        let last = self
            .records
            .iter()
            .map(|record| record.timestamp_delta)
            .max()
            .unwrap_or(0);
        let mut after_crc = Vec::new();
        after_crc.extend_from_slice(&self.attributes.to_be_bytes());
        after_crc.extend_from_slice(&(count - 1).to_be_bytes());
        after_crc.extend_from_slice(&self.base_timestamp.to_be_bytes());
        after_crc.extend_from_slice(&(self.base_timestamp + last).to_be_bytes());
        after_crc.extend_from_slice(&self.producer_id.to_be_bytes());
        after_crc.extend_from_slice(&self.producer_epoch.to_be_bytes());
        after_crc.extend_from_slice(&self.base_sequence.to_be_bytes());
        after_crc.extend_from_slice(&count.to_be_bytes());
        match &self.body {
            Some(body) => after_crc.extend_from_slice(body),
            None => after_crc.extend_from_slice(&self.plain_records()),
        }
        let length = i32::try_from(after_crc.len() + 9).expect("tests make small batches");
        let mut bytes = Vec::with_capacity(after_crc.len() + 21);
        bytes.extend_from_slice(&self.base_offset.to_be_bytes());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&self.partition_leader_epoch.to_be_bytes());
        bytes.extend_from_slice(&self.magic.to_be_bytes());
        bytes.extend_from_slice(&crc32c(&after_crc).to_be_bytes());
        bytes.extend_from_slice(&after_crc);
        bytes
    }

    /// The records section, uncompressed.
    #[must_use]
    pub fn plain_records(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (index, record) in self.records.iter().enumerate() {
            let mut body = vec![0];
            varint(&mut body, record.timestamp_delta);
            varint(&mut body, i64::try_from(index).expect("tests make few records"));
            nullable(&mut body, record.key.as_deref());
            nullable(&mut body, record.value.as_deref());
            varint(&mut body, length(&record.headers));
            for (name, value) in &record.headers {
                nullable(&mut body, Some(name.as_bytes()));
                nullable(&mut body, value.as_deref());
            }
            varint(&mut bytes, length(&body));
            bytes.extend_from_slice(&body);
        }
        bytes
    }
}

fn length<T>(items: &[T]) -> i64 {
    i64::try_from(items.len()).expect("a length in memory fits")
}

fn nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => varint(out, -1),
        Some(bytes) => {
            varint(out, length(bytes));
            out.extend_from_slice(bytes);
        }
    }
}

/// A zigzag variable-length number.
fn varint(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    loop {
        let low = u8::try_from(rest & 0x7f).expect("seven bits");
        rest >>= 7;
        if rest == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// A batch as a Fetch returned it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The offset of its last record, which compaction may have taken away.
    pub last_offset: i64,
    /// Codec, timestamp type, transactional, control.
    pub attributes: i16,
    /// -1 without idempotence.
    pub producer_id: i64,
    /// Offset and value of each record.
    pub values: Vec<(i64, Option<Vec<u8>>)>,
}

/// Offset and value of each record of the whole uncompressed batches in what a Fetch returned.
#[must_use]
pub fn values(records: &[u8]) -> Vec<(i64, Option<Vec<u8>>)> {
    batches(records).into_iter().flat_map(|batch| batch.values).collect()
}

/// Each whole uncompressed batch in what a Fetch returned, as far as they can be read.
#[must_use]
pub fn batches(mut records: &[u8]) -> Vec<Fetched> {
    let mut found = Vec::new();
    while let Some((batch, rest)) = first_batch(records) {
        found.push(batch);
        records = rest;
    }
    found
}

fn first_batch(records: &[u8]) -> Option<(Fetched, &[u8])> {
    let base = long(records, 0)?;
    let end = usize::try_from(int(records, 8)?).ok()?.checked_add(12)?;
    let (batch, rest) = records.split_at_checked(end)?;
    let mut reader = Reader {
        bytes: batch.get(61..)?,
    };
    let mut values = Vec::new();
    for _ in 0..int(batch, 57)? {
        let (delta, value) = reader.record()?;
        values.push((base + delta, value));
    }
    let batch = Fetched {
        last_offset: base + i64::from(int(batch, 23)?),
        attributes: i16::from_be_bytes(batch.get(21..23)?.try_into().ok()?),
        producer_id: long(batch, 43)?,
        values,
    };
    Some((batch, rest))
}

fn long(bytes: &[u8], at: usize) -> Option<i64> {
    Some(i64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn int(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn record(&mut self) -> Option<(i64, Option<Vec<u8>>)> {
        self.varint()?;
        self.take(1)?;
        self.varint()?;
        let offset_delta = self.varint()?;
        self.nullable()?;
        let value = self.nullable()?;
        for _ in 0..self.varint()? {
            self.nullable()?;
            self.nullable()?;
        }
        Some((offset_delta, value))
    }

    fn nullable(&mut self) -> Option<Option<Vec<u8>>> {
        match usize::try_from(self.varint()?) {
            Err(_) => Some(None),
            Ok(length) => Some(Some(self.take(length)?.to_vec())),
        }
    }

    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<i64> {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
            shift += 7;
        }
    }
}

/// A segment's file without the room ahead of it: where nothing but zeros follows the last batch, they are left out.
#[must_use]
pub fn without_room(segment: &[u8]) -> &[u8] {
    const LENGTH: std::ops::Range<usize> = 8..12;
    let mut end = 0;
    while let Some(length) = segment[end..].get(LENGTH) {
        let length = u32::from_be_bytes(length.try_into().expect("four bytes"));
        if length == 0 {
            break;
        }
        end = (end + LENGTH.end + length as usize).min(segment.len());
    }
    if segment[end..].iter().all(|byte| *byte == 0) {
        &segment[..end]
    } else {
        segment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_with_their_offsets() {
        let mut batch = Batch::new(
            1_000,
            vec![Record::value("a"), Record::default(), Record::keyed("k", vec![7; 300])],
        );
        batch.base_offset = 40;
        let wanted = vec![(40, Some(b"a".to_vec())), (41, None), (42, Some(vec![7; 300]))];
        assert_eq!(values(&batch.encode()), wanted);
        let of_producer = batch.from_producer(9, 1, 0).encode();
        let twice = [of_producer.clone(), of_producer[..80].to_vec()].concat();
        let read = batches(&twice);
        assert_eq!(read.len(), 1, "half a batch is none");
        assert_eq!(
            (read[0].last_offset, read[0].attributes, read[0].producer_id),
            (42, 0, 9)
        );
    }
}
