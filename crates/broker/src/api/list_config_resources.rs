//! ListConfigResources (key 74): what has, or can have, configuration (KIP-1142).
//!
//! Version 0 (then called ListClientMetricsResources) knows client metrics subscriptions only; from version 1 on the caller
//! names the types, none meaning all. Groups and subscriptions are listed if something is set for them, topics and
//! brokers always. Errors: UNSUPPORTED_VERSION (unknown type).

use crate::Broker;
use metadata::MetadataImage;
use metadata::image::ConfigResourceType;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::list_config_resources_request::ListConfigResourcesRequest;
use protocol::messages::list_config_resources_response::{ConfigResource, ListConfigResourcesResponse};
use std::sync::Arc;

/// In Kafka's order.
const ALL: [ConfigResourceType; 5] = [
    ConfigResourceType::Group,
    ConfigResourceType::ClientMetrics,
    ConfigResourceType::BrokerLogger,
    ConfigResourceType::Broker,
    ConfigResourceType::Topic,
];

/// Answers from the image.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: ListConfigResourcesRequest,
) -> ListConfigResourcesResponse {
    let known: &[ConfigResourceType] =
        if context.api_version == 0 { &[ConfigResourceType::ClientMetrics] } else { &ALL };
    let image = broker.image.borrow().image.clone();
    list(&image, &context.connection.listener, known, &request.resource_types)
}

fn list(
    image: &MetadataImage,
    listener: &str,
    known: &[ConfigResourceType],
    asked: &[i8],
) -> ListConfigResourcesResponse {
    if asked.iter().any(|code| !known.iter().any(|kind| kind.code() == *code)) {
        let error_code = ErrorCode::UnsupportedVersion.code();
        return ListConfigResourcesResponse { error_code, ..Default::default() };
    }
    let mut config_resources = Vec::new();
    for kind in known.iter().filter(|kind| asked.is_empty() || asked.contains(&kind.code())) {
        let resource = |resource_name: String| ConfigResource { resource_name, resource_type: kind.code() };
        match kind {
            ConfigResourceType::Group | ConfigResourceType::ClientMetrics => {
                config_resources.extend(image.configs.of_type(*kind).map(|(name, _)| resource(name.to_owned())));
            }
            ConfigResourceType::Broker | ConfigResourceType::BrokerLogger => {
                let reachable = image.brokers.unfenced().filter(|broker| broker.listener(listener).is_some());
                config_resources.extend(reachable.map(|broker| resource(broker.id.to_string())));
            }
            ConfigResourceType::Topic => {
                config_resources.extend(image.topics.iter().map(|topic| resource(topic.name.to_string())));
            }
        }
    }
    ListConfigResourcesResponse { config_resources, ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Uuid;
    use protocol::metadata_records::MetadataRecord;
    use protocol::metadata_records::config_record::ConfigRecord;
    use protocol::metadata_records::register_broker_record::{BrokerEndpoint, RegisterBrokerRecord};
    use protocol::metadata_records::topic_record::TopicRecord;

    fn image() -> MetadataImage {
        let broker = |broker_id: i32, fenced: bool, listener: &str| {
            let name = listener.to_owned();
            let end_points = vec![BrokerEndpoint { name, host: "h".to_owned(), port: 1, security_protocol: 0 }];
            MetadataRecord::RegisterBroker(RegisterBrokerRecord { broker_id, fenced, end_points, ..Default::default() })
        };
        let config = |resource_type: i8, name: &str| {
            MetadataRecord::Config(ConfigRecord {
                resource_type,
                resource_name: name.to_owned(),
                name: "k".to_owned(),
                value: Some("v".to_owned()),
            })
        };
        let mut image = MetadataImage::default();
        let records = [
            broker(1, false, "A"),
            broker(2, true, "A"),
            broker(3, false, "B"),
            MetadataRecord::Topic(TopicRecord { name: "t".to_owned(), topic_id: Uuid::ONE }),
            config(16, "metrics"),
            config(32, "group"),
            config(4, ""),
        ];
        records.iter().for_each(|record| image.apply(record).unwrap());
        image
    }

    fn names(known: &[ConfigResourceType], asked: &[i8]) -> Vec<(i8, String)> {
        let response = list(&image(), "A", known, asked);
        assert_eq!(response.error_code, 0);
        response.config_resources.into_iter().map(|it| (it.resource_type, it.resource_name)).collect()
    }

    #[test]
    fn every_type_or_the_ones_asked_for() {
        let all = [(32, "group"), (16, "metrics"), (8, "1"), (4, "1"), (2, "t")];
        assert_eq!(names(&ALL, &[]), all.map(|(code, name)| (code, name.to_owned())));
        assert_eq!(names(&ALL, &[2, 16]), [(16, "metrics".to_owned()), (2, "t".to_owned())]);
        assert_eq!(names(&[ConfigResourceType::ClientMetrics], &[]), [(16, "metrics".to_owned())]);
        let refused = list(&image(), "A", &ALL, &[2, 5]);
        assert_eq!((refused.error_code, refused.config_resources.len()), (ErrorCode::UnsupportedVersion.code(), 0));
    }
}
