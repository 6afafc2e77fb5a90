//! Groups of the classic protocol, consumer groups (KIP-848) and their committed offsets: what one partition of `__consumer_offsets` holds.
//!
//! Two states make a coordinator. [`GroupState`] is the shard's: folded from the log, versioned by `coordinator_runtime`,
//! it knows every committed offset and what was last written of every group. [`GroupCoordinator`] is what lives only as
//! long as a leadership: who is joining, whose session ends when, who waits for an answer. The functions in [`op`] read
//! the first, change the second and answer an [`Outcome`]: records, and what is to happen once they are committed or
//! lost ([`Completion`]). Answers come out of [`GroupCoordinator::take_replies`], to whoever asked with that [`Token`].

pub mod assignor;
pub mod classic;
pub mod completion;
mod consequences;
pub mod consumer;
pub mod coordinator;
mod counts;
pub mod desk;
pub mod load;
pub mod op;
pub mod picture;
pub mod record;
pub mod regex;
pub mod settings;
pub mod state;
pub mod timers;
pub mod topics;

pub use completion::{Answer, Completion, Outcome, Reply};
pub use coordinator::GroupCoordinator;
pub use coordinator_runtime::{Lost, Moment, Token};
pub use counts::GroupCounts;
pub use picture::Picture;
pub use record::GroupRecord;
pub use settings::GroupSettings;
pub use state::GroupState;
