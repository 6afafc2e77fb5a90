//! Subscriptions by regular expression against RE2/J, which Kafka's coordinator uses: the same patterns are refused, in the
//! same words, and the others match the same names.

#![allow(clippy::unwrap_used)]

use base::Rng;
use group_coordinator::regex::TopicRegex;
use testkit::java;

const RANDOM_PATTERNS: u64 = 20_000;

const NAMES: &[&str] = &[
    "a",
    "A",
    "b",
    "ab",
    "aab",
    "abab",
    "ba",
    "k",
    "K",
    "s",
    "S",
    "0",
    "7",
    "42",
    "_",
    "-",
    ".",
    "a-b",
    "a.b",
    "a_b",
    "A.7",
    "foo",
    "foo-bar",
    "FOO",
    "__consumer_offsets",
    "p",
    "Q",
    "E",
    "x",
    "z",
];

/// What patterns are made of, whole or in halves.
const PIECES: &[&str] = &[
    "a",
    "b",
    "k",
    "s",
    "A",
    "foo",
    "0",
    "7",
    ".",
    "-",
    "_",
    "*",
    "+",
    "?",
    "*?",
    "{",
    "}",
    "{2}",
    "{0,1}",
    "{1,}",
    "{2,1}",
    "{1001}",
    "{01}",
    "{,2}",
    "{99999999999}",
    "(",
    ")",
    "(?:",
    "(?i)",
    "(?i:",
    "(?-i)",
    "(?s-i:",
    "(?U)",
    "(?x)",
    "(?",
    "(?P<n>",
    "(?P<m>",
    "(?<n>",
    "(?P<",
    "(?i-)",
    "(?-",
    "|",
    "^",
    "$",
    "\\A",
    "\\z",
    "\\Z",
    "\\b",
    "\\B",
    "\\C",
    "\\Q",
    "\\E",
    "\\d",
    "\\D",
    "\\w",
    "\\W",
    "\\s",
    "\\S",
    "\\pL",
    "\\pN",
    "\\p{Lu}",
    "\\p{Ll}",
    "\\p{^Lu}",
    "\\P{Latin}",
    "\\p{Greek}",
    "\\p{Nope}",
    "\\p",
    "\\p{",
    "\\pZ",
    "\\.",
    "\\-",
    "\\_",
    "\\x41",
    "\\x{61}",
    "\\x{110000}",
    "\\x",
    "\\x4",
    "\\101",
    "\\8",
    "\\1",
    "\\0",
    "\\n",
    "\\q",
    "\\",
    "[",
    "]",
    "[^",
    "[a-z]",
    "[^a]",
    "[]a]",
    "[a-",
    "[-a]",
    "a-b",
    "z-a",
    "[[:alpha:]]",
    "[[:^digit:]",
    "[:word:]",
    "[[:nope:]]",
    "[[:",
    ":]",
    "[[:upper:]_]",
    "[a&&b]",
    "[a[b]",
    "[\\d.]",
    "[\\pL]",
    "&&",
    "[\\x{d800}-\\x{dfff}]",
];

/// Beyond ASCII. These are not mixed with the others: RE2/J never ends with some ranges that ignore case.
const WHOLE: &[&str] = &[
    "(?i)\u{17f}",
    "(?i)\u{212a}",
    "(?i)[\u{17f}]",
    "(?i)[^\u{212a}]",
    "(?i)\\x{212a}",
    "(?i)[j-\\x{180}]",
    "\u{e9}|a",
    "[\u{e9}-\u{2fff}a]",
    "[^\u{e9}]+",
    "(?i)\u{e9}*b",
];

fn pick<'a>(rng: &mut Rng, from: &[&'a str]) -> &'a str {
    from[usize::try_from(rng.below(from.len() as u64)).unwrap()]
}

/// A pattern that nobody refuses.
fn well_formed(rng: &mut Rng, depth: u32, pattern: &mut String) {
    const ATOMS: &[&str] = &[
        "a",
        "b",
        "k",
        "S",
        "foo",
        "7",
        ".",
        "-",
        "_",
        "\\d",
        "\\w",
        "\\W",
        "[a-z]",
        "[^a]",
        "[]a]",
        "[[:upper:]_]",
        "[a&&b]",
        "[a[b]",
        "\\pL",
        "\\p{^Lu}",
        "\\P{Latin}",
        "\\b",
        "\\B",
        "^",
        "$",
        "\\Qa.b\\E",
        "(?i)",
        "(?-i)",
        "\\x{212a}",
        "[\\pN.]",
    ];
    const SUFFIXES: &[&str] = &["", "", "", "*", "+", "?", "{2}", "{0,3}", "{1,}", "*?"];
    for item in 0..=rng.below(3) {
        if item > 0 && rng.below(4) == 0 {
            pattern.push('|');
        }
        if depth > 0 && rng.below(3) == 0 {
            pattern.push_str(pick(rng, &["(", "(?:", "(?i:", "(?s-i:"]));
            well_formed(rng, depth - 1, pattern);
            pattern.push(')');
        } else {
            let atom = pick(rng, ATOMS);
            pattern.push_str(atom);
            if atom.starts_with("(?") {
                continue;
            }
        }
        pattern.push_str(pick(rng, SUFFIXES));
    }
}

fn patterns() -> Vec<String> {
    let mut patterns: Vec<String> = PIECES.iter().chain(WHOLE).map(|piece| (*piece).to_owned()).collect();
    for seed in 0..RANDOM_PATTERNS {
        let mut rng = Rng::from_seed(seed);
        if seed % 2 == 0 {
            let pieces = 1 + rng.below(8);
            patterns.push((0..pieces).map(|_| pick(&mut rng, PIECES)).collect());
        } else {
            let mut pattern = String::new();
            well_formed(&mut rng, 3, &mut pattern);
            patterns.push(pattern);
        }
    }
    patterns
}

fn ours(pattern: &str) -> String {
    let regex = match TopicRegex::compile(pattern) {
        Ok(regex) => regex,
        Err(error) => return format!("refused: {}", error.reason),
    };
    let mut matcher = regex.matcher();
    let mut text = String::from("matches");
    for name in NAMES {
        if matcher.matches(name, &mut u64::MAX.clone()).unwrap() {
            text.push(' ');
            text.push_str(name);
        }
    }
    text
}

fn theirs(input: &str) -> Vec<String> {
    let text = java::answers("TopicPatterns.java", input).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn every_pattern_means_to_us_what_it_means_to_kafka() {
    let patterns = patterns();
    let theirs = theirs(&format!("{}\n\n{}\n", NAMES.join("\n"), patterns.join("\n")));
    assert_eq!(theirs.len(), patterns.len());
    let accepted = theirs.iter().filter(|judged| judged.starts_with("matches ")).count();
    assert!(
        accepted > patterns.len() / 10,
        "only {accepted} patterns match anything"
    );
    let mut different = Vec::new();
    for (pattern, theirs) in patterns.iter().zip(theirs) {
        let ours = ours(pattern);
        if ours != theirs {
            different.push(format!("{pattern}\n  kafka: {theirs}\n  ours:  {ours}"));
        }
    }
    let shown = &different[..different.len().min(20)];
    assert!(
        different.is_empty(),
        "{} differ:\n{}",
        different.len(),
        shown.join("\n")
    );
}
