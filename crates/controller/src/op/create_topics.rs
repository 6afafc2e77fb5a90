//! CreateTopics (19): new topics, placed by the controller or by hand.
//! Errors: INVALID_TOPIC_EXCEPTION, TOPIC_ALREADY_EXISTS, INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR,
//! INVALID_REPLICA_ASSIGNMENT, INVALID_CONFIG, INVALID_REQUEST, POLICY_VIOLATION, THROTTLING_QUOTA_EXCEEDED. KIP-464 (defaults), KIP-525 (configs in
//! the answer), KIP-516 (ids). Topics of one request are independent: one may fail while the others are created.

mod assignment;

use super::{MAX_RECORDS_PER_USER_OP, Outcome, check_size};
use crate::api_error::ApiError;
use crate::config_change::{self, Change, TopicDefaults};
use crate::context::OpContext;
use crate::state::ControllerState;
use assignment::new_partitions;
use base::Uuid;
use metadata::image::{ConfigResource, PartitionImage};
use metadata::topic_name;
use protocol::ErrorCode;
use protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use protocol::messages::create_topics_response::{CreatableTopicResult, CreateTopicsResponse};
use protocol::metadata_records::MetadataRecord;
use protocol::metadata_records::topic_record::TopicRecord;
use std::collections::{BTreeMap, BTreeSet};

pub use assignment::{check_manual_assignment, new_partition, place};

/// The name that no topic may have: the metadata log's.
const CLUSTER_METADATA_TOPIC: &str = "__cluster_metadata";

/// Creates topics, or says what creating them would give.
pub fn create_topics(
    state: &ControllerState,
    cx: &mut OpContext<'_>,
    request: &CreateTopicsRequest,
) -> Outcome<CreateTopicsResponse> {
    let duplicates = duplicate_names(request);
    let wanted: Vec<&CreatableTopic> = request
        .topics
        .iter()
        .filter(|topic| !duplicates.contains(topic.name.as_str()) && topic.name != CLUSTER_METADATA_TOPIC)
        .collect();
    if let Err(error) = check_total_partitions(&wanted, cx.settings.default_partitions()) {
        return refuse_all(request, &error);
    }
    let existing = NormalizedNames::of(state, &wanted);
    let defaults = TopicDefaults::new(state, cx.settings);
    let mut records = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in wanted {
        let created = existing
            .check(topic)
            .and_then(|()| create_topic(state, cx, topic, &defaults));
        topics.push(match created {
            Ok((topic_records, result)) => {
                records.extend(topic_records);
                result
            }
            Err(error) => refusal(&topic.name, &error),
        });
    }
    let invalid = |message: &str| ApiError::new(ErrorCode::InvalidRequest, message);
    topics.extend(
        duplicates
            .iter()
            .map(|name| refusal(name, &invalid("Duplicate topic name."))),
    );
    let of_the_log = |topic: &&CreatableTopic| topic.name == CLUSTER_METADATA_TOPIC;
    if request.topics.iter().filter(of_the_log).count() == 1 {
        let message = format!("Creation of internal topic {CLUSTER_METADATA_TOPIC} is prohibited.");
        topics.push(refusal(CLUSTER_METADATA_TOPIC, &invalid(&message)));
    }
    if let Err(error) = check_size(&records) {
        return refuse_all(request, &error);
    }
    let response = CreateTopicsResponse {
        topics,
        ..Default::default()
    };
    if request.validate_only {
        Outcome::unchanged(response)
    } else {
        Outcome::atomic(records, response)
    }
}

fn duplicate_names(request: &CreateTopicsRequest) -> BTreeSet<&str> {
    let mut seen = BTreeSet::new();
    request
        .topics
        .iter()
        .map(|topic| topic.name.as_str())
        .filter(|name| !seen.insert(*name))
        .collect()
}

fn check_total_partitions(topics: &[&CreatableTopic], default: i32) -> Result<(), ApiError> {
    let partitions = |topic: &&CreatableTopic| -> i64 {
        match (topic.assignments.len(), topic.num_partitions) {
            (0, -1) => i64::from(default),
            (0, count) => i64::from(count.max(0)),
            (assigned, _) => i64::try_from(assigned).unwrap_or(i64::MAX),
        }
    };
    let total: i64 = topics.iter().map(partitions).sum();
    if total > MAX_RECORDS_PER_USER_OP as i64 {
        let message = "Excessively large number of partitions per request.";
        return Err(ApiError::new(ErrorCode::PolicyViolation, message));
    }
    Ok(())
}

