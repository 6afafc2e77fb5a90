//! DeleteTopics (20): by name or, from version 6 on, by id (KIP-516).
//! Errors: INVALID_REQUEST, UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, TOPIC_DELETION_DISABLED, POLICY_VIOLATION,
//! THROTTLING_QUOTA_EXCEEDED.

use super::{Outcome, check_size};
use crate::api_error::ApiError;
use crate::context::OpContext;
use crate::state::ControllerState;
use base::Uuid;
use protocol::ErrorCode;
use protocol::messages::delete_topics_request::DeleteTopicsRequest;
use protocol::messages::delete_topics_response::{DeletableTopicResult, DeleteTopicsResponse};
use protocol::metadata_records::MetadataRecord;
use protocol::metadata_records::remove_topic_record::RemoveTopicRecord;
use std::collections::{BTreeMap, BTreeSet};

/// How a request says that topics are not deleted here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisabledAnswer {
    /// TOPIC_DELETION_DISABLED (version 3 on).
    TopicDeletionDisabled,
    /// INVALID_REQUEST (older clients do not know the code above).
    InvalidRequest,
}

/// Deletes topics.
pub fn delete_topics(
    state: &ControllerState,
    cx: &mut OpContext<'_>,
    request: &DeleteTopicsRequest,
    disabled: DisabledAnswer,
) -> Outcome<DeleteTopicsResponse> {
    if !cx.settings.deletes_topics() {
        let code = match disabled {
            DisabledAnswer::TopicDeletionDisabled => ErrorCode::TopicDeletionDisabled,
            DisabledAnswer::InvalidRequest => ErrorCode::InvalidRequest,
        };
        return refuse_all(request, code);
    }
    let mut asked = Asked::default();
    let mut responses = Vec::new();
    asked.read(request, &mut responses);
    let to_delete = resolve(state, &asked, &mut responses);
    let mut records = Vec::with_capacity(to_delete.len());
    for (id, name) in to_delete {
        let partitions = state
            .image()
            .topics
            .get_by_id(id)
            .map_or(0, |topic| topic.partitions.len());
        let charged = cx.mutations.charge(partitions);
        if charged.is_ok() {
            records.push(MetadataRecord::RemoveTopic(RemoveTopicRecord { topic_id: id }));
        }
        responses.push(result(name, id, charged));
    }
    if let Err(error) = check_size(&records) {
        return refuse_all(request, error.code);
    }
    Outcome::atomic(
        records,
        DeleteTopicsResponse {
            responses,
            ..Default::default()
        },
    )
}

fn refuse_all(request: &DeleteTopicsRequest, code: ErrorCode) -> Outcome<DeleteTopicsResponse> {
    let named = request.topic_names.iter().map(|name| (Some(name.clone()), Uuid::ZERO));
    let topics = named.chain(request.topics.iter().map(|topic| (topic.name.clone(), topic.topic_id)));
    let responses = topics
        .map(|(name, id)| result(name, id, Err(ApiError::silent(code))))
        .collect();
    Outcome::unchanged(DeleteTopicsResponse {
        responses,
        ..Default::default()
    })
}

fn result(name: Option<String>, topic_id: Uuid, result: Result<(), ApiError>) -> DeletableTopicResult {
    let (error_code, error_message) = ApiError::parts(&result);
    DeletableTopicResult {
        name,
        topic_id,
        error_code,
        error_message,
    }
}

/// The names and ids that a request names once; what it names twice is refused.
#[derive(Default)]
struct Asked {
    names: BTreeSet<String>,
    duplicate_names: BTreeSet<String>,
    ids: BTreeSet<Uuid>,
    duplicate_ids: BTreeSet<Uuid>,
}

impl Asked {
    fn read(&mut self, request: &DeleteTopicsRequest, responses: &mut Vec<DeletableTopicResult>) {
        let invalid = |message| Err(ApiError::new(ErrorCode::InvalidRequest, message));
        request.topic_names.iter().for_each(|name| self.add_name(name));
        for topic in &request.topics {
            match &topic.name {
                None if topic.topic_id == Uuid::ZERO => {
                    responses.push(result(
                        None,
                        Uuid::ZERO,
                        invalid("Neither topic name nor id were specified."),
                    ));
                }
                None => self.add_id(topic.topic_id),
                Some(name) if topic.topic_id == Uuid::ZERO => self.add_name(name),
                Some(name) => {
                    let refusal = invalid("You may not specify both topic name and topic id.");
                    responses.push(result(Some(name.clone()), topic.topic_id, refusal));
                }
            }
        }
        for name in &self.duplicate_names {
            responses.push(result(Some(name.clone()), Uuid::ZERO, invalid("Duplicate topic name.")));
        }
        for id in &self.duplicate_ids {
            responses.push(result(None, *id, invalid("Duplicate topic id.")));
        }
    }

    fn add_name(&mut self, name: &str) {
        if self.duplicate_names.contains(name) || !self.names.insert(name.to_owned()) {
            self.duplicate_names.insert(name.to_owned());
            self.names.remove(name);
        }
    }

    fn add_id(&mut self, id: Uuid) {
        if self.duplicate_ids.contains(&id) || !self.ids.insert(id) {
            self.duplicate_ids.insert(id);
            self.ids.remove(&id);
        }
    }
}

/// The topics to delete, with the name that the answer shows; what cannot be deleted is answered at once.
fn resolve(
    state: &ControllerState,
    asked: &Asked,
    responses: &mut Vec<DeletableTopicResult>,
) -> BTreeMap<Uuid, Option<String>> {
    let topics = &state.image().topics;
    let mut to_delete = BTreeMap::new();
    for id in &asked.ids {
        match topics.get_by_id(*id) {
            Some(topic) => {
                to_delete.insert(*id, Some(topic.name.to_string()));
            }
            None => {
                let refusal = Err(ApiError::with_default_message(ErrorCode::UnknownTopicId));
                responses.push(result(None, *id, refusal));
            }
        }
    }
    for name in &asked.names {
        let Some(id) = topics.id(name) else {
            let refusal = Err(ApiError::with_default_message(ErrorCode::UnknownTopicOrPartition));
            responses.push(result(Some(name.clone()), Uuid::ZERO, refusal));
            continue;
        };
        if asked.duplicate_ids.contains(&id) || to_delete.insert(id, Some(name.clone())).is_some() {
            to_delete.remove(&id);
            let message = "The provided topic name maps to an ID that was already supplied.";
            let refusal = Err(ApiError::new(ErrorCode::InvalidRequest, message));
            responses.push(result(Some(name.clone()), id, refusal));
        }
    }
    to_delete
}
