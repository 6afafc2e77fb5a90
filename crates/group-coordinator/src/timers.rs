//! What is due when: at most one deadline for each purpose.

use std::sync::Arc;

/// What a deadline is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A member was not heard of for its session timeout (or did not come back with the id it was given).
    Session {
        /// The group.
        group: Arc<str>,
        /// The member.
        member: Arc<str>,
    },
    /// A consumer group's member has had its time to give partitions back.
    Revocation {
        /// The group.
        group: Arc<str>,
        /// The member.
        member: Arc<str>,
    },
    /// A member of a consumer group that speaks the classic protocol has had its time to join again.
    ClassicJoin {
        /// The group.
        group: Arc<str>,
        /// The member.
        member: Arc<str>,
    },
    /// The same to fetch its part.
    ClassicSync {
        /// The group.
        group: Arc<str>,
        /// The member.
        member: Arc<str>,
    },
    /// The members have had their time to join.
    Join(Arc<str>),
    /// The members have had their time to sync.
    Sync(Arc<str>),
    /// Expired offsets are looked for.
    Expiry,
}

/// The deadlines.
pub type Timers = coordinator_runtime::Timers<Timer>;
