//! One member of a classic group.

use anyhow::{Context, Result};
use bytes::Bytes;
use client::Channel;
use protocol::messages::heartbeat_request::HeartbeatRequest;
use protocol::messages::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use protocol::messages::join_group_response::JoinGroupResponse;
use protocol::messages::sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment};

/// MEMBER_ID_REQUIRED, and REBALANCE_IN_PROGRESS.
const MEMBER_ID_REQUIRED: i16 = 79;
const REBALANCE_IN_PROGRESS: i16 = 27;

/// A member that has its assignment.
pub struct Member {
    channel: Channel,
    group: String,
    id: String,
    generation: i32,
}

impl Member {
    /// Joins a group and waits for an assignment, again and again while others come.
    pub async fn join(channel: Channel, group: String) -> Result<Self> {
        let mut id = String::new();
        loop {
            let answer = channel.send(&join(&group, &id)).await?;
            match answer.error_code {
                0 => {}
                MEMBER_ID_REQUIRED => {
                    id = answer.member_id;
                    continue;
                }
                REBALANCE_IN_PROGRESS => continue,
                code => anyhow::bail!("JoinGroup: error {code}"),
            }
            id.clone_from(&answer.member_id);
            let synced = channel.send(&sync(&group, &answer)).await?;
            match synced.error_code {
                0 => {
                    anyhow::ensure!(!synced.assignment.is_empty(), "the leader gave everyone something");
                    let generation = answer.generation_id;
                    return Ok(Self {
                        channel,
                        group,
                        id,
                        generation,
                    });
                }
                REBALANCE_IN_PROGRESS => {}
                code => anyhow::bail!("SyncGroup: error {code}"),
            }
        }
    }

    /// The request that says it is alive.
    fn heartbeat(&self) -> HeartbeatRequest {
        HeartbeatRequest {
            group_id: self.group.clone(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            ..Default::default()
        }
    }

    /// Sends it and waits.
    pub async fn beat(&self) -> Result<()> {
        let answer = self.channel.send(&self.heartbeat()).await.context("Heartbeat")?;
        anyhow::ensure!(answer.error_code == 0, "Heartbeat: error {}", answer.error_code);
        Ok(())
    }
}

fn join(group: &str, id: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: group.to_owned(),
        session_timeout_ms: 300_000,
        rebalance_timeout_ms: 300_000,
        member_id: id.to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols: vec![JoinGroupRequestProtocol {
            name: "range".to_owned(),
            metadata: Bytes::from_static(&[0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
        }],
        ..Default::default()
    }
}

fn sync(group: &str, joined: &JoinGroupResponse) -> SyncGroupRequest {
    // Only the leader knows the members.
    let assignments = joined.members.iter().map(|member| SyncGroupRequestAssignment {
        member_id: member.member_id.clone(),
        assignment: Bytes::from_static(&[0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
    });
    SyncGroupRequest {
        group_id: group.to_owned(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        protocol_type: Some("consumer".to_owned()),
        protocol_name: joined.protocol_name.clone(),
        assignments: assignments.collect(),
        ..Default::default()
    }
}
