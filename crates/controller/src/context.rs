//! What an operation may know and do besides the state: the time, randomness, the brokers' sessions, the settings.

use crate::mutation_quota::MutationQuotas;
use crate::sessions::Sessions;
use crate::settings::ControllerSettings;
use base::{Instant, Offset, Rng};

/// Handed to every operation. Everything in it but `sessions` and `mutations` is read only; what an operation does to
/// those is a sign of life noted and a change counted, never a decision.
#[derive(Debug)]
pub struct OpContext<'a> {
    /// The time.
    pub now: Instant,
    /// The offset that the first record of the outcome will get.
    pub next_offset: Offset,
    /// The level of `kraft.version`, which the raft layer knows.
    pub kraft_version: i16,
    /// Whether a broker passed the request on.
    pub origin: Origin,
    /// The node's settings.
    pub settings: &'a ControllerSettings,
    /// The brokers' sessions.
    pub sessions: &'a mut Sessions,
    /// What clients may have changed.
    pub mutations: &'a mut MutationQuotas,
    /// Where topic ids and placements come from.
    pub rng: &'a mut Rng,
}

/// How a request came to the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// On the controller's listener, from the client itself.
    Direct,
    /// In an Envelope from a broker, which checked what only a broker can.
    Forwarded,
}
