//! Subscriptions by regular expression (KIP-848): Kafka matches them on the broker, with RE2's syntax and its promise that
//! no pattern takes more than linear time.
//!
//! The syntax is RE2/J's to the letter ([`parser`]): a general engine would accept patterns that Kafka refuses, refuse some
//! that it accepts, and read others in another way (`[a&&b]`, `[a[b]`, `\Q..\E`, `\d` of other scripts). Topic names are
//! ASCII, so a character class is 128 bits and the engine ([`program`]) is small.

mod ascii_set;
mod named_class;
mod parser;
mod program;
pub mod resolve;

use program::{Matcher, Program};

/// What a pattern may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegexLimits {
    /// Bytes of the pattern.
    pub length: usize,
    /// Groups in groups.
    pub depth: usize,
    /// Steps of the program that it becomes: `(x{1000}){1000}` would be a million.
    pub steps: usize,
}

/// The limits that hold. Kafka has none, and ends for want of memory where these refuse.
pub const LIMITS: RegexLimits = RegexLimits {
    length: 256 * 1024,
    depth: 250,
    steps: 100_000,
};

/// Why a pattern is not one; the text is Kafka's answer to the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("SubscribedTopicRegex `{pattern}` is not a valid regular expression: {reason}.")]
pub struct InvalidRegularExpression {
    /// The pattern.
    pub pattern: String,
    /// RE2/J's words.
    pub reason: &'static str,
}

/// A pattern that topic names can be held against.
#[derive(Clone, Debug)]
pub struct TopicRegex {
    program: Program,
}

impl TopicRegex {
    /// Reads a pattern.
    ///
    /// # Errors
    /// If RE2/J would refuse it, or if it is beyond [`LIMITS`].
    pub fn compile(pattern: &str) -> Result<Self, InvalidRegularExpression> {
        let invalid = |reason| InvalidRegularExpression {
            pattern: pattern.to_owned(),
            reason,
        };
        if pattern.len() > LIMITS.length {
            return Err(invalid(TOO_LARGE));
        }
        let expression = parser::parse(pattern, LIMITS.depth).map_err(invalid)?;
        let program = Program::compile(&expression, LIMITS.steps).ok_or_else(|| invalid(TOO_LARGE))?;
        Ok(Self { program })
    }

    /// What holds names against it, one after the other.
    pub fn matcher(&self) -> TopicMatcher<'_> {
        TopicMatcher(self.program.matcher())
    }
}

/// A pattern at work.
pub struct TopicMatcher<'a>(Matcher<'a>);

impl TopicMatcher<'_> {
    /// Whether the whole name matches. Takes what that costs from `budget`; `None` once it is used up.
    pub fn matches(&mut self, name: &str, budget: &mut u64) -> Option<bool> {
        self.0.matches(name.as_bytes(), budget)
    }
}

/// What RE2 itself (not RE2/J) says.
const TOO_LARGE: &str = "expression too large";

#[cfg(test)]
mod tests;
