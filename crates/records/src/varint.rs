//! Zig-zag LEB128, the integers within records.

/// The zig-zag varint at the start of `bytes` (at most 10 bytes) and the bytes after it.
#[inline]
pub fn read_varlong(bytes: &[u8]) -> Option<(i64, &[u8])> {
    // Nearly every number in a record takes one byte or two.
    match bytes {
        [first, rest @ ..] if *first < 0x80 => Some((unzigzag(u64::from(*first)), rest)),
        [first, second, rest @ ..] if *second < 0x80 => {
            Some((unzigzag(u64::from(first & 0x7f) | u64::from(*second) << 7), rest))
        }
        _ => read_long_varlong(bytes),
    }
}

#[inline(never)]
fn read_long_varlong(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        let shift = 7 * index;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            if shift == 63 && *byte > 1 {
                return None;
            }
            return Some((unzigzag(value), &bytes[index + 1..]));
        }
    }
    None
}

/// Like [`read_varlong`], for numbers of 32 bits.
#[inline]
pub fn read_varint(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let (value, rest) = read_varlong(bytes)?;
    Some((i32::try_from(value).ok()?, rest))
}

/// Appends `value`.
pub fn write_varlong(out: &mut Vec<u8>, value: i64) {
    let mut left = ((value << 1) ^ (value >> 63)) as u64;
    while left >= 0x80 {
        out.push((left as u8) | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

/// Bytes that [`write_varlong`] takes for `value`.
pub fn varlong_len(value: i64) -> usize {
    let bits = 64 - (((value << 1) ^ (value >> 63)) as u64 | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

#[inline]
fn unzigzag(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_and_their_lengths_are_known() {
        for value in [
            0,
            -1,
            1,
            63,
            -64,
            64,
            8191,
            8192,
            i64::from(i32::MAX),
            i64::MAX,
            i64::MIN,
        ] {
            let mut bytes = Vec::new();
            write_varlong(&mut bytes, value);
            assert_eq!(bytes.len(), varlong_len(value), "{value}");
            bytes.push(9);
            assert_eq!(read_varlong(&bytes), Some((value, &[9][..])), "{value}");
        }
    }

    #[test]
    fn endless_or_cut_numbers_are_refused() {
        assert_eq!(read_varlong(&[]), None);
        assert_eq!(read_varlong(&[0x80]), None);
        assert_eq!(read_varlong(&[0xff; 20]), None);
        assert_eq!(read_varint(&[0xff, 0xff, 0xff, 0xff, 0x7f]), None, "more than 32 bits");
    }
}
