//! Why bytes are not a message, and why a message has no bytes.

/// The bytes are not a message of the version asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The frame ends too early.
    #[error("{needed} bytes are needed and {remaining} remain")]
    Truncated {
        /// How many bytes the next value takes.
        needed: usize,
        /// How many are left.
        remaining: usize,
    },
    /// A string, bytes, an array or a struct is null where the version does not allow it.
    #[error("null where a value is required")]
    Null,
    /// An array claims more elements than the remaining bytes can hold.
    #[error("an array of {count} elements cannot fit the {remaining} bytes that remain")]
    Count {
        /// The claimed number of elements.
        count: usize,
        /// How many bytes are left.
        remaining: usize,
    },
    /// A string is longer than Kafka's limit of 32767 bytes.
    #[error("a string of {length} bytes is longer than 32767")]
    StringTooLong {
        /// The claimed length.
        length: usize,
    },
    /// A string is not UTF-8.
    #[error("a string is not UTF-8")]
    Utf8,
    /// A variable-length integer does not fit 32 bits.
    #[error("a variable-length integer does not fit 32 bits")]
    Varint,
    /// A tagged field did not take as many bytes as it announced.
    #[error("tagged field {tag} does not fill the {size} bytes it announces")]
    TagSize {
        /// The field's tag.
        tag: u32,
        /// The announced size.
        size: usize,
    },
    /// Decoding the frame would allocate out of proportion to its size.
    #[error("decoding would allocate more than the frame's budget")]
    Budget,
    /// The message has no such version.
    #[error("{message} has no version {version}")]
    Version {
        /// The message's name.
        message: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// No message or record goes by this key.
    #[error("no message has the key {key}")]
    Key {
        /// The key.
        key: i32,
    },
}

/// The message cannot be written in the version asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A field has a value that the version cannot express.
    #[error("field {field} has a value that version {version} cannot express")]
    FieldNotInVersion {
        /// The field's name.
        field: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A field is null where the version does not allow it.
    #[error("field {field} is null, which version {version} does not allow")]
    Null {
        /// The field's name.
        field: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A string, bytes or an array is too long for its length prefix.
    #[error("a value of length {length} is too long")]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// The message has no such version.
    #[error("{message} has no version {version}")]
    Version {
        /// The message's name.
        message: &'static str,
        /// The version asked for.
        version: i16,
    },
}
