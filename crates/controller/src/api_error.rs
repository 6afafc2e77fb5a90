//! A refusal as clients see it: an error code and, mostly, a sentence.

use protocol::ErrorCode;
use std::fmt::Display;

/// Why one thing that was asked for is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The code.
    pub code: ErrorCode,
    /// What to tell beyond the code; `None` if the code says it all.
    pub message: Option<String>,
}

impl ApiError {
    /// A refusal with a message of its own.
    pub fn new(code: ErrorCode, message: impl Display) -> Self {
        Self {
            code,
            message: Some(message.to_string()),
        }
    }

    /// A refusal that repeats the code's own message, where Kafka does.
    pub fn with_default_message(code: ErrorCode) -> Self {
        Self::new(code, code.message())
    }

    /// A refusal without a message, where Kafka sends null.
    pub fn silent(code: ErrorCode) -> Self {
        Self { code, message: None }
    }

    /// The code and the message of a result, for a response: code 0 and null for a success.
    pub fn parts<T>(result: &Result<T, Self>) -> (i16, Option<String>) {
        match result {
            Ok(_) => (ErrorCode::None.code(), None),
            Err(error) => (error.code.code(), error.message.clone()),
        }
    }
}
