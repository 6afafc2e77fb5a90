//! The groups of one partition as long as this broker leads it.

use crate::classic::group::ClassicGroup;
use crate::classic::rebalance;
use crate::completion::Reply;
use crate::desk::Desk;
use crate::settings::GroupSettings;
use crate::state::GroupState;
use crate::timers::{Timer, Timers};
use base::{Instant, Rng};
use coordinator_runtime::Moment;
use protocol::ErrorCode;
use std::collections::BTreeMap;
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub struct GroupCoordinator {
    pub(crate) groups: BTreeMap<Arc<str>, ClassicGroup>,
    pub(crate) desk: Desk,
}

impl GroupCoordinator {
    /// A coordinator that has taken over what `state` says: every member has its session timeout to be heard of. Outcomes
    /// are to be written at once: groups that are over `group.max.size` begin a rebalance.
    pub fn take_over(state: &GroupState, settings: GroupSettings, rng: Rng, moment: Moment) -> Self {
        let mut timers = Timers::default();
        timers.set(
            Timer::Expiry,
            moment.now.plus(settings.offsets_retention_check_interval),
        );
        let mut coordinator = Self {
            groups: BTreeMap::new(),
            desk: Desk {
                settings,
                timers,
                rng,
                moment,
                replies: Vec::new(),
            },
        };
        for (id, stored) in state.groups() {
            if stored
                .metadata
                .as_ref()
                .is_some_and(|metadata| !metadata.members.is_empty())
            {
                coordinator.open(state, id);
            }
        }
        coordinator.shrink();
        coordinator
    }

    fn shrink(&mut self) {
        let Self { groups, desk } = self;
        for group in groups.values_mut() {
            if group.members().len() > desk.settings.max_size {
                tracing::info!(group = %group.id, members = group.members().len(), "a loaded group is over group.max.size");
                // A group with members that all have yet to join writes nothing now.
                let outcome = rebalance::prepare(desk, group);
                debug_assert!(outcome.records.is_empty());
            }
        }
    }

    /// A group that exists, taken from the log if it was not looked at before.
    pub(crate) fn open(&mut self, state: &GroupState, id: &str) -> Option<(&mut ClassicGroup, &mut Desk)> {
        if !self.groups.contains_key(id) {
            let stored = state.group(id)?;
            let group = ClassicGroup::load(id, stored.metadata.as_deref());
            for member in group.members().values() {
                rebalance::await_heartbeat(&mut self.desk, &group.id, member);
            }
            self.groups.insert(Arc::clone(&group.id), group);
        }
        let group = self.groups.get_mut(id)?;
        Some((group, &mut self.desk))
    }

    /// A group as readers see it: with its members if it is live, else as the log has it. None if the log, as far as it is
    /// committed, has no such group.
    pub(crate) fn look<R>(&self, committed: &GroupState, id: &str, look: impl FnOnce(&ClassicGroup) -> R) -> Option<R> {
        let stored = committed.group(id)?;
        Some(match self.groups.get(id) {
            Some(group) => look(group),
            None => look(&ClassicGroup::load(id, stored.metadata.as_deref())),
        })
    }

    /// Forgets a group that is being deleted.
    pub(crate) fn drop_group(&mut self, id: &str, error: ErrorCode) {
        let Some(mut group) = self.groups.remove(id) else {
            return;
        };
        let members: Vec<Arc<str>> = group.members().keys().chain(group.pending()).cloned().collect();
        for member in members {
            self.desk.timers.cancel(&Timer::Session {
                group: Arc::clone(&group.id),
                member,
            });
        }
        self.desk.timers.cancel(&Timer::Join(Arc::clone(&group.id)));
        self.desk.timers.cancel(&Timer::Sync(Arc::clone(&group.id)));
        rebalance::refuse_all(&mut self.desk, &mut group, error);
    }

    /// When [`GroupCoordinator::on_timeout`] has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.desk.timers.next()
    }

    /// This broker is not the coordinator any more: everyone who waits is told.
    pub fn resign(&mut self) {
        let groups: Vec<Arc<str>> = self.groups.keys().cloned().collect();
        for group in groups {
            self.drop_group(&group, ErrorCode::NotCoordinator);
        }
    }

    /// The answers that are ready to be sent.
    pub fn take_replies(&mut self) -> Vec<Reply> {
        std::mem::take(&mut self.desk.replies)
    }
}
