//! Produce, read and answered in place.

use crate::partition::Topics;
use anyhow::{Context, Result};
use base::Uuid;

/// The version that `bench-load` sends.
const KEY_AND_VERSION: [u8; 4] = [0, 0, 0, 13];

/// Whether a frame is such a request.
pub fn is_one(frame: &[u8]) -> bool {
    frame.starts_with(&KEY_AND_VERSION)
}

/// Goes over a frame.
struct Cursor<'a> {
    frame: &'a mut [u8],
    at: usize,
}

impl Cursor<'_> {
    fn take(&mut self, count: usize) -> Result<&mut [u8]> {
        let range = self.at..self.at.checked_add(count).context("a length")?;
        self.at = range.end;
        self.frame.get_mut(range).context("the frame is cut off")
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(*self.take(N)?.first_chunk().context("as many were taken")?)
    }

    /// The count of what follows, which is one less than the number there.
    fn count(&mut self) -> Result<usize> {
        let mut value = 0_usize;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        Ok(value.saturating_sub(1))
    }
}

/// Appends every batch and answers.
pub fn answer(frame: &mut [u8], topics: &mut Topics, output: &mut Vec<u8>) -> Result<()> {
    let mut cursor = Cursor { frame, at: 4 };
    let correlation: [u8; 4] = cursor.array()?;
    let client = i16::from_be_bytes(cursor.array()?);
    cursor.take(usize::try_from(client.max(0))?)?;
    // No tags, no transactional id; acknowledgements and timeout, which are all one here.
    cursor.take(1)?;
    let transactional = cursor.count()?;
    cursor.take(transactional + 2 + 4)?;
    let length_at = output.len();
    output.extend([0; 4]);
    output.extend(correlation);
    output.push(0);
    let count = cursor.count()?;
    output.push(u8::try_from(count + 1)?);
    for _ in 0..count {
        let topic: [u8; 16] = cursor.array()?;
        output.extend(topic);
        let partitions = cursor.count()?;
        put_count(output, partitions);
        for _ in 0..partitions {
            let number = i32::from_be_bytes(cursor.array()?);
            let length = cursor.count()?;
            let partition = topics
                .partition(Uuid(topic), number)
                .context("the partition is known")?;
            let first = partition.append(cursor.take(length)?)?;
            cursor.take(1)?;
            output.extend(number.to_be_bytes());
            output.extend(0_i16.to_be_bytes());
            output.extend(first.to_be_bytes());
            output.extend((-1_i64).to_be_bytes());
            output.extend(0_i64.to_be_bytes());
            // No records were wrong, no message, no tags.
            output.extend([1, 0, 0]);
        }
        cursor.take(1)?;
        output.push(0);
    }
    output.extend([0; 5]);
    let length = u32::try_from(output.len() - length_at - 4)?;
    output[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

fn put_count(output: &mut Vec<u8>, count: usize) {
    let mut left = count + 1;
    while left > 0x7f {
        output.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    output.push(left as u8);
}
