//! A slower LZ4 block compressor that looks further for longer matches: what Kafka uses at every level but its default.

/// Matches are at least this long.
const MIN_MATCH: usize = 4;
/// The format's rules for the end of a block: its last five bytes are literals, and no match starts in its last twelve.
const LAST_LITERALS: usize = 5;
const MATCH_LIMIT: usize = 12;
/// Blocks are at most this long, so that every earlier position is within a match's reach.
const LONGEST_BLOCK: usize = 64 * 1024;
const HASH_BITS: u32 = 15;
/// No position.
const NONE: u32 = u32::MAX;

/// How many earlier places are looked at, at most, by level.
fn attempts(level: i32) -> u32 {
    1 << level.clamp(1, 13).unsigned_abs()
}

/// The tables, reused from block to block.
pub(super) struct HighCompressor {
    attempts: u32,
    /// The last position of each hash.
    heads: Vec<u32>,
    /// For each position the one before it with the same hash.
    chain: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Match {
    from: usize,
    len: usize,
}

impl HighCompressor {
    pub(super) fn new(level: i32) -> Self {
        Self {
            attempts: attempts(level),
            heads: vec![NONE; 1 << HASH_BITS],
            chain: Vec::new(),
        }
    }

    /// Appends `block`, compressed, to `output`.
    pub(super) fn compress(&mut self, block: &[u8], output: &mut Vec<u8>) {
        assert!(block.len() <= LONGEST_BLOCK, "a block is at most 64 KiB");
        self.heads.fill(NONE);
        self.chain.clear();
        let mut literals_from = 0;
        let mut at = 0;
        while at + MATCH_LIMIT < block.len() {
            let Some(mut found) = self.find(block, at) else {
                at += 1;
                continue;
            };
            // A longer match one byte later is worth one more literal.
            while at + 1 + MATCH_LIMIT < block.len() {
                match self.find(block, at + 1) {
                    Some(later) if later.len > found.len => {
                        found = later;
                        at += 1;
                    }
                    Some(_) | None => break,
                }
            }
            write_sequence(&block[literals_from..at], Some((at - found.from, found.len)), output);
            at += found.len;
            literals_from = at;
        }
        write_sequence(&block[literals_from..], None, output);
    }

    /// The longest match for what begins at `at`, among the places before it.
    fn find(&mut self, block: &[u8], at: usize) -> Option<Match> {
        self.insert_up_to(block, at);
        let end = block.len() - LAST_LITERALS;
        let mut best: Option<Match> = None;
        let mut candidate = self.chain[at];
        for _ in 0..self.attempts {
            if candidate == NONE {
                break;
            }
            let from = candidate as usize;
            let len = common(&block[from..], &block[at..end]);
            if len >= MIN_MATCH && best.is_none_or(|best| len > best.len) {
                best = Some(Match { from, len });
                if at + len == end {
                    break;
                }
            }
            candidate = self.chain[from];
        }
        best
    }

    /// Makes the positions up to and with `at` known.
    fn insert_up_to(&mut self, block: &[u8], at: usize) {
        for position in self.chain.len()..=at {
            let word = block[position..]
                .first_chunk()
                .expect("searches stop twelve bytes before the end");
            let hash = u32::from_le_bytes(*word).wrapping_mul(2_654_435_761) >> (32 - HASH_BITS);
            let head = &mut self.heads[hash as usize];
            self.chain.push(*head);
            *head = u32::try_from(position).expect("a position is below 64 Ki");
        }
    }
}

/// How many bytes two places have in common; `earlier` reaches further than `later`.
fn common(earlier: &[u8], later: &[u8]) -> usize {
    let (words, _) = later.as_chunks::<8>();
    let (earlier_words, _) = earlier.as_chunks::<8>();
    for (number, (word, other)) in words.iter().zip(earlier_words).enumerate() {
        let difference = u64::from_le_bytes(*word) ^ u64::from_le_bytes(*other);
        if difference != 0 {
            return number * 8 + (difference.trailing_zeros() / 8) as usize;
        }
    }
    let from = words.len() * 8;
    let rest = later[from..].iter().zip(&earlier[from..]);
    from + rest.take_while(|(one, other)| one == other).count()
}

/// Literals, then a match (how far back, how long), but for the last sequence.
fn write_sequence(literals: &[u8], copied: Option<(usize, usize)>, output: &mut Vec<u8>) {
    let match_len = copied.map_or(0, |(_, len)| len - MIN_MATCH);
    let nibble = |len: usize| u8::try_from(len.min(15)).expect("at most 15");
    output.push(nibble(literals.len()) << 4 | nibble(match_len));
    write_length(literals.len(), output);
    output.extend_from_slice(literals);
    if let Some((back, _)) = copied {
        let back = u16::try_from(back).expect("a block is at most 64 KiB, and no match lies at its very beginning");
        output.extend_from_slice(&back.to_le_bytes());
        write_length(match_len, output);
    }
}

/// What of a length does not fit into four bits.
fn write_length(len: usize, output: &mut Vec<u8>) {
    let Some(mut rest) = len.checked_sub(15) else {
        return;
    };
    while rest >= 255 {
        output.push(255);
        rest -= 255;
    }
    output.push(u8::try_from(rest).expect("less than 255"));
}
