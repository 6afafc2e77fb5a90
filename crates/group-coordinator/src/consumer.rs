//! Consumer groups (KIP-848): the coordinator divides the work, each member follows at its own pace.
//!
//! Three epochs: the group's counts what may change the assignment, the target's says from which of those it was
//! computed, a member's says which target it has caught up with. All of it is in the log; an operation works on a
//! [`draft::Draft`], to which every record it writes is applied at once.

pub mod classic_member;
pub mod commit;
pub mod downgrade;
pub mod draft;
pub mod fence;
pub mod group;
pub mod heartbeat;
pub mod index;
pub mod member;
pub mod reconcile;
pub mod refresh;
pub mod refusal;
pub mod regexes;
pub mod search;
pub mod subscribe;
pub mod tally;
pub mod target;
pub mod upgrade;
