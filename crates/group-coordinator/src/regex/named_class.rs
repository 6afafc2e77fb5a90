//! Character classes with names: Perl's, POSIX's, and Unicode's as far as they reach into ASCII.

use super::ascii_set::AsciiSet;

/// Whether case counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Counts,
    Ignored,
}

impl Case {
    pub(super) fn of_range(self, first: u32, last: u32) -> AsciiSet {
        match self {
            Self::Counts => AsciiSet::range(first, last),
            Self::Ignored => AsciiSet::folded_range(first, last),
        }
    }

    fn of_set(self, set: AsciiSet) -> AsciiSet {
        match self {
            Self::Counts => set,
            Self::Ignored => set.folded(),
        }
    }
}

/// `\d` and its like, by the letter.
pub(super) fn perl(letter: char) -> Option<AsciiSet> {
    Some(match letter {
        'd' => digits(),
        'D' => digits().without(),
        's' => AsciiSet::of(b"\t\n\x0c\r "),
        'S' => AsciiSet::of(b"\t\n\x0c\r ").without(),
        'w' => word(),
        'W' => word().without(),
        _ => return None,
    })
}

/// `[:alpha:]` and its like, by what stands between the colons.
pub(super) fn posix(name: &str, case: Case) -> Option<AsciiSet> {
    let (name, negated) = name.strip_prefix('^').map_or((name, false), |name| (name, true));
    let set = case.of_set(match name {
        "alnum" => digits().with(letters()),
        "alpha" => letters(),
        "ascii" => AsciiSet::ALL,
        "blank" => AsciiSet::of(b"\t "),
        "cntrl" => control(),
        "digit" => digits(),
        "graph" => AsciiSet::range('!', '~'),
        "lower" => AsciiSet::range('a', 'z'),
        "print" => AsciiSet::range(' ', '~'),
        "punct" => AsciiSet::range('!', '~')
            .without()
            .with(digits())
            .with(letters())
            .without(),
        "space" => AsciiSet::range('\t', '\r').with(AsciiSet::of(b" ")),
        "upper" => AsciiSet::range('A', 'Z'),
        "word" => word(),
        "xdigit" => digits().with(AsciiSet::of(b"abcdefABCDEF")),
        _ => return None,
    });
    Some(if negated { set.without() } else { set })
}

/// `\p{Greek}` and its like, by what stands in the braces.
pub(super) fn unicode(name: &str, case: Case) -> Option<AsciiSet> {
    let (name, negated) = name.strip_prefix('^').map_or((name, false), |name| (name, true));
    let set = match (name, case) {
        ("Any", _) => AsciiSet::ALL,
        ("C" | "Cc", _) => control(),
        ("L" | "Latin", _) | ("Lu", Case::Ignored) => letters(),
        ("Lu", Case::Counts) => AsciiSet::range('A', 'Z'),
        ("Ll", Case::Counts) => AsciiSet::range('a', 'z'),
        // RE2/J's table of what else is lower case if case does not count knows only these two.
        ("Ll", Case::Ignored) => AsciiSet::range('a', 'z').with(AsciiSet::of(b"KS")),
        ("N" | "Nd", _) => digits(),
        ("P", _) => AsciiSet::of(b"!\"#%&'()*,-./:;?@[\\]_{}"),
        ("Pc", _) => AsciiSet::of(b"_"),
        ("Pd", _) => AsciiSet::of(b"-"),
        ("Pe", _) => AsciiSet::of(b")]}"),
        ("Po", _) => AsciiSet::of(b"!\"#%&'*,./:;?@\\"),
        ("Ps", _) => AsciiSet::of(b"([{"),
        ("S", _) => AsciiSet::of(b"$+<=>^`|~"),
        ("Sc", _) => AsciiSet::of(b"$"),
        ("Sk", _) => AsciiSet::of(b"^`"),
        ("Sm", _) => AsciiSet::of(b"+<=>|~"),
        ("Z" | "Zs", _) => AsciiSet::of(b" "),
        ("Common", _) => letters().without(),
        _ if BEYOND_ASCII.split_ascii_whitespace().any(|known| known == name) => AsciiSet::default(),
        _ => return None,
    };
    Some(if negated { set.without() } else { set })
}

fn digits() -> AsciiSet {
    AsciiSet::range('0', '9')
}

fn letters() -> AsciiSet {
    AsciiSet::range('A', 'Z').with(AsciiSet::range('a', 'z'))
}

fn word() -> AsciiSet {
    digits().with(letters()).with(AsciiSet::of(b"_"))
}

fn control() -> AsciiSet {
    AsciiSet::range('\0', '\x1f').with(AsciiSet::range('\x7f', '\x7f'))
}

/// The categories and scripts that RE2/J knows and that have no character in ASCII.
const BEYOND_ASCII: &str = "Cf Co Cs Lm Lo Lt M Mc Me Mn Nl No Pf Pi So Zl Zp \
    Arabic Armenian Avestan Balinese Bamum Batak Bengali Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal \
    Carian Cham Cherokee Coptic Cuneiform Cypriot Cyrillic Deseret Devanagari Egyptian_Hieroglyphs Ethiopic Georgian \
    Glagolitic Gothic Greek Gujarati Gurmukhi Han Hangul Hanunoo Hebrew Hiragana Imperial_Aramaic Inherited \
    Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kayah_Li Kharoshthi Khmer Lao Lepcha \
    Limbu Linear_B Lisu Lycian Lydian Malayalam Mandaic Meetei_Mayek Mongolian Myanmar New_Tai_Lue Nko Ogham Ol_Chiki \
    Old_Italic Old_Persian Old_South_Arabian Old_Turkic Oriya Osmanya Phags_Pa Phoenician Rejang Runic Samaritan \
    Saurashtra Shavian Sinhala Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Tamil Telugu \
    Thaana Thai Tibetan Tifinagh Ugaritic Unknown Vai Yi";
