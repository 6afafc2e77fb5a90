//! RE2/J 1.8's syntax, with its words for what is wrong.

use super::ascii_set::AsciiSet;
use super::named_class::{self, Case};
use std::collections::BTreeSet;

/// A regular expression over ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// One character of a set.
    Set(AsciiSet),
    /// The beginning of the name.
    Begin,
    /// Its end.
    End,
    /// Between a word and what is none.
    WordBoundary,
    /// Anywhere else.
    NotWordBoundary,
    /// One after the other; none is the empty text.
    Concat(Vec<Expression>),
    /// One of them.
    Alternate(Vec<Expression>),
    /// So many times; no `max` is without end.
    Repeat {
        sub: Box<Expression>,
        min: u32,
        max: Option<u32>,
    },
}

const INTERNAL_ERROR: &str = "regexp/syntax: internal error";
const INVALID_CHAR_RANGE: &str = "invalid character class range";
const INVALID_ESCAPE: &str = "invalid escape sequence";
const INVALID_NAMED_CAPTURE: &str = "invalid named capture";
const INVALID_PERL_OP: &str = "invalid or unsupported Perl syntax";
const INVALID_REPEAT_OP: &str = "invalid nested repetition operator";
const INVALID_REPEAT_SIZE: &str = "invalid repeat count";
const MISSING_BRACKET: &str = "missing closing ]";
const MISSING_PAREN: &str = "missing closing )";
const MISSING_REPEAT_ARGUMENT: &str = "missing argument to repetition operator";
const TRAILING_BACKSLASH: &str = "trailing backslash at end of expression";
const DUPLICATE_NAMED_CAPTURE: &str = "duplicate capture group name";
/// RE2's words; RE2/J has no limit.
const NESTING_DEPTH: &str = "expression nests too deeply";

/// The most that a repetition may say.
const MAX_REPEAT: u32 = 1000;

/// Reads a pattern whose groups nest at most `depth` deep.
pub(super) fn parse(pattern: &str, depth: usize) -> Result<Expression, &'static str> {
    let mut parser = Parser {
        rest: pattern,
        case: Case::Counts,
        groups: vec![Group::new(Case::Counts)],
        names: BTreeSet::new(),
        depth,
    };
    // Whether the last thing was a repetition, which may not be repeated. A `{` that is none counts, as in RE2/J.
    let mut repeated = false;
    while let Some(next) = parser.peek() {
        let repeats = matches!(next, '*' | '+' | '?' | '{');
        if repeats {
            parser.repetition(repeated)?;
        } else {
            parser.item(next)?;
        }
        repeated = repeats;
    }
    match parser.groups.pop() {
        Some(group) if parser.groups.is_empty() => Ok(group.close()),
        _ => Err(MISSING_PAREN),
    }
}

/// An open group.
struct Group {
    /// What held before it.
    case_before: Case,
    alternatives: Vec<Expression>,
    items: Vec<Expression>,
}

impl Group {
    fn new(case_before: Case) -> Self {
        Self {
            case_before,
            alternatives: Vec::new(),
            items: Vec::new(),
        }
    }

    fn bar(&mut self) {
        let items = std::mem::take(&mut self.items);
        self.alternatives.push(Expression::Concat(items));
    }

    fn close(mut self) -> Expression {
        self.bar();
        Expression::Alternate(self.alternatives)
    }
}

