//! One group: its members, what they have in common, and where it is in the life of a generation.

use crate::classic::member::{Member, Protocol, millis};
use crate::classic::subscription;
use base::Timestamp;
use bytes::Bytes;
use coordinator_runtime::Token;
use protocol::internal::group_metadata_value::{GroupMetadataValue, MemberMetadata};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Where a group is. There is no Dead here: a group that is no more is not in the coordinator's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No members; offsets are kept.
    Empty,
    /// Members are joining.
    PreparingRebalance,
    /// The leader divides the work.
    CompletingRebalance,
    /// Everyone has its part.
    Stable,
}

impl Phase {
    /// Kafka's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// The first rebalance of an empty group waits for more members to come: for `delay` now, and again while they do, until
/// nothing `remains` of the rebalance timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InitialDelay {
    pub(crate) delay: Duration,
    pub(crate) remains: Duration,
    pub(crate) somebody_came: bool,
}

/// A classic group.
#[derive(Clone, Debug)]
pub struct ClassicGroup {
    /// Its name.
    pub id: Arc<str>,
    /// Where it is.
    pub phase: Phase,
    /// Counts rebalances.
    pub generation: i32,
    /// `consumer`, `connect`, ..; none for a group that only commits offsets.
    pub protocol_type: Option<String>,
    /// The protocol of this generation.
    pub protocol: Option<Arc<str>>,
    /// The member that divides the work.
    pub leader: Option<Arc<str>>,
    /// When `phase` was entered; none in logs of old.
    pub since: Option<Timestamp>,
    members: BTreeMap<Arc<str>, Member>,
    static_members: BTreeMap<Arc<str>, Arc<str>>,
    /// Ids that were given out and have not joined yet.
    pending: BTreeSet<Arc<str>>,
    /// Members that have joined this generation and have not synced yet.
    pub(crate) pending_sync: BTreeSet<Arc<str>>,
    /// How many members can do each protocol.
    counts: BTreeMap<Arc<str>, usize>,
    joining: usize,
    subscribed: Option<BTreeSet<String>>,
    pub(crate) initial_delay: Option<InitialDelay>,
}

impl ClassicGroup {
    /// A group without members or past.
    pub fn new(id: &str, now: Timestamp) -> Self {
        Self {
            since: Some(now),
            ..Self::load(id, None)
        }
    }

    /// A group as the log has it; without metadata, one that only commits offsets.
    pub fn load(id: &str, metadata: Option<&GroupMetadataValue>) -> Self {
        let mut group = Self {
            id: id.into(),
            phase: Phase::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            since: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            pending: BTreeSet::new(),
            pending_sync: BTreeSet::new(),
            counts: BTreeMap::new(),
            joining: 0,
            subscribed: None,
            initial_delay: None,
        };
        let Some(metadata) = metadata else { return group };
        group.generation = metadata.generation;
        group.protocol_type = Some(metadata.protocol_type.clone()).filter(|kind| !kind.is_empty());
        group.protocol = metadata.protocol.as_deref().map(Arc::from);
        group.leader = metadata.leader.as_deref().map(Arc::from);
        group.since = (metadata.current_state_timestamp >= 0).then_some(Timestamp(metadata.current_state_timestamp));
        for member in &metadata.members {
            let protocol = group.protocol.clone().unwrap_or_else(|| Arc::from(""));
            group.add(load_member(member, protocol));
        }
        if !group.members.is_empty() {
            group.phase = Phase::Stable;
        }
        group.understand_subscriptions();
        group
    }

    /// The members by id.
    pub fn members(&self) -> &BTreeMap<Arc<str>, Member> {
        &self.members
    }

    /// A member.
    pub fn member(&self, id: &str) -> Option<&Member> {
        self.members.get(id)
    }

    /// Ids that were given out and have not joined yet.
    pub fn pending(&self) -> &BTreeSet<Arc<str>> {
        &self.pending
    }

    /// The id under which a static member is in the group.
    pub fn static_member(&self, instance_id: &str) -> Option<&Arc<str>> {
        self.static_members.get(instance_id)
    }

    /// Whether it is the leader.
    pub fn is_leader(&self, member: &str) -> bool {
        self.leader.as_deref() == Some(member)
    }

    /// Whether it only keeps offsets, as no member ever joined.
    pub fn uses_consumer_protocol(&self) -> bool {
        self.protocol_type.as_deref() == Some(subscription::CONSUMER)
    }

