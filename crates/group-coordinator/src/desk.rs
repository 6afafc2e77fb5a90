//! What the operations on a group share: settings, deadlines, randomness, the time, and the answers they give.

use crate::completion::{Answer, Reply};
use crate::consumer::search::Search;
use crate::picture::Picture;
use crate::settings::{GroupOverrides, GroupSettings};
use crate::timers::Timers;
use base::Rng;
use coordinator_runtime::Moment;
use coordinator_runtime::Token;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// What the operations on one group need besides the group.
#[derive(Debug)]
pub struct Desk {
    pub(crate) settings: GroupSettings,
    pub(crate) timers: Timers,
    pub(crate) rng: Rng,
    pub(crate) moment: Moment,
    pub(crate) replies: Vec<Reply>,
    pub(crate) picture: Picture,
    /// For each consumer group whose topics have been looked at since they last changed, the epoch that came of it.
    pub(crate) refreshed: BTreeMap<Arc<str>, i32>,
    /// Searches by regular expression that are to be run.
    pub(crate) searches: Vec<Search>,
    /// The groups whose search has not come back yet.
    pub(crate) searching: BTreeSet<Arc<str>>,
}

impl Desk {
    fn override_of(&self, group: &str) -> Option<&GroupOverrides> {
        self.picture.overrides.get(group)
    }

    /// How long a consumer group's member may be silent.
    pub(crate) fn session_timeout(&self, group: &str) -> Duration {
        let set = self.override_of(group).and_then(|set| set.session_timeout);
        set.unwrap_or(self.settings.consumer.session_timeout)
    }

    /// How often a consumer group's members are to be heard of.
    pub(crate) fn heartbeat_interval_ms(&self, group: &str) -> i32 {
        let set = self.override_of(group).and_then(|set| set.heartbeat_interval_ms);
        set.unwrap_or(self.settings.consumer.heartbeat_interval_ms)
    }

    /// How long at least a consumer group's target holds.
    pub(crate) fn assignment_interval(&self, group: &str) -> Duration {
        let set = self.override_of(group).and_then(|set| set.assignment_interval);
        set.unwrap_or(self.settings.consumer.assignment_interval)
    }

    pub(crate) fn reply(&mut self, to: Token, answer: Answer) {
        self.replies.push(Reply { to, answer });
    }
}