struct Parser<'a> {
    rest: &'a str,
    case: Case,
    /// The whole pattern is the first.
    groups: Vec<Group>,
    names: BTreeSet<&'a str>,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn pop(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.rest = &self.rest[next.len_utf8()..];
        Some(next)
    }

    fn eat(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes what stands before `end`, and `end`.
    fn until(&mut self, end: &str) -> Option<&'a str> {
        let (text, rest) = self.rest.split_once(end)?;
        self.rest = rest;
        Some(text)
    }

    fn group(&mut self) -> &mut Group {
        self.groups.last_mut().expect("the whole pattern's group stays open")
    }

    fn push(&mut self, item: Expression) {
        self.group().items.push(item);
    }

    fn literal(&mut self, character: impl Into<u32>) {
        let character = character.into();
        let set = self.case.of_range(character, character);
        self.push(Expression::Set(set));
    }

    fn open(&mut self) -> Result<(), &'static str> {
        if self.groups.len() > self.depth {
            return Err(NESTING_DEPTH);
        }
        self.groups.push(Group::new(self.case));
        Ok(())
    }

    /// Anything but a repetition.
    fn item(&mut self, next: char) -> Result<(), &'static str> {
        match next {
            '[' => return self.class(),
            '\\' => return self.backslash(),
            '(' if self.rest.starts_with("(?") => return self.perl_group(),
            _ => self.pop(),
        };
        match next {
            '(' => self.open()?,
            '|' => self.group().bar(),
            ')' => {
                let group = self.groups.pop().expect("the whole pattern's group stays open");
                if self.groups.is_empty() {
                    return Err(INTERNAL_ERROR);
                }
                self.case = group.case_before;
                self.push(group.close());
            }
            '^' => self.push(Expression::Begin),
            '$' => self.push(Expression::End),
            '.' => self.push(Expression::Set(AsciiSet::ALL)),
            other => self.literal(other),
        }
        Ok(())
    }

    fn repetition(&mut self, repeated: bool) -> Result<(), &'static str> {
        let before = self.rest;
        let (min, max) = match self.pop() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            _ => match self.counts() {
                Some((min, max)) => {
                    let limit = MAX_REPEAT;
                    if min > limit || max.is_some_and(|max| max > limit || max < min) {
                        return Err(INVALID_REPEAT_SIZE);
                    }
                    (min, max)
                }
                None => {
                    // A brace that counts nothing is one.
                    self.rest = before;
                    self.pop();
                    self.literal('{');
                    return Ok(());
                }
            },
        };
        // Which match is preferred makes no difference to whether there is one.
        self.eat("?");
        if repeated {
            return Err(INVALID_REPEAT_OP);
        }
        let sub = self.group().items.pop().ok_or(MISSING_REPEAT_ARGUMENT)?;
        let sub = Box::new(sub);
        self.push(Expression::Repeat { sub, min, max });
        Ok(())
    }

    /// `3}`, `3,}` or `3,5}`. A number too large to be one is larger than any limit.
    fn counts(&mut self) -> Option<(u32, Option<u32>)> {
        let min = self.number()?;
        let max = if !self.eat(",") {
            Some(min)
        } else if self.rest.starts_with('}') {
            None
        } else {
            Some(self.number()?)
        };
        self.eat("}").then_some((min, max))
    }

    fn number(&mut self) -> Option<u32> {
        let end = self
            .rest
            .find(|digit: char| !digit.is_ascii_digit())
            .unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
            return None;
        }
        self.rest = rest;
        Some(digits.parse().unwrap_or(u32::MAX))
    }

    /// `(?` and what follows: a named group, flags, or both flags and a group.
    fn perl_group(&mut self) -> Result<(), &'static str> {
        if self.eat("(?P<") || self.eat("(?<") {
            let name = self.until(">").ok_or(INVALID_NAMED_CAPTURE)?;
            if name.is_empty()
                || !name
                    .chars()
                    .all(|letter| letter == '_' || letter.is_ascii_alphanumeric())
            {
                return Err(INVALID_NAMED_CAPTURE);
            }
            self.open()?;
            return if self.names.insert(name) {
                Ok(())
            } else {
                Err(DUPLICATE_NAMED_CAPTURE)
            };
        }
        self.eat("(?");
        let (mut case, mut clears, mut any) = (self.case, false, false);
        while let Some(flag) = self.pop() {
            match flag {
                'i' => {
                    case = if clears { Case::Counts } else { Case::Ignored };
                    any = true;
                }
                // Lines, newlines and greed make no difference to a topic's name.
                'm' | 's' | 'U' => any = true,
                '-' if !clears => (clears, any) = (true, false),
                ':' | ')' if !clears || any => {
                    if flag == ':' {
                        self.open()?;
                    }
                    self.case = case;
                    return Ok(());
                }
                _ => break,
            }
        }
        Err(INVALID_PERL_OP)
    }

    fn backslash(&mut self) -> Result<(), &'static str> {
        let before = self.rest;
        self.pop();
        match self.pop() {
            Some('A') => self.push(Expression::Begin),
            Some('z') => self.push(Expression::End),
            Some('b') => self.push(Expression::WordBoundary),
            Some('B') => self.push(Expression::NotWordBoundary),
            Some('C') => return Err(INVALID_ESCAPE),
            Some('Q') => {
                let quoted = match self.until("\\E") {
                    Some(quoted) => quoted,
                    None => std::mem::take(&mut self.rest),
                };
                quoted.chars().for_each(|character| self.literal(character));
            }
            _ => {
                self.rest = before;
                if let Some(set) = self.class_escape()? {
                    self.push(Expression::Set(set));
                } else {
                    let character = self.escape()?;
                    self.literal(character);
                }
            }
        }
        Ok(())
    }

    /// `\d`, `\pL`, `\p{Greek}` and their like, if that is what comes next.
    fn class_escape(&mut self) -> Result<Option<AsciiSet>, &'static str> {
        let mut ahead = self.rest.chars();
        if ahead.next() != Some('\\') {
            return Ok(None);
        }
        let Some(letter) = ahead.next() else {
            return Ok(None);
        };
        if let Some(set) = named_class::perl(letter) {
            self.rest = ahead.as_str();
            return Ok(Some(set));
        }
        if letter != 'p' && letter != 'P' {
            return Ok(None);
        }
        self.rest = ahead.as_str();
        let name = if self.eat("{") {
            self.until("}").ok_or(INVALID_CHAR_RANGE)?
        } else {
            let name = self.rest;
            let length = self.pop().ok_or(INVALID_CHAR_RANGE)?.len_utf8();
            &name[..length]
        };
        let set = named_class::unicode(name, self.case).ok_or(INVALID_CHAR_RANGE)?;
        Ok(Some(if letter == 'P' { set.without() } else { set }))
    }

    /// An escaped code point.
    fn escape(&mut self) -> Result<u32, &'static str> {
        self.pop();
        let escaped = self.pop().ok_or(TRAILING_BACKSLASH)?;
        Ok(match escaped {
            '0' => self.octal('0'),
            '1'..='7' if matches!(self.peek(), Some('0'..='7')) => self.octal(escaped),
            'x' => self.hexadecimal().ok_or(INVALID_ESCAPE)?,
            'a' => 0x07,
            'f' => 0x0c,
            'n' => u32::from('\n'),
            'r' => u32::from('\r'),
            't' => u32::from('\t'),
            'v' => 0x0b,
            other if !other.is_ascii_alphanumeric() => u32::from(other),
            _ => return Err(INVALID_ESCAPE),
        })
    }

    /// Up to three digits, of which the first is read.
    fn octal(&mut self, first: char) -> u32 {
        let mut value = first.to_digit(8).unwrap_or(0);
        for _ in 0..2 {
            let Some(digit) = self.peek().and_then(|next| next.to_digit(8)) else {
                break;
            };
            value = value * 8 + digit;
            self.pop();
        }
        value
    }

    /// `41` or `{1F600}`.
    fn hexadecimal(&mut self) -> Option<u32> {
        if !self.eat("{") {
            let first = self.pop()?.to_digit(16);
            return Some(first? * 16 + self.pop()?.to_digit(16)?);
        }
        let digits = self.until("}").filter(|digits| !digits.is_empty())?;
        digits.chars().try_fold(0, |value: u32, digit| {
            let value = value * 16 + digit.to_digit(16)?;
            (value <= u32::from(char::MAX)).then_some(value)
        })
    }

    fn class(&mut self) -> Result<(), &'static str> {
        self.pop();
        let negated = self.eat("^");
        let mut set = AsciiSet::default();
        let mut first = true;
        while first || self.peek() != Some(']') {
            first = false;
            set = set.with(self.class_item()?);
        }
        self.pop();
        self.push(Expression::Set(if negated { set.without() } else { set }));
        Ok(())
    }

    /// A named class, a range or a character.
    fn class_item(&mut self) -> Result<AsciiSet, &'static str> {
        if self.rest.starts_with("[:") {
            // Without an end it is two characters; `[:]` is a class without a name.
            if let Some((name, rest)) = self.rest[1..].split_once(":]") {
                self.rest = rest;
                let name = name.strip_prefix(':').unwrap_or_default();
                return named_class::posix(name, self.case).ok_or(INVALID_CHAR_RANGE);
            }
        }
        if let Some(set) = self.class_escape()? {
            return Ok(set);
        }
        let first = self.class_character()?;
        let mut last = first;
        if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
            self.pop();
            last = self.class_character()?;
            if last < first {
                return Err(INVALID_CHAR_RANGE);
            }
        }
        Ok(self.case.of_range(first, last))
    }

    fn class_character(&mut self) -> Result<u32, &'static str> {
        match self.peek() {
            None => Err(MISSING_BRACKET),
            Some('\\') => self.escape(),
            Some(character) => {
                self.pop();
                Ok(u32::from(character))
            }
        }
    }
}