fn refuse_all(request: &CreateTopicsRequest, error: &ApiError) -> Outcome<CreateTopicsResponse> {
    let topics = request.topics.iter().map(|topic| refusal(&topic.name, error)).collect();
    Outcome::unchanged(CreateTopicsResponse {
        topics,
        ..Default::default()
    })
}

fn refusal(name: &str, error: &ApiError) -> CreatableTopicResult {
    CreatableTopicResult {
        name: name.to_owned(),
        error_code: error.code.code(),
        error_message: error.message.clone(),
        configs: Some(Vec::new()),
        ..Default::default()
    }
}

/// The names in use, with `.` and `_` made one: metric names cannot tell them apart.
struct NormalizedNames<'a> {
    state: &'a ControllerState,
    /// Only filled if the request has a name that could collide.
    by_normalized: BTreeMap<String, &'a str>,
}

impl<'a> NormalizedNames<'a> {
    fn of(state: &'a ControllerState, wanted: &[&CreatableTopic]) -> Self {
        let mut by_normalized = BTreeMap::new();
        if wanted.iter().any(|topic| topic_name::has_collision_chars(&topic.name)) {
            let names = state.image().topics.iter().map(|topic| &*topic.name);
            for name in names.filter(|name| topic_name::has_collision_chars(name)) {
                by_normalized
                    .entry(topic_name::unify_collision_chars(name))
                    .or_insert(name);
            }
        }
        Self { state, by_normalized }
    }

    fn check(&self, topic: &CreatableTopic) -> Result<(), ApiError> {
        let name = topic.name.as_str();
        if self.state.image().topics.id(name).is_some() {
            let message = format!("Topic '{name}' already exists.");
            return Err(ApiError::new(ErrorCode::TopicAlreadyExists, message));
        }
        if topic_name::has_collision_chars(name)
            && let Some(other) = self.by_normalized.get(&topic_name::unify_collision_chars(name))
        {
            let message = format!("Topic '{name}' collides with existing topic: {other}");
            return Err(ApiError::new(ErrorCode::InvalidTopicException, message));
        }
        topic_name::validate(name).map_err(|message| ApiError::new(ErrorCode::InvalidTopicException, message))
    }
}

fn create_topic(
    state: &ControllerState,
    cx: &mut OpContext<'_>,
    topic: &CreatableTopic,
    defaults: &TopicDefaults,
) -> Result<(Vec<MetadataRecord>, CreatableTopicResult), ApiError> {
    let config_records = config_records(state, cx, topic)?;
    let partitions = new_partitions(state, cx, topic)?;
    cx.mutations.charge(partitions.len())?;
    let topic_id = Uuid::random(cx.rng);
    let own = topic
        .configs
        .iter()
        .filter_map(|config| Some((config.name.clone(), config.value.clone()?)))
        .collect();
    let result = CreatableTopicResult {
        name: topic.name.clone(),
        topic_id,
        num_partitions: i32::try_from(partitions.len()).unwrap_or(i32::MAX),
        replication_factor: replication_factor(&partitions),
        configs: Some(defaults.describe(&own)),
        error_message: None,
        ..Default::default()
    };
    let mut records = vec![MetadataRecord::Topic(TopicRecord {
        name: topic.name.clone(),
        topic_id,
    })];
    records.extend(config_records);
    let version = state.metadata_version();
    records.extend(
        (0..)
            .zip(&partitions)
            .map(|(index, it)| MetadataRecord::Partition(it.to_record(topic_id, index, version))),
    );
    Ok((records, result))
}

fn replication_factor(partitions: &[PartitionImage]) -> i16 {
    partitions
        .first()
        .map_or(0, |first| i16::try_from(first.replicas.len()).unwrap_or(i16::MAX))
}

fn config_records(
    state: &ControllerState,
    cx: &OpContext<'_>,
    topic: &CreatableTopic,
) -> Result<Vec<MetadataRecord>, ApiError> {
    let unset = topic.configs.iter().filter(|config| config.value.is_none());
    let unset: Vec<&str> = unset.map(|config| config.name.as_str()).collect();
    if !unset.is_empty() {
        let message = format!("Null value not supported for topic configs: {}", unset.join(","));
        return Err(ApiError::new(ErrorCode::InvalidConfig, message));
    }
    if topic.configs.is_empty() {
        return Ok(Vec::new());
    }
    let change = |config: &protocol::messages::create_topics_request::CreatableTopicConfig| {
        (config.name.clone(), config.value.clone())
    };
    let change = Change {
        altered: topic.configs.iter().map(change).collect(),
        removed: BTreeSet::new(),
    };
    config_change::change_new(state, cx, &ConfigResource::topic(topic.name.as_str()), change)
}
