//! Followers that keep up while nothing is appended: their fetches are heard of by session, not partition by partition.

use crate::heard::Heard;
use crate::partition::Partition;
use base::{NodeId, Offset};
use std::sync::Arc;

impl Partition {
    /// From now on `follower`, which has all there is, is not asked about this partition again until it changes: it is
    /// heard of with the rest of its session.
    pub fn heard_with(&mut self, follower: NodeId, session: &Arc<Heard>) {
        if let Ok(leading) = self.role.leading_mut()
            && let Some(progress) = leading.followers.get_mut(&follower)
        {
            progress.heard_with(session);
        }
    }

    /// `follower` fetches this partition over its session no more.
    pub fn heard_no_more(&mut self, follower: NodeId) {
        let end = self.log.log_end_offset();
        if let Ok(leading) = self.role.leading_mut()
            && let Some(progress) = leading.followers.get_mut(&follower)
        {
            progress.heard_no_more(end);
        }
    }

    /// Whether `follower` is in sync and nothing else is being asked of the controller: then its fetches change nothing
    /// as long as nothing is appended.
    pub fn is_settled(&self, follower: NodeId) -> bool {
        self.role
            .leading()
            .is_ok_and(|leading| leading.pending.is_none() && leading.leadership.isr.contains(&follower))
    }

    /// The log, which ended at `end`, goes on: until now followers that had all of it kept up.
    pub(crate) fn note_who_kept_up(&mut self, end: Offset) {
        if let Ok(leading) = self.role.leading_mut() {
            for progress in leading.followers.values_mut() {
                progress.falls_behind(end);
            }
        }
    }
}
