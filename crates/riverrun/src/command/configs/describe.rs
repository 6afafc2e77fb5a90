//! `--describe`.

use super::entity::{Entities, EntityType};
use crate::command::java;
use crate::command::options::Options;
use client::admin::{self, ConfigEntry, ConfigSource, GroupFilter, Quota, QuotaMatch, Resource, ResourceType};
use client::{Cluster, Topics};

/// Shows settings or quotas.
pub async fn describe(cluster: &Cluster, options: &Options, entities: &Entities) -> anyhow::Result<()> {
    let entity = entities.types[0];
    match entity.resource() {
        Some(kind) => {
            let scope = if options.has("all") { Scope::All } else { Scope::Dynamic };
            describe_settings(cluster, entity, kind, entities.names.first(), scope).await
        }
        None => describe_quotas(cluster, entities).await,
    }
}

/// Which settings are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    All,
    Dynamic,
}

async fn describe_settings(
    cluster: &Cluster,
    entity: EntityType,
    kind: ResourceType,
    name: Option<&String>,
    scope: Scope,
) -> anyhow::Result<()> {
    let names = match name {
        Some(name) if name.is_empty() => vec![String::new()],
        Some(name) => {
            if !existing(cluster, kind).await?.contains(name) {
                println!(
                    "The {} '{name}' doesn't exist and doesn't have dynamic config.",
                    entity.singular()
                );
                return Ok(());
            }
            vec![name.clone()]
        }
        None => {
            let mut names = existing(cluster, kind).await?;
            // The defaults of all brokers come after the brokers.
            if kind == ResourceType::Broker && !names.contains(&String::new()) {
                names.push(String::new());
            }
            names
        }
    };
    for name in names {
        match (name.as_str(), scope) {
            ("", _) => println!("Default configs for {entity} in the cluster are:"),
            (name, Scope::All) => println!("All configs for {} {name} are:", entity.singular()),
            (name, Scope::Dynamic) => println!("Dynamic configs for {} {name} are:", entity.singular()),
        }
        let resource = Resource {
            kind,
            name: name.clone(),
        };
        for (_, entries) in admin::describe_configs(cluster, &[resource]).await? {
            let mut entries = entries?;
            entries.sort_by(|left, right| left.name.cmp(&right.name));
            let wanted = entries
                .iter()
                .filter(|entry| scope == Scope::All || is_dynamic(entry, kind, &name));
            wanted.for_each(|entry| println!("{}", line(entry)));
        }
    }
    Ok(())
}

/// Whether a setting was made on the thing itself; a logger's always was.
fn is_dynamic(entry: &ConfigEntry, kind: ResourceType, name: &str) -> bool {
    match kind {
        ResourceType::Topic => entry.source == ConfigSource::TOPIC,
        ResourceType::Broker if name.is_empty() => entry.source == ConfigSource::DEFAULT_BROKER,
        ResourceType::Broker => entry.source == ConfigSource::BROKER,
        ResourceType::BrokerLogger => true,
        ResourceType::ClientMetrics => entry.source == ConfigSource::CLIENT_METRICS,
        ResourceType::Group => entry.source == ConfigSource::GROUP,
    }
}

/// What there is of a kind: what exists, and what has settings without existing.
async fn existing(cluster: &Cluster, kind: ResourceType) -> anyhow::Result<Vec<String>> {
    let mut names: Vec<String> = match kind {
        ResourceType::Topic => admin::list_topics(cluster)
            .await?
            .iter()
            .map(|topic| topic.name.clone())
            .collect(),
        ResourceType::Broker | ResourceType::BrokerLogger => {
            cluster.metadata(Topics::Named(&[])).await?;
            cluster.nodes().iter().map(|node| node.id.to_string()).collect()
        }
        ResourceType::ClientMetrics => admin::list_config_resources(cluster, kind).await?,
        ResourceType::Group => {
            let mut names = admin::list_config_resources(cluster, kind).await?;
            for (_, groups) in admin::list_groups(cluster, &GroupFilter::default()).await? {
                names.extend(groups?.into_iter().map(|group| group.id));
            }
            names
        }
    };
    names.sort();
    names.dedup();
    Ok(names)
}

