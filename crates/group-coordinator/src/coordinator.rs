//! The groups of one partition as long as this broker leads it.

use crate::classic::group::ClassicGroup;
use crate::classic::rebalance;
use crate::completion::Reply;
use crate::consumer::draft::{Downgraded, Draft, Next};
use crate::consumer::search::Search;
use crate::consumer::{fence, heartbeat};
use crate::desk::Desk;
use crate::picture::Picture;
use crate::record::GroupRecord;
use crate::settings::GroupSettings;
use crate::state::{GroupState, Membership};
use crate::timers::{Timer, Timers};
use base::{Instant, Rng};
use coordinator_runtime::Moment;
use protocol::ErrorCode;
use std::collections::{BTreeMap, BTreeSet};
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
    pub fn take_over(state: &GroupState, settings: GroupSettings, picture: Picture, rng: Rng, moment: Moment) -> Self {
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
                picture,
                refreshed: BTreeMap::new(),
                searches: Vec::new(),
                searching: BTreeSet::new(),
            },
        };
        for (id, stored) in state.groups() {
            match &stored.membership {
                Membership::Classic(metadata) if !metadata.members.is_empty() => {
                    coordinator.open(state, id);
                }
                Membership::Consumer(group) => heartbeat::await_all(&mut coordinator.desk, id, group),
                Membership::Classic(_) | Membership::None => {}
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

    /// Takes note of a newer picture of the cluster: groups whose topics changed look at them again.
    pub fn see(&mut self, state: &GroupState, picture: Picture) {
        let before = std::mem::replace(&mut self.desk.picture, picture);
        let changed: Vec<&Arc<str>> = before.topics.changed(&self.desk.picture.topics).collect();
        if changed.is_empty() {
            return;
        }
        self.desk.refreshed.retain(|id, _| {
            let group = state.consumer(id);
            group.is_some_and(|group| !changed.iter().any(|topic| group.is_subscribed_to(topic)))
        });
    }

    /// The searches that are to be run.
    pub fn take_searches(&mut self) -> Vec<Search> {
        std::mem::take(&mut self.desk.searches)
    }

    /// Takes note of newer settings.
    pub fn adopt(&mut self, settings: GroupSettings) {
        self.desk.settings = settings;
    }

    /// A group without members, or one of the classic protocol, taken from the log if it was not looked at before.
    pub(crate) fn open(&mut self, state: &GroupState, id: &str) -> Option<(&mut ClassicGroup, &mut Desk)> {
        if state.consumer(id).is_some() {
            return None;
        }
        if !self.groups.contains_key(id) {
            let stored = state.group(id)?;
            let group = ClassicGroup::load(id, stored.classic());
            for member in group.members().values() {
                rebalance::await_heartbeat(&mut self.desk, &group.id, member);
            }
            self.groups.insert(Arc::clone(&group.id), group);
        }
        let group = self.groups.get_mut(id)?;
        Some((group, &mut self.desk))
    }

    /// A classic group as readers see it: with its members if it is live, else as the log has it. None if the log, as far
    /// as it is committed, has no such group.
    pub(crate) fn look<R>(&self, committed: &GroupState, id: &str, look: impl FnOnce(&ClassicGroup) -> R) -> Option<R> {
        let stored = committed.group(id).filter(|stored| stored.consumer().is_none())?;
        Some(match self.groups.get(id) {
            Some(group) => look(group),
            None => look(&ClassicGroup::load(id, stored.classic())),
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

    /// The records of what an operation made of a consumer group. What there was of it before, or comes of it, as a classic
    /// group is ended or begun; should the records be lost, the log still says what holds.
    pub(crate) fn finish(&mut self, draft: Draft) -> Vec<GroupRecord> {
        if let Some(mut before) = self.groups.remove(&draft.id) {
            self.desk.timers.cancel(&Timer::Join(Arc::clone(&draft.id)));
            self.desk.timers.cancel(&Timer::Sync(Arc::clone(&draft.id)));
            rebalance::refuse_all(&mut self.desk, &mut before, ErrorCode::RebalanceInProgress);
        }
        if let Some(Downgraded { value, next }) = draft.downgraded {
            let mut group = ClassicGroup::load(&draft.id, Some(&value));
            for member in group.members().values() {
                fence::forget_classic(&mut self.desk, &draft.id, &member.id);
                rebalance::await_heartbeat(&mut self.desk, &draft.id, member);
            }
            if next == Next::Rebalance {
                // A group with members that all have yet to join writes nothing now.
                let outcome = rebalance::prepare(&mut self.desk, &mut group);
                debug_assert!(outcome.records.is_empty());
            }
            self.desk.refreshed.remove(&draft.id);
            self.groups.insert(Arc::clone(&draft.id), group);
        }
        draft.records
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
