//! Many groups, all of whose members join at once; every member has a connection of its own.

use super::connect;
use super::member::Member;
use anyhow::Result;
use client::Address;

/// How many connections are opened at once.
const OPENING: usize = 100;

/// Has all members of all groups join; answers how many have their assignment in the end, which is all of them.
pub async fn run(address: &Address, groups: usize, members: usize) -> Result<usize> {
    let mut joining = Vec::with_capacity(groups * members);
    let slots = std::sync::Arc::new(tokio::sync::Semaphore::new(OPENING));
    for number in 0..groups * members {
        let (address, slots) = (address.clone(), std::sync::Arc::clone(&slots));
        let group = format!("crowd-{}", number % groups);
        joining.push(tokio::spawn(async move {
            let opening = slots.acquire().await?;
            let channel = connect(&address).await?;
            drop(opening);
            Member::join(channel, group).await
        }));
    }
    let mut settled = Vec::with_capacity(joining.len());
    for member in joining {
        settled.push(member.await??);
    }
    Ok(settled.len())
}
