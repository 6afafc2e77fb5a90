//! Log cleaning: of a compacted topic's old segments only each key's last record is kept.
//!
//! A pass goes in steps, so that the partition's lock is held for moments only:
//!
//! 1. under the lock, [`Log::cleaning_view`] takes a picture; without it, [`CleaningView::measure`] finds the dirty range;
//! 2. [`Cleaner::begin`] reads the dirty range and notes the last offset of every key;
//! 3. for every group of segments [`Pass::clean`] writes what is kept into one new segment (`.cleaned`),
//!    [`Log::install`] puts it into the list, under the lock, and [`Swap::finish`] renames the files;
//! 4. [`Log::set_first_dirty_offset`] notes how far it came, for `cleaner-offset-checkpoint`.
//!
//! A reader goes on with the segments it has seen: their files stay open. A crash at any point leaves the old segments or
//! the new one, never both and never neither (`leftovers`). Nothing is cleaned above the last stable offset, within the
//! active segment, or above what is on stable storage. The rules for what is kept are in [`filter`], [`transactions`]
//! and [`offset_map`].
//!
//! [`Log::cleaning_view`]: crate::Log::cleaning_view
//! [`Log::install`]: crate::Log::install
//! [`Log::set_first_dirty_offset`]: crate::Log::set_first_dirty_offset

mod dirt;
mod error;
mod filter;
mod group;
mod key_map;
mod offset_map;
mod output;
mod pace;
mod pass;
mod reader;
mod stats;
mod swap;
mod transactions;

#[cfg(test)]
mod tests;

pub use dirt::{CleaningView, LogToClean};
pub use error::CleaningError;
pub use filter::LastRecord;
pub use offset_map::OffsetMap;
pub use pace::Pace;
pub use pass::{Cleaner, CleanerSettings, Group, Pass};
pub use stats::CleanerStats;
pub use swap::{Cleaned, Swap};
