//! Whether somebody is who it says.

use crate::classic::group::{ClassicGroup, Phase};
use protocol::ErrorCode;

/// A member must be in the group, and a static one under the id it has now.
pub(crate) fn member(group: &ClassicGroup, member: &str, instance_id: Option<&str>) -> Result<(), ErrorCode> {
    if let Some(instance_id) = instance_id {
        match group.static_member(instance_id) {
            None => return Err(ErrorCode::UnknownMemberId),
            Some(known) if known.as_ref() != member => return Err(ErrorCode::FencedInstanceId),
            Some(_) => {}
        }
    }
    match group.member(member) {
        Some(_) => Ok(()),
        None => Err(ErrorCode::UnknownMemberId),
    }
}

/// Who may commit offsets: a member of this generation, or anybody while the group is empty.
pub(crate) fn offset_commit(
    group: &ClassicGroup,
    member_id: &str,
    instance_id: Option<&str>,
    generation: i32,
) -> Result<(), ErrorCode> {
    if generation < 0 && group.phase == Phase::Empty {
        return Ok(());
    }
    if generation >= 0 || !member_id.is_empty() || instance_id.is_some() {
        member(group, member_id, instance_id)?;
        if generation != group.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
    } else if group.phase != Phase::Empty {
        return Err(ErrorCode::UnknownMemberId);
    }
    if group.phase == Phase::CompletingRebalance {
        return Err(ErrorCode::RebalanceInProgress);
    }
    Ok(())
}

/// Who may commit offsets within a transaction: a member of this generation, or, as in versions that know of no members,
/// whoever does not claim to be one.
pub(crate) fn txn_offset_commit(
    group: &ClassicGroup,
    member_id: &str,
    instance_id: Option<&str>,
    generation: i32,
) -> Result<(), ErrorCode> {
    if generation < 0 && (group.phase == Phase::Empty || (member_id.is_empty() && instance_id.is_none())) {
        return Ok(());
    }
    member(group, member_id, instance_id)?;
    if generation == group.generation {
        Ok(())
    } else {
        Err(ErrorCode::IllegalGeneration)
    }
}
