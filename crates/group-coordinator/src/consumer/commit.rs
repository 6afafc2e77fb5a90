//! Who may commit and fetch a consumer group's offsets.

use super::group::ConsumerGroup;
use super::member::Member;
use base::Uuid;
use protocol::ErrorCode;

/// A commit by somebody who may.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Commit<'a> {
    /// Nobody is in the group: anybody may.
    Simple,
    /// A member, in its present epoch.
    Current(&'a Member),
    /// A member, in an epoch before.
    Earlier(&'a Member, i32),
}

impl<'a> Commit<'a> {
    /// Who commits.
    ///
    /// # Errors
    /// UNKNOWN_MEMBER_ID; STALE_MEMBER_EPOCH, for a classic member ILLEGAL_GENERATION, if the epoch is none yet.
    pub(crate) fn of(group: &'a ConsumerGroup, member: &str, epoch: i32) -> Result<Self, ErrorCode> {
        if epoch < 0 && group.is_empty() {
            return Ok(Self::Simple);
        }
        let member = group.member(member).ok_or(ErrorCode::UnknownMemberId)?;
        match epoch {
            _ if epoch == member.epoch => Ok(Self::Current(member)),
            _ if epoch > member.epoch => Err(stale(member)),
            _ => Ok(Self::Earlier(member, epoch)),
        }
    }

    /// Whether the member can only be told what is wrong in a version that knows epochs.
    pub(crate) fn needs_epochs(&self) -> bool {
        match self {
            Self::Simple => false,
            Self::Current(member) | Self::Earlier(member, _) => member.classic.is_none(),
        }
    }

    /// Whether it may commit for a partition.
    ///
    /// # Errors
    /// STALE_MEMBER_EPOCH, for a classic member ILLEGAL_GENERATION.
    pub(crate) fn check(&self, topic: Uuid, partition: i32) -> Result<(), ErrorCode> {
        let Self::Earlier(member, epoch) = self else {
            return Ok(());
        };
        match member.assignment_epoch(topic, partition) {
            Some(since) if *epoch >= since => Ok(()),
            _ => Err(stale(member)),
        }
    }
}

/// Whether somebody may fetch: a member in its epoch, or who says that it is none.
///
/// # Errors
/// UNKNOWN_MEMBER_ID; STALE_MEMBER_EPOCH, for a classic member ILLEGAL_GENERATION.
pub(crate) fn check_fetch(group: &ConsumerGroup, member: Option<&str>, epoch: i32) -> Result<(), ErrorCode> {
    if member.is_none() && epoch < 0 {
        return Ok(());
    }
    let member = member.and_then(|member| group.member(member));
    let member = member.ok_or(ErrorCode::UnknownMemberId)?;
    if member.epoch == epoch {
        Ok(())
    } else {
        Err(stale(member))
    }
}

fn stale(member: &Member) -> ErrorCode {
    match member.classic {
        Some(_) => ErrorCode::IllegalGeneration,
        None => ErrorCode::StaleMemberEpoch,
    }
}
