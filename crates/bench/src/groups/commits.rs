//! Offset commits of groups without members, several under way on each of some connections.

use super::{TOPIC, connect};
use anyhow::{Context, Result};
use client::{Address, Channel};
use protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use std::collections::VecDeque;
use std::time::Duration;

const CONNECTIONS: usize = 16;
const IN_FLIGHT: usize = 4;
const GROUPS: usize = 100;
/// The last version with topic names.
const VERSION: i16 = 9;

/// Commits so many times, one partition each; answers how often.
pub async fn run(address: &Address, count: usize) -> Result<usize> {
    let mut tasks = Vec::new();
    for number in 0..CONNECTIONS {
        let channel = connect(address).await?;
        tasks.push(tokio::spawn(commit(channel, number, count / CONNECTIONS)));
    }
    for task in tasks {
        task.await??;
    }
    Ok(count / CONNECTIONS * CONNECTIONS)
}

async fn commit(channel: Channel, number: usize, count: usize) -> Result<()> {
    let mut under_way = VecDeque::new();
    for offset in 0..count {
        let group = (number * 7 + offset) % GROUPS;
        let request = request(group, i64::try_from(offset)?);
        let answer = channel.begin(&request, VERSION, Duration::from_secs(60)).await?;
        under_way.push_back(answer);
        if under_way.len() == IN_FLIGHT {
            let answer = under_way.pop_front().context("some are under way")?.await?;
            let code = answer.topics[0].partitions[0].error_code;
            anyhow::ensure!(code == 0, "OffsetCommit: error {code}");
        }
    }
    for answer in under_way {
        answer.await?;
    }
    Ok(())
}

fn request(group: usize, offset: i64) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition {
        partition_index: 0,
        committed_offset: offset,
        committed_leader_epoch: -1,
        committed_metadata: Some(String::new()),
    };
    let topic = OffsetCommitRequestTopic {
        name: TOPIC.to_owned(),
        partitions: vec![partition],
        ..Default::default()
    };
    OffsetCommitRequest {
        group_id: format!("committer-{group}"),
        generation_id_or_member_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    }
}
