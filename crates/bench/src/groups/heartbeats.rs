//! Heartbeats of groups of one member each.

use super::connect;
use super::member::Member;
use anyhow::Result;
use client::Address;
use std::sync::Arc;

const GROUPS: usize = 64;

/// Groups that have settled.
pub struct Groups {
    members: Vec<Arc<Member>>,
}

impl Groups {
    /// Joins all of them.
    pub async fn join(address: &Address) -> Result<Self> {
        let mut joining = Vec::new();
        for number in 0..GROUPS {
            let channel = connect(address).await?;
            joining.push(tokio::spawn(Member::join(channel, format!("beating-{number}"))));
        }
        let mut members = Vec::new();
        for member in joining {
            members.push(Arc::new(member.await??));
        }
        Ok(Self { members })
    }

    /// Each member beats as often as its share is, one heartbeat after the other; answers how many there were.
    pub async fn beat(&self, count: usize) -> Result<usize> {
        let each = count / self.members.len();
        let mut tasks = Vec::new();
        for member in &self.members {
            let member = Arc::clone(member);
            tasks.push(tokio::spawn(async move {
                for _ in 0..each {
                    member.beat().await?;
                }
                Result::<()>::Ok(())
            }));
        }
        for task in tasks {
            task.await??;
        }
        Ok(each * self.members.len())
    }
}
