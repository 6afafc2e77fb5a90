//! SCRAM credentials.

use bytes::Bytes;
use imbl::OrdMap;
use std::fmt;

/// A SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScramMechanism {
    /// SCRAM-SHA-256.
    Sha256,
    /// SCRAM-SHA-512.
    Sha512,
}

impl ScramMechanism {
    /// The mechanism with Kafka's code.
    pub fn from_code(code: i8) -> Option<Self> {
        match code {
            1 => Some(Self::Sha256),
            2 => Some(Self::Sha512),
            _ => None,
        }
    }

    /// Kafka's code.
    pub fn code(self) -> i8 {
        match self {
            Self::Sha256 => 1,
            Self::Sha512 => 2,
        }
    }
}

/// What is kept of a user's password. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramCredential {
    /// The salt.
    pub salt: Bytes,
    /// The stored key.
    pub stored_key: Bytes,
    /// The server key.
    pub server_key: Bytes,
    /// How often the hash was iterated.
    pub iterations: i32,
}

impl fmt::Debug for ScramCredential {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ScramCredential")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

/// Every user's credentials.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScramImage {
    by_mechanism_and_user: OrdMap<(ScramMechanism, String), ScramCredential>,
}

impl ScramImage {
    /// The user's credential for the mechanism.
    pub fn get(&self, mechanism: ScramMechanism, user: &str) -> Option<&ScramCredential> {
        self.by_mechanism_and_user.get(&(mechanism, user.to_owned()))
    }

    /// Every credential.
    pub fn iter(&self) -> impl Iterator<Item = (ScramMechanism, &str, &ScramCredential)> {
        self.by_mechanism_and_user
            .iter()
            .map(|((mechanism, user), credential)| (*mechanism, user.as_str(), credential))
    }

    pub(crate) fn insert(&mut self, mechanism: ScramMechanism, user: String, credential: ScramCredential) {
        self.by_mechanism_and_user.insert((mechanism, user), credential);
    }

    pub(crate) fn remove(&mut self, mechanism: ScramMechanism, user: &str) {
        self.by_mechanism_and_user.remove(&(mechanism, user.to_owned()));
    }
}
