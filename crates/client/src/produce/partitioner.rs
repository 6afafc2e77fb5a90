//! Which partition a record goes to: by its key, or with the others of its time (KIP-480, KIP-794).

use base::Rng;

/// Kafka's 32-bit MurmurHash 2.
pub fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const MIX: u32 = 0x5bd1_e995;
    // Lengths beyond 32 bits do not occur; Java's array lengths have 31.
    let mut hash = SEED ^ (data.len() as u32);
    let chunks = data.chunks_exact(4);
    let rest = chunks.remainder();
    for chunk in chunks {
        let mut word = u32::from_le_bytes(chunk.try_into().expect("chunks of four bytes"));
        word = word.wrapping_mul(MIX);
        word ^= word >> 24;
        word = word.wrapping_mul(MIX);
        hash = hash.wrapping_mul(MIX) ^ word;
    }
    if !rest.is_empty() {
        for (at, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * at);
        }
        hash = hash.wrapping_mul(MIX);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MIX);
    hash ^ (hash >> 15)
}

/// The partition of a key among `count`.
pub fn for_key(key: &[u8], count: usize) -> usize {
    (murmur2(key) & 0x7fff_ffff) as usize % count
}

/// The partition that records without a key go to, until it has got its share.
#[derive(Debug, Default)]
pub(super) struct Sticky {
    partition: Option<usize>,
    bytes: usize,
}

impl Sticky {
    /// The partition for the next record among `available` ones: another one after `share` bytes.
    pub fn next(&mut self, size: usize, share: usize, available: &[usize], rng: &mut Rng) -> usize {
        let current = self
            .partition
            .filter(|current| self.bytes < share && available.contains(current));
        let partition = current.unwrap_or_else(|| {
            self.bytes = 0;
            let other: Vec<usize> = available
                .iter()
                .copied()
                .filter(|one| Some(*one) != self.partition)
                .collect();
            let candidates = if other.is_empty() { available } else { &other[..] };
            candidates[usize::try_from(rng.below(candidates.len() as u64)).unwrap_or(0)]
        });
        self.partition = Some(partition);
        self.bytes += size;
        partition
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_kafkas() {
        // The values of Kafka's own test of its hash.
        let cases: [(&[u8], i32); 7] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
            (b"", 275_646_681),
        ];
        for (data, hash) in cases {
            assert_eq!(murmur2(data) as i32, hash, "{data:?}");
        }
    }

    #[test]
    fn records_without_a_key_stay_together_for_a_share() {
        let mut sticky = Sticky::default();
        let mut rng = Rng::from_seed(1);
        let chosen: Vec<usize> = (0..6).map(|_| sticky.next(10, 20, &[0, 1], &mut rng)).collect();
        assert_eq!(chosen[0], chosen[1]);
        assert_ne!(chosen[1], chosen[2]);
        assert_eq!(chosen[2], chosen[3]);
        assert_ne!(chosen[3], chosen[4]);
    }
}
