//! A set of ASCII characters: all that a topic's name is made of.

/// One bit a character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AsciiSet(pub(super) u128);

/// The two characters beyond ASCII that are the same as one in it if case does not count: U+017F and U+212A.
const LONG_S: u32 = 0x17f;
const KELVIN: u32 = 0x212a;

impl AsciiSet {
    pub(super) const ALL: Self = Self(u128::MAX);

    /// The ASCII part of a range of code points, both ends included.
    pub(super) fn range(first: impl Into<u32>, last: impl Into<u32>) -> Self {
        let (first, last) = (first.into(), last.into().min(127));
        if first > last {
            return Self::default();
        }
        let up_to = |end: u32| if end >= 128 { u128::MAX } else { (1 << end) - 1 };
        Self(up_to(last + 1) & !up_to(first))
    }

    /// The same, where case does not count.
    pub(super) fn folded_range(first: u32, last: u32) -> Self {
        let mut set = Self::range(first, last).folded();
        if first <= LONG_S && LONG_S <= last {
            set = set.with(Self::of(b"sS"));
        }
        if first <= KELVIN && KELVIN <= last {
            set = set.with(Self::of(b"kK"));
        }
        set
    }

    /// These characters.
    pub(super) fn of(characters: &[u8]) -> Self {
        characters.iter().fold(Self::default(), |set, character| {
            set.with(Self::range(*character, *character))
        })
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn without(self) -> Self {
        Self(!self.0)
    }

    /// With both cases of every letter.
    pub(super) fn folded(self) -> Self {
        let upper = self.0 & Self::range('A', 'Z').0;
        let lower = self.0 & Self::range('a', 'z').0;
        Self(self.0 | upper << 32 | lower >> 32)
    }

    pub(super) fn contains(self, byte: u8) -> bool {
        byte < 128 && self.0 >> byte & 1 == 1
    }
}
