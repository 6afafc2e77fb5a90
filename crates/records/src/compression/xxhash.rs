//! XXH32 with seed 0, the checksum of the LZ4 frame format.

const PRIMES: [u32; 5] = [0x9e37_79b1, 0x85eb_ca77, 0xc2b2_ae3d, 0x27d4_eb2f, 0x1656_67b1];

/// The hash of `bytes`.
pub(super) fn xxh32(bytes: &[u8]) -> u32 {
    let (stripes, tail) = bytes.as_chunks::<16>();
    let mut hash = if stripes.is_empty() {
        PRIMES[4]
    } else {
        fold_stripes(stripes)
    };
    hash = hash.wrapping_add(bytes.len() as u32);
    let (words, rest) = tail.as_chunks::<4>();
    for word in words {
        hash = hash.wrapping_add(u32::from_le_bytes(*word).wrapping_mul(PRIMES[2]));
        hash = hash.rotate_left(17).wrapping_mul(PRIMES[3]);
    }
    for byte in rest {
        hash = hash.wrapping_add(u32::from(*byte).wrapping_mul(PRIMES[4]));
        hash = hash.rotate_left(11).wrapping_mul(PRIMES[0]);
    }
    hash ^= hash >> 15;
    hash = hash.wrapping_mul(PRIMES[1]);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(PRIMES[2]);
    hash ^ (hash >> 16)
}

fn fold_stripes(stripes: &[[u8; 16]]) -> u32 {
    let mut lanes = [
        PRIMES[0].wrapping_add(PRIMES[1]),
        PRIMES[1],
        0,
        0_u32.wrapping_sub(PRIMES[0]),
    ];
    for stripe in stripes {
        let (words, _) = stripe.as_chunks::<4>();
        for (lane, word) in lanes.iter_mut().zip(words) {
            *lane = lane.wrapping_add(u32::from_le_bytes(*word).wrapping_mul(PRIMES[1]));
            *lane = lane.rotate_left(13).wrapping_mul(PRIMES[0]);
        }
    }
    let [a, b, c, d] = lanes;
    a.rotate_left(1)
        .wrapping_add(b.rotate_left(7))
        .wrapping_add(c.rotate_left(12))
        .wrapping_add(d.rotate_left(18))
}

#[cfg(test)]
mod tests {
    use super::xxh32;

    #[test]
    fn published_values() {
        assert_eq!(xxh32(b""), 0x02cc_5d05);
        assert_eq!(xxh32(b"a"), 0x550d_7456);
        assert_eq!(xxh32(b"abc"), 0x32d1_53ff);
        assert_eq!(xxh32(b"Nobody inspects the spammish repetition"), 0xe229_3b2f);
    }
}