    /// The topics that the members read, if that is known.
    pub fn subscribed(&self) -> Option<&BTreeSet<String>> {
        self.subscribed.as_ref()
    }

    /// Whether some member reads the topic, or may.
    pub fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed {
            Some(topics) => topics.contains(topic),
            None => self.uses_consumer_protocol(),
        }
    }

    /// How many members wait for the join to be complete.
    pub(crate) fn joining(&self) -> usize {
        self.joining
    }

    pub(crate) fn all_joined(&self) -> bool {
        self.joining == self.members.len() && self.pending.is_empty()
    }

    pub(crate) fn enter(&mut self, phase: Phase, now: Timestamp) {
        self.phase = phase;
        self.since = Some(now);
    }

    pub(crate) fn add_pending(&mut self, id: Arc<str>) {
        self.pending.insert(id);
    }

    /// Takes a member in. A member whose protocol type differs from the group's has been refused before.
    pub(crate) fn add(&mut self, member: Member) {
        if let Some(instance_id) = &member.instance_id {
            self.static_members
                .insert(Arc::clone(instance_id), Arc::clone(&member.id));
        }
        if self.leader.is_none() {
            self.leader = Some(Arc::clone(&member.id));
        }
        self.pending.remove(&member.id);
        self.joining += usize::from(member.awaiting_join.is_some());
        self.count(&member.protocols, Count::In);
        self.members.insert(Arc::clone(&member.id), member);
    }

    /// Takes a member, or an id that was to become one, out.
    pub(crate) fn remove(&mut self, id: &str) -> Option<Member> {
        let removed = self.members.remove(id);
        if let Some(member) = &removed {
            self.count(&member.protocols, Count::Out);
            self.joining -= usize::from(member.awaiting_join.is_some());
            if let Some(instance_id) = &member.instance_id {
                self.static_members.remove(instance_id);
            }
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending.remove(id);
        self.pending_sync.remove(id);
        removed
    }

    /// A static member's place under another id.
    pub(crate) fn rename(&mut self, old: &str, new: &Arc<str>) {
        let was_leader = self.is_leader(old);
        let Some(mut member) = self.members.remove(old) else {
            return;
        };
        member.id = Arc::clone(new);
        if let Some(instance_id) = &member.instance_id {
            self.static_members.insert(Arc::clone(instance_id), Arc::clone(new));
        }
        if self.pending_sync.remove(old) {
            self.pending_sync.insert(Arc::clone(new));
        }
        if was_leader {
            self.leader = Some(Arc::clone(new));
        }
        self.members.insert(Arc::clone(new), member);
    }

    /// Takes over what a member says when it joins again; the one who waited for its last join is returned.
    pub(crate) fn update(
        &mut self,
        id: &str,
        protocols: Vec<Protocol>,
        timeouts: (i32, i32),
        join: Option<Token>,
    ) -> Option<Token> {
        let (session_timeout_ms, rebalance_timeout_ms) = timeouts;
        let before = self.members.get(id).map(|member| member.protocols.clone())?;
        self.count(&before, Count::Out);
        self.count(&protocols, Count::In);
        let member = self.members.get_mut(id)?;
        member.protocols = protocols;
        member.session_timeout_ms = session_timeout_ms;
        member.rebalance_timeout_ms = rebalance_timeout_ms;
        let earlier = std::mem::replace(&mut member.awaiting_join, join);
        self.joining += usize::from(join.is_some());
        self.joining -= usize::from(earlier.is_some());
        earlier
    }

    /// Who waits for a member's join, which is being answered.
    pub(crate) fn take_join(&mut self, id: &str) -> Option<Token> {
        let token = self.members.get_mut(id)?.awaiting_join.take()?;
        self.joining -= 1;
        Some(token)
    }

    /// Who waits for a member's sync, which is being answered.
    pub(crate) fn take_sync(&mut self, id: &str) -> Option<Token> {
        self.members.get_mut(id)?.awaiting_sync.take()
    }

    pub(crate) fn member_mut(&mut self, id: &str) -> Option<&mut Member> {
        self.members.get_mut(id)
    }

    pub(crate) fn members_mut(&mut self) -> impl Iterator<Item = &mut Member> {
        self.members.values_mut()
    }

    /// The longest that any member may take to rejoin.
    pub(crate) fn rebalance_timeout(&self) -> Duration {
        let longest = self.members.values().map(|member| member.rebalance_timeout_ms).max();
        millis(longest.unwrap_or(0))
    }

    /// Whether somebody with these protocols can be a member. `kind` is the protocol type.
    pub(crate) fn supports(&self, kind: &str, protocols: &[Protocol]) -> bool {
        if self.phase == Phase::Empty {
            return !kind.is_empty() && !protocols.is_empty();
        }
        let everyones =
            |protocol: &Protocol| self.counts.get(&protocol.name).copied().unwrap_or(0) == self.members.len();
        self.protocol_type.as_deref() == Some(kind) && protocols.iter().any(everyones)
    }

    /// The protocol that most members prefer among those that all can do.
    pub(crate) fn select_protocol(&self) -> Option<Arc<str>> {
        let mut votes: BTreeMap<Arc<str>, usize> = BTreeMap::new();
        for member in self.members.values() {
            let vote = member.vote(&self.counts, self.members.len())?;
            *votes.entry(vote).or_default() += 1;
        }
        votes.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name)
    }

    /// If the leader has not rejoined, the first member that has takes its place. Answers whether there is a leader that
    /// has.
    pub(crate) fn elect_joined_leader(&mut self) -> bool {
        let Some(leader) = &self.leader else { return false };
        if self
            .members
            .get(leader)
            .is_some_and(|member| member.awaiting_join.is_some())
        {
            return true;
        }
        let joined = self.members.values().find(|member| member.awaiting_join.is_some());
        match joined {
            Some(member) => {
                self.leader = Some(Arc::clone(&member.id));
                true
            }
            None => false,
        }
    }

    /// Begins the next generation: with members, for them to sync; without, the group is empty.
    pub(crate) fn begin_generation(&mut self, now: Timestamp) {
        self.generation = self.generation.wrapping_add(1);
        self.pending_sync.clear();
        self.protocol = self.select_protocol();
        self.understand_subscriptions();
        let phase = if self.members.is_empty() {
            Phase::Empty
        } else {
            Phase::CompletingRebalance
        };
        self.enter(phase, now);
    }

    /// What is written of the group, each member with the part of the work that `assignment` answers.
    pub(crate) fn to_value(&self, assignment: impl Fn(&Member) -> Bytes) -> GroupMetadataValue {
        let protocol = self.protocol.as_deref().unwrap_or("");
        let members = self.members.values().map(|member| MemberMetadata {
            member_id: member.id.to_string(),
            group_instance_id: member.instance_id.as_deref().map(str::to_owned),
            client_id: member.client_id.to_string(),
            client_host: member.client_host.to_string(),
            rebalance_timeout: member.rebalance_timeout_ms,
            session_timeout: member.session_timeout_ms,
            subscription: member.metadata(protocol),
            assignment: assignment(member),
        });
        GroupMetadataValue {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol.as_deref().map(str::to_owned),
            leader: self.leader.as_deref().map(str::to_owned),
            current_state_timestamp: self.since.unwrap_or(Timestamp::NONE).0,
            members: members.collect(),
        }
    }

    fn understand_subscriptions(&mut self) {
        self.subscribed = match (&self.protocol, self.uses_consumer_protocol()) {
            (_, false) => None,
            (_, true) if self.members.is_empty() => Some(BTreeSet::new()),
            (Some(protocol), true) => subscription::topics(self.members.values(), protocol),
            (None, true) => None,
        };
    }

    fn count(&mut self, protocols: &[Protocol], count: Count) {
        for protocol in protocols {
            let known = self.counts.entry(Arc::clone(&protocol.name)).or_default();
            match count {
                Count::In => *known += 1,
                Count::Out => *known -= 1,
            }
            if *known == 0 {
                self.counts.remove(&protocol.name);
            }
        }
    }
}

enum Count {
    In,
    Out,
}

fn load_member(member: &MemberMetadata, protocol: Arc<str>) -> Member {
    let rebalance_timeout_ms = match member.rebalance_timeout {
        -1 => member.session_timeout,
        known => known,
    };
    Member {
        id: member.member_id.as_str().into(),
        instance_id: member.group_instance_id.as_deref().map(Arc::from),
        client_id: member.client_id.as_str().into(),
        client_host: member.client_host.as_str().into(),
        rebalance_timeout_ms,
        session_timeout_ms: member.session_timeout,
        protocols: vec![Protocol {
            name: protocol,
            metadata: member.subscription.clone(),
        }],
        assignment: member.assignment.clone(),
        awaiting_join: None,
        awaiting_sync: None,
        is_new: false,
    }
}
