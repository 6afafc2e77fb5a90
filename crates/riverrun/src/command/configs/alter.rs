//! `--alter`.

use super::added::{added, deleted};
use super::describe::find_quotas;
use super::entity::{Entities, EntityType};
use crate::command::options::Options;
use anyhow::bail;
use client::Cluster;
use client::admin::{self, ConfigChange, QuotaChange, Resource};

/// The quotas of clients and users.
const CLIENT_QUOTAS: [&str; 4] = [
    "producer_byte_rate",
    "consumer_byte_rate",
    "request_percentage",
    "controller_mutation_rate",
];

/// The quotas of addresses.
const IP_QUOTAS: [&str; 1] = ["connection_creation_rate"];

/// The credentials of users.
const SCRAM: [&str; 2] = ["SCRAM-SHA-256", "SCRAM-SHA-512"];

/// Changes settings or quotas.
pub async fn alter(cluster: &Cluster, options: &Options, entities: &Entities) -> anyhow::Result<()> {
    let (entity, name) = (entities.types[0], &entities.names[0]);
    let (added, deleted) = (added(options)?, deleted(options));
    match entity.resource() {
        Some(kind) => {
            let set = added.into_iter().map(|(name, value)| ConfigChange::Set { name, value });
            let delete = deleted.into_iter().map(|name| ConfigChange::Delete { name });
            let changes: Vec<_> = set.chain(delete).collect();
            admin::alter_configs(
                cluster,
                &Resource {
                    kind,
                    name: name.clone(),
                },
                &changes,
            )
            .await?;
        }
        None => alter_quotas(cluster, entities, &added, &deleted).await?,
    }
    if name.is_empty() {
        println!("Completed updating default config for {entity} in the cluster.");
    } else {
        println!("Completed updating config for {} {name}.", entity.singular());
    }
    Ok(())
}

async fn alter_quotas(
    cluster: &Cluster,
    entities: &Entities,
    added: &[(String, String)],
    deleted: &[String],
) -> anyhow::Result<()> {
    check_keys(entities, added, deleted)?;
    let there = find_quotas(cluster, entities).await?;
    let known = |key: &String| {
        there
            .iter()
            .any(|quota| quota.limits.iter().any(|(limit, _)| limit == key))
    };
    let unknown: Vec<&str> = deleted.iter().filter(|key| !known(key)).map(String::as_str).collect();
    if !unknown.is_empty() {
        bail!("Invalid config(s): {}", unknown.join(","));
    }
    let mut changes: Vec<QuotaChange> = Vec::new();
    for (key, value) in added {
        let Ok(limit) = value.trim().parse() else {
            bail!("Cannot parse quota configuration value for {key}: {value}");
        };
        changes.push((key.clone(), Some(limit)));
    }
    changes.extend(deleted.iter().map(|key| (key.clone(), None)));
    let parts = entities.types.iter().zip(&entities.names).filter_map(|(entity, name)| {
        Some((
            entity.quota_part()?.to_owned(),
            (!name.is_empty()).then(|| name.clone()),
        ))
    });
    admin::alter_quotas(cluster, &parts.collect(), &changes).await?;
    Ok(())
}

fn check_keys(entities: &Entities, added: &[(String, String)], deleted: &[String]) -> anyhow::Result<()> {
    let added: Vec<&str> = added.iter().map(|(key, _)| key.as_str()).collect();
    let deleted: Vec<&str> = deleted.iter().map(String::as_str).collect();
    let other = |keys: &[&str], known: &[&str]| -> Vec<String> {
        keys.iter()
            .filter(|key| !known.contains(key))
            .map(|key| (*key).to_owned())
            .collect()
    };
    if entities.types == [EntityType::Ips] {
        let unknown = [other(&added, &IP_QUOTAS), other(&deleted, &IP_QUOTAS)].concat();
        if !unknown.is_empty() {
            bail!(
                "Only connection quota configs can be added for 'ips' using --bootstrap-server. Unexpected config \
                 names: {}",
                unknown.join(",")
            );
        }
        return Ok(());
    }
    let only_user = entities.types == [EntityType::Users];
    if only_user && added.iter().chain(&deleted).any(|key| SCRAM.contains(key)) {
        bail!("changing SCRAM credentials is not built into this tool yet: use Apache Kafka's kafka-configs.sh for it");
    }
    let (what, whom) = if only_user {
        ("quota and SCRAM credential", "users")
    } else {
        ("quota", "clients")
    };
    for (keys, done) in [(&added, "added"), (&deleted, "deleted")] {
        let unknown = other(keys, &CLIENT_QUOTAS);
        if !unknown.is_empty() {
            bail!(
                "Only {what} configs can be {done} for '{whom}' using --bootstrap-server. Unexpected config names: {}",
                unknown.join(", ")
            );
        }
    }
    Ok(())
}