fn line(entry: &ConfigEntry) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| String::from("null"));
    let synonyms = entry.synonyms.iter();
    let synonyms = synonyms.map(|synonym| format!("{}:{}={}", synonym.source, synonym.name, shown(&synonym.value)));
    format!(
        "  {}={} sensitive={} synonyms={{{}}}",
        entry.name,
        shown(&entry.value),
        entry.is_sensitive,
        synonyms.collect::<Vec<_>>().join(", ")
    )
}

async fn describe_quotas(cluster: &Cluster, entities: &Entities) -> anyhow::Result<()> {
    for quota in find_quotas(cluster, entities).await? {
        println!("{}", quota_line(&quota));
    }
    // Credentials belong to users alone, and there are none by default.
    if entities.types == [EntityType::Users] && !entities.has_default() {
        for (user, credentials) in admin::describe_scram(cluster, &entities.names).await? {
            match credentials {
                Ok(credentials) => {
                    let shown: Vec<String> = credentials
                        .iter()
                        .map(|credential| format!("{}=iterations={}", credential.mechanism, credential.iterations))
                        .collect();
                    println!(
                        "SCRAM credential configs for user-principal '{user}' are {}",
                        shown.join(", ")
                    );
                }
                Err(error) => {
                    println!("Error retrieving SCRAM credential configs for user-principal '{user}': {error}")
                }
            }
        }
    }
    Ok(())
}

/// The quotas of exactly the entities that are meant.
pub async fn find_quotas(cluster: &Cluster, entities: &Entities) -> anyhow::Result<Vec<Quota>> {
    let mut parts = Vec::new();
    for (at, entity) in entities.types.iter().enumerate() {
        let part = entity
            .quota_part()
            .ok_or_else(|| anyhow::anyhow!("Unexpected entity type {entity}"))?;
        let wanted = match entities.names.get(at) {
            Some(name) if name.is_empty() => QuotaMatch::Default,
            Some(name) => QuotaMatch::Named(name.clone()),
            None => QuotaMatch::Any,
        };
        parts.push((part.to_owned(), wanted));
    }
    if entities.names.len() > entities.types.len() {
        anyhow::bail!("More entity names specified than entity types");
    }
    Ok(admin::describe_quotas(cluster, &parts).await?)
}

fn quota_line(quota: &Quota) -> String {
    let kinds = [("user", "user-principal"), ("client-id", "client-id"), ("ip", "ip")];
    let parts = kinds.iter().filter_map(|(part, shown)| {
        let (_, name) = quota.entity.iter().find(|(kind, _)| kind == part)?;
        Some(match name {
            Some(name) => format!("{shown} '{name}'"),
            None => format!("the default {shown}"),
        })
    });
    let limits = quota
        .limits
        .iter()
        .map(|(key, limit)| format!("{key}={}", java::double(*limit)));
    format!(
        "Quota configs for {} are {}",
        parts.collect::<Vec<_>>().join(", "),
        limits.collect::<Vec<_>>().join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::admin::ConfigSynonym;

    #[test]
    fn settings_and_quotas_are_shown_as_kafka_shows_them() {
        let synonym = |name: &str, value: &str, source| ConfigSynonym {
            name: name.to_owned(),
            value: Some(value.to_owned()),
            source,
        };
        let entry = ConfigEntry {
            name: String::from("cleanup.policy"),
            value: Some(String::from("compact")),
            source: ConfigSource::TOPIC,
            is_sensitive: false,
            is_read_only: false,
            synonyms: vec![
                synonym("cleanup.policy", "compact", ConfigSource::TOPIC),
                synonym("log.cleanup.policy", "delete", ConfigSource::DEFAULT),
            ],
        };
        assert_eq!(
            line(&entry),
            "  cleanup.policy=compact sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact, \
             DEFAULT_CONFIG:log.cleanup.policy=delete}"
        );
        let quota = Quota {
            entity: vec![
                (String::from("client-id"), Some(String::from("c"))),
                (String::from("user"), None),
            ],
            limits: vec![(String::from("producer_byte_rate"), 1e7)],
        };
        assert_eq!(
            quota_line(&quota),
            "Quota configs for the default user-principal, client-id 'c' are producer_byte_rate=1.0E7"
        );
    }
}
