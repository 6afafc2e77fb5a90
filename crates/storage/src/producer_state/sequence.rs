//! Sequence numbers: 31 bits that wrap from `i32::MAX` to 0.

/// "No sequence yet": the batch before the first.
pub(super) const NONE: i32 = -1;

/// The sequence `count` records before `sequence`.
pub(super) fn back(sequence: i32, count: i32) -> i32 {
    if sequence < count {
        i32::MAX - (count - sequence) + 1
    } else {
        sequence - count
    }
}

/// Whether `next` follows `last` directly.
pub(super) fn follows(last: i32, next: i32) -> bool {
    i64::from(next) == i64::from(last) + 1 || (next == 0 && last == i32::MAX)
}

/// Whether `earlier` was used before `later`, and not longer ago than half of all sequences.
pub(super) fn precedes(earlier: i32, later: i32) -> bool {
    let distance = (i64::from(later) - i64::from(earlier)).rem_euclid(1 << 31);
    (1..1 << 30).contains(&distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_wrap_to_zero() {
        assert!(follows(NONE, 0));
        assert!(follows(7, 8));
        assert!(!follows(7, 7));
        assert!(!follows(7, 9));
        assert!(follows(i32::MAX, 0));
        assert!(!follows(i32::MAX, 1));
        assert_eq!(back(10, 3), 7);
        assert_eq!(back(1, 3), i32::MAX - 1);
        assert_eq!(back(0, 0), 0);
        assert!(precedes(3, 4) && precedes(i32::MAX, 0));
        assert!(!precedes(4, 4) && !precedes(5, 4) && !precedes(0, i32::MAX));
    }
}
