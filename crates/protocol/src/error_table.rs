//! What is known of each error code.

use crate::error_code::{ERRORS, ErrorCode};
use std::fmt;

/// The facts of one error code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorFacts {
    pub(crate) code: ErrorCode,
    pub(crate) name: &'static str,
    pub(crate) message: &'static str,
    pub(crate) retriable: bool,
    pub(crate) refreshes_metadata: bool,
}

impl ErrorCode {
    fn facts(self) -> &'static ErrorFacts {
        let index = usize::try_from(i32::from(self as i16) + 1).expect("codes begin at -1");
        &ERRORS[index]
    }

    /// The number in messages.
    pub fn code(self) -> i16 {
        self as i16
    }

    /// Kafka's name, as in `UNKNOWN_TOPIC_OR_PARTITION`.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// A sentence that says what went wrong.
    pub fn message(self) -> &'static str {
        self.facts().message
    }

    /// Whether the same request may succeed later.
    pub fn is_retriable(self) -> bool {
        self.facts().retriable
    }

    /// Whether the client's picture of the cluster is out of date.
    pub fn refreshes_metadata(self) -> bool {
        self.facts().refreshes_metadata
    }

    /// Whether this is [`ErrorCode::None`].
    pub fn is_none(self) -> bool {
        self == Self::None
    }

    /// The code of a number, if it is known.
    pub fn from_code(code: i16) -> Option<Self> {
        let index = usize::try_from(i32::from(code) + 1).ok()?;
        ERRORS.get(index).map(|facts| facts.code)
    }
}

/// A number that is not known counts as `UNKNOWN_SERVER_ERROR`, as in Kafka's clients.
impl From<i16> for ErrorCode {
    fn from(code: i16) -> Self {
        Self::from_code(code).unwrap_or(Self::UnknownServerError)
    }
}

impl From<ErrorCode> for i16 {
    fn from(code: ErrorCode) -> Self {
        code.code()
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        for (index, facts) in ERRORS.iter().enumerate() {
            assert_eq!(i64::from(facts.code.code()), i64::try_from(index).unwrap() - 1);
            assert_eq!(ErrorCode::from_code(facts.code.code()), Some(facts.code));
        }
        assert_eq!(ErrorCode::from(1999), ErrorCode::UnknownServerError);
        assert_eq!(ErrorCode::from_code(-2), None);
        assert_eq!(ErrorCode::NotLeaderOrFollower.name(), "NOT_LEADER_OR_FOLLOWER");
    }
}
