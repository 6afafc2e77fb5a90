//! Which groups are meant.

use crate::command::java;
use crate::command::java_exception::thrown_by_waiting;
use crate::command::options::Options;
use anyhow::anyhow;
use client::Cluster;
use client::admin::{self, GroupFilter, GroupListing};

/// The groups named on the command line, each once, or all groups of consumers.
pub async fn chosen(cluster: &Cluster, options: &Options) -> anyhow::Result<Vec<String>> {
    if options.has("all-groups") {
        let all = listed(cluster, &GroupFilter::default()).await;
        let all = all.map_err(|error| anyhow!(thrown_by_waiting(&error)))?;
        return Ok(all.into_iter().map(|group| group.id).collect());
    }
    let mut named: Vec<String> = Vec::new();
    for group in options.values("group") {
        if !named.iter().any(|known| known == group) {
            named.push(group.to_owned());
        }
    }
    Ok(java::hash_order(named, String::as_str))
}

/// The groups of consumers, and those that never had members; a broker that does not answer is an error.
pub async fn listed(cluster: &Cluster, filter: &GroupFilter) -> Result<Vec<GroupListing>, client::ClientError> {
    let mut found: Vec<GroupListing> = Vec::new();
    for (_, listed) in admin::list_groups(cluster, filter).await? {
        found.extend(listed?);
    }
    found.retain(|group| matches!(group.protocol_type.as_str(), "" | "consumer"));
    Ok(java::hash_order(found, |group| &group.id))
}
