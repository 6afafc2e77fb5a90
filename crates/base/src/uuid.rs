//! Kafka's 128-bit ids: random, shown as 22 characters of unpadded URL-safe base64.

use crate::rng::Rng;
use std::fmt;
use std::str::FromStr;

/// A topic id, directory id, incarnation id or cluster id.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Uuid {
    /// All zero: "no id", and the reserved directory id MIGRATING.
    pub const ZERO: Self = Self([0; 16]);
    /// (0,1): the topic id of `__cluster_metadata`, and the reserved directory id UNASSIGNED.
    pub const ONE: Self = Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    /// The topic id of `__cluster_metadata`.
    pub const METADATA_TOPIC: Self = Self::ONE;
    /// The directory id of a replica whose directory is not chosen yet.
    pub const UNASSIGNED_DIR: Self = Self::ONE;
    /// The directory id of a replica whose directory failed.
    pub const LOST_DIR: Self = Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);

    /// A new random id (version 4, variant 2) that is not reserved and whose text does not begin with `-`, so that it
    /// can be an argument of a command.
    pub fn random(rng: &mut Rng) -> Self {
        loop {
            let mut bytes = [0; 16];
            rng.fill(&mut bytes);
            bytes[6] = (bytes[6] & 0x0f) | 0x40;
            bytes[8] = (bytes[8] & 0x3f) | 0x80;
            let id = Self(bytes);
            if !id.is_reserved() && !id.to_string().starts_with('-') {
                return id;
            }
        }
    }

    /// A new random directory id: as [`Uuid::random`], and its text never contains `-` (it becomes part of file names).
    pub fn random_directory(rng: &mut Rng) -> Self {
        loop {
            let id = Self::random(rng);
            if !id.to_string().contains('-') {
                return id;
            }
        }
    }

    /// Whether this is one of the 100 ids that Kafka keeps for itself (high half 0, low half below 100).
    pub fn is_reserved(&self) -> bool {
        self.0[..15].iter().all(|byte| *byte == 0) && self.0[15] < 100
    }

    /// The id's 32 hexadecimal digits, as in the names of deleted partition directories.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.chunks(3) {
            let mut word = [0_u8; 4];
            word[1..=chunk.len()].copy_from_slice(chunk);
            let word = u32::from_be_bytes(word);
            for at in 0..=chunk.len() {
                let index = (word >> (18 - 6 * at)) & 63;
                fmt::Write::write_char(out, char::from(ALPHABET[index as usize]))?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// The text is not 22 (or, padded, 24) characters of URL-safe base64.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an id: 22 characters of URL-safe base64 are expected")]
pub struct ParseUuidError(pub String);

impl FromStr for Uuid {
    type Err = ParseUuidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParseUuidError(text.to_owned());
        let digits = text.strip_suffix("==").unwrap_or(text).as_bytes();
        if digits.len() != 22 {
            return Err(refused());
        }
        let mut bytes = [0_u8; 16];
        let mut at = 0;
        for chunk in digits.chunks(4) {
            let mut word = 0_u32;
            for digit in chunk {
                let value = ALPHABET.iter().position(|known| known == digit).ok_or_else(refused)?;
                word = (word << 6) | u32::try_from(value).map_err(|_| refused())?;
            }
            word <<= 6 * (4 - chunk.len());
            let word = word.to_be_bytes();
            for byte in &word[1..chunk.len()] {
                bytes[at] = *byte;
                at += 1;
            }
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_is_kafkas() {
        assert_eq!(Uuid::ONE.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!("AAAAAAAAAAAAAAAAAAAAAQ".parse(), Ok(Uuid::ONE));
        let mut rng = Rng::from_seed(7);
        for _ in 0..1000 {
            let id = Uuid::random(&mut rng);
            assert_eq!(id.to_string().len(), 22);
            assert_eq!(id.to_string().parse(), Ok(id));
            assert!(!Uuid::random_directory(&mut rng).to_string().contains('-'));
        }
    }

    #[test]
    fn malformed_text_is_refused() {
        for text in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAA!", "AAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(text.parse::<Uuid>().is_err(), "{text}");
        }
    }
}
