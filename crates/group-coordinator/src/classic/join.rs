//! What somebody who joins asks for.

use crate::classic::member::Protocol;
use crate::completion::SkipAssignment;
use std::sync::Arc;

/// Whether a member without an id is taken in at once, or is given an id to come back with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberIdPolicy {
    /// From version 4.
    Required,
    /// Before.
    Optional,
}

/// What a member asks for.
#[derive(Clone, Debug)]
pub struct JoinGroup {
    /// The group.
    pub group_id: Arc<str>,
    /// Its id, or empty.
    pub member_id: Arc<str>,
    /// Its static name.
    pub instance_id: Option<Arc<str>>,
    /// As the client calls itself.
    pub client_id: Arc<str>,
    /// Where it is, with Java's leading slash.
    pub client_host: Arc<str>,
    /// How long it may be silent.
    pub session_timeout_ms: i32,
    /// How long it may take to rejoin.
    pub rebalance_timeout_ms: i32,
    /// `consumer`, `connect`, ..
    pub protocol_type: String,
    /// In the order of preference.
    pub protocols: Vec<Protocol>,
    /// See there.
    pub member_id_policy: MemberIdPolicy,
    /// See there.
    pub skip_assignment: SkipAssignment,
    /// Why, in the client's words.
    pub reason: Option<String>,
}
