//! What DescribeConfigs says of an image and of one node's settings: the same at a broker and at a controller (KIP-919).
//!
//! Synonyms and documentation if asked for. A node shows its own configuration and what is set for all nodes (empty name),
//! no other node's. Errors, per resource: UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION, INVALID_REQUEST,
//! INVALID_CONFIG. Log levels (BROKER_LOGGER) are refused: this program has none that can be read or set at run time.

use crate::image::{ConfigResource, ConfigResourceType};
use crate::{MetadataImage, topic_name};
use base::NodeId;
use config::describe::{self, Entry};
use config::settings::Originals;
use config::{BrokerConfig, ConfigError};
use protocol::ErrorCode;
use protocol::messages::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};

/// The answer of the node with these settings.
pub fn describe_configs(
    image: &MetadataImage,
    config: &BrokerConfig,
    request: &DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let unknown = |resource: &&DescribeConfigsResource| ConfigResourceType::from_code(resource.resource_type).is_none();
    // As in Kafka, one resource of an unknown type spoils the whole request.
    let spoilt = request.resources.iter().find(unknown).map(|resource| {
        format!(
            "Unexpected resource type UNKNOWN for resource {}",
            resource.resource_name
        )
    });
    let result = |resource: &DescribeConfigsResource| {
        let entries = match &spoilt {
            Some(message) => Err(invalid_request(message.clone())),
            None => entries(image, config, resource),
        };
        let (entries, error_code, error_message) = match entries {
            // Kafka's message is empty here, not null.
            Ok(entries) => (entries, ErrorCode::None, Some(String::new())),
            Err((code, message)) => (Vec::new(), code, message),
        };
        let asked_for = |entry: &Entry| match resource.configuration_keys.as_deref() {
            None | Some([]) => true,
            Some(keys) => keys.contains(&entry.name),
        };
        DescribeConfigsResult {
            error_code: error_code.code(),
            error_message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
            configs: entries
                .into_iter()
                .filter(asked_for)
                .map(|entry| show(entry, request))
                .collect(),
        }
    };
    DescribeConfigsResponse {
        results: request.resources.iter().map(result).collect(),
        ..Default::default()
    }
}

type Refusal = (ErrorCode, Option<String>);

fn invalid_request(message: impl Into<String>) -> Refusal {
    (ErrorCode::InvalidRequest, Some(message.into()))
}

fn entries(
    image: &MetadataImage,
    config: &BrokerConfig,
    resource: &DescribeConfigsResource,
) -> Result<Vec<Entry>, Refusal> {
    let name = &resource.resource_name;
    let Some(resource_type) = ConfigResourceType::from_code(resource.resource_type) else {
        return Err(invalid_request(format!(
            "Unexpected resource type UNKNOWN for resource {name}"
        )));
    };
    let set = || -> Originals {
        let resource = ConfigResource {
            resource_type,
            name: name.clone(),
        };
        image
            .configs
            .get(&resource)
            .map(|values| values.as_ref().clone())
            .unwrap_or_default()
    };
    // What was set is valid; should a value be there that is not, the caller is told which.
    let unusable = |error: ConfigError| (ErrorCode::InvalidConfig, Some(error.to_string()));
    match resource_type {
        ConfigResourceType::Topic => {
            let illegal = |message: String| (ErrorCode::InvalidTopicException, Some(message));
            topic_name::validate(name).map_err(illegal)?;
            if image.topics.id(name).is_none() {
                return Err((ErrorCode::UnknownTopicOrPartition, Some(String::new())));
            }
            describe::topic(config, &set()).map_err(unusable)
        }
        ConfigResourceType::Broker if name.is_empty() => Ok(describe::broker_defaults(config)),
        ConfigResourceType::Broker => {
            check_own(name, config.node_id, " or empty string,").map(|()| describe::broker(config))
        }
        ConfigResourceType::BrokerLogger if name.is_empty() => Err(invalid_request("Broker id must not be empty")),
        ConfigResourceType::BrokerLogger => {
            check_own(name, config.node_id, "")?;
            Err(invalid_request(
                "Log levels cannot be described: none can be changed at run time",
            ))
        }
        ConfigResourceType::ClientMetrics if name.is_empty() => {
            Err(invalid_request("Client metrics subscription name must not be empty"))
        }
        ConfigResourceType::ClientMetrics => describe::client_metrics(&set()).map_err(unusable),
        ConfigResourceType::Group if name.is_empty() => Err(invalid_request("Group name must not be empty")),
        ConfigResourceType::Group => describe::group(config, &set()).map_err(unusable),
    }
}

/// Refuses the name of another broker.
fn check_own(name: &str, own: NodeId, alternative: &str) -> Result<(), Refusal> {
    match name.parse::<i32>() {
        Ok(id) if id == own.0 => Ok(()),
        Ok(_) => Err(invalid_request(format!(
            "Unexpected broker id, expected {own}{alternative} but received {name}"
        ))),
        Err(_) => Err(invalid_request(format!(
            "Broker id must be an integer, but it is: {name}"
        ))),
    }
}

