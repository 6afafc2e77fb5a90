//! Zig-zag LEB128, the integers within records.

/// The zig-zag varint at `at` (at most 10 bytes), and where the next field begins.
///
/// Positions, not slices that shrink: every record of every batch comes through here, and so the compiler keeps all of it in
/// registers.
#[inline(always)]
pub fn read_varlong(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    let (value, next) = read_raw(bytes, at)?;
    Some((unzigzag(value), next))
}

/// Like [`read_varlong`], for numbers of 32 bits.
#[inline(always)]
pub fn read_varint(bytes: &[u8], at: usize) -> Option<(i32, usize)> {
    let (value, next) = read_raw(bytes, at)?;
    let value = u32::try_from(value).ok()?;
    Some(((value >> 1).cast_signed() ^ -(value & 1).cast_signed(), next))
}

/// The length of a field at `at`, none if it is negative, and where the field begins.
#[inline(always)]
pub fn read_len(bytes: &[u8], at: usize) -> Option<(Option<usize>, usize)> {
    let (value, next) = read_raw(bytes, at)?;
    let value = u32::try_from(value).ok()?;
    Some(((value & 1 == 0).then_some((value >> 1) as usize), next))
}

/// The number before its zig-zag is undone.
#[inline(always)]
fn read_raw(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    // Nearly every number in a record takes one byte or two.
    let first = *bytes.get(at)?;
    if first < 0x80 {
        return Some((u64::from(first), at + 1));
    }
    let second = *bytes.get(at + 1)?;
    if second < 0x80 {
        return Some((u64::from(first & 0x7f) | u64::from(second) << 7, at + 2));
    }
    read_long(bytes, at)
}

#[cold]
#[inline(never)]
fn read_long(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.get(at..)?.iter().enumerate().take(10) {
        let shift = 7 * index;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            if shift == 63 && *byte > 1 {
                return None;
            }
            return Some((value, at + index + 1));
        }
    }
    None
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
            assert_eq!(read_varlong(&bytes, 0), Some((value, bytes.len() - 1)), "{value}");
            bytes.insert(0, 0xff);
            assert_eq!(read_varlong(&bytes, 1), Some((value, bytes.len() - 1)), "{value}");
            let small = i32::try_from(value).ok();
            assert_eq!(read_varint(&bytes, 1).map(|(value, _)| value), small, "{value}");
            let len = small.map(|value| usize::try_from(value).ok());
            assert_eq!(read_len(&bytes, 1).map(|(len, _)| len), len, "{value}");
        }
    }

    #[test]
    fn endless_or_cut_numbers_are_refused() {
        for at in [0, 1, usize::MAX] {
            assert_eq!(read_varlong(&[], at), None);
        }
        assert_eq!(read_varlong(&[0x80], 0), None);
        assert_eq!(read_varlong(&[0x80; 2], 0), None);
        assert_eq!(read_varlong(&[0xff; 20], 0), None);
        assert_eq!(
            read_varint(&[0xff, 0xff, 0xff, 0xff, 0x7f], 0),
            None,
            "more than 32 bits"
        );
        assert_eq!(read_len(&[0xff, 0xff, 0xff, 0xff, 0x7f], 0), None, "more than 32 bits");
    }
}