fn show(entry: Entry, request: &DescribeConfigsRequest) -> DescribeConfigsResourceResult {
    let synonym = |synonym: describe::Synonym| DescribeConfigsSynonym {
        name: synonym.name,
        value: synonym.value,
        source: synonym.source.id(),
    };
    let synonyms = if request.include_synonyms {
        entry.synonyms
    } else {
        Vec::new()
    };
    DescribeConfigsResourceResult {
        name: entry.name,
        value: entry.value,
        read_only: entry.read_only,
        config_source: entry.source.id(),
        is_sensitive: entry.sensitive,
        synonyms: synonyms.into_iter().map(synonym).collect(),
        config_type: entry.kind.map_or(0, config::Type::id),
        documentation: entry
            .documentation
            .filter(|_| request.include_documentation)
            .map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Uuid;
    use config::Layered;
    use protocol::metadata_records::MetadataRecord;
    use protocol::metadata_records::config_record::ConfigRecord;
    use protocol::metadata_records::topic_record::TopicRecord;

    fn config() -> BrokerConfig {
        let mut layered = Layered::new();
        for assignment in [
            "process.roles=broker,controller",
            "node.id=3",
            "listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093",
            "controller.listener.names=CONTROLLER",
            "controller.quorum.voters=3@127.0.0.1:9093",
            "log.dirs=/nowhere",
            "log.retention.ms=5000",
        ] {
            layered.add_assignment(assignment).unwrap();
        }
        BrokerConfig::from_layers(&layered).unwrap()
    }

    fn describe_one(resource_type: i8, name: &str, keys: &[&str], detailed: bool) -> DescribeConfigsResult {
        let mut image = MetadataImage::default();
        let topic = TopicRecord {
            name: "t".to_owned(),
            topic_id: Uuid::ONE,
        };
        let set = ConfigRecord {
            resource_type: 2,
            resource_name: "t".to_owned(),
            name: "segment.ms".to_owned(),
            value: Some("7".to_owned()),
        };
        for record in [MetadataRecord::Topic(topic), MetadataRecord::Config(set)] {
            image.apply(&record).unwrap();
        }
        let resource = DescribeConfigsResource {
            resource_type,
            resource_name: name.to_owned(),
            configuration_keys: Some(keys.iter().map(|key| (*key).to_owned()).collect()),
        };
        let request = DescribeConfigsRequest {
            resources: vec![resource],
            include_synonyms: detailed,
            include_documentation: detailed,
        };
        describe_configs(&image, &config(), &request).results.remove(0)
    }

    #[test]
    fn values_tell_where_they_come_from() {
        let result = describe_one(2, "t", &["segment.ms", "retention.ms"], true);
        let shown: Vec<_> = result
            .configs
            .iter()
            .map(|it| {
                let synonyms: Vec<(&str, i8)> = it.synonyms.iter().map(|it| (it.name.as_str(), it.source)).collect();
                (it.name.as_str(), it.value.as_deref(), it.config_source, synonyms)
            })
            .collect();
        let retention = vec![("log.retention.ms", 4), ("log.retention.hours", 5)];
        let segment = vec![("segment.ms", 1)];
        assert_eq!(
            shown,
            [
                ("retention.ms", Some("5000"), 4, retention),
                ("segment.ms", Some("7"), 1, segment)
            ]
        );
        assert!(
            result
                .configs
                .iter()
                .all(|it| it.config_type == 5 && it.documentation.is_some())
        );
        let plain = describe_one(2, "t", &["segment.ms"], false);
        assert!(plain.configs[0].synonyms.is_empty() && plain.configs[0].documentation.is_none());
        assert!(
            describe_one(2, "t", &[], false).configs.len() > 25,
            "no keys named means all of them"
        );
        assert_eq!(
            describe_one(4, "3", &["node.id"], false).configs[0].value.as_deref(),
            Some("3")
        );
    }

    #[test]
    fn what_is_refused_and_how() {
        let invalid = |message| (ErrorCode::InvalidRequest, Some(message));
        let cases = [
            ((2, "u"), (ErrorCode::UnknownTopicOrPartition, Some(""))),
            (
                (2, ".."),
                (
                    ErrorCode::InvalidTopicException,
                    Some("Topic name is invalid: '..' is not allowed"),
                ),
            ),
            (
                (4, "4"),
                invalid("Unexpected broker id, expected 3 or empty string, but received 4"),
            ),
            ((4, "x"), invalid("Broker id must be an integer, but it is: x")),
            ((8, ""), invalid("Broker id must not be empty")),
            ((8, "4"), invalid("Unexpected broker id, expected 3 but received 4")),
            ((16, ""), invalid("Client metrics subscription name must not be empty")),
            ((32, ""), invalid("Group name must not be empty")),
            ((99, "x"), invalid("Unexpected resource type UNKNOWN for resource x")),
        ];
        for ((kind, name), (code, message)) in cases {
            let result = describe_one(kind, name, &[], false);
            let answer = (ErrorCode::from(result.error_code), result.error_message.as_deref());
            assert_eq!(answer, (code, message), "{kind} {name}");
            assert_eq!(result.configs, []);
        }
    }
}
