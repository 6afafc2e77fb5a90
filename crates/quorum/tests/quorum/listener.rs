//! The controller's own listener: what only others than the broker in the same process ask.

use crate::setup::{CLUSTER, STATIC, call, config, register, start, unfence};
use bytes::Bytes;
use protocol::internal::default_principal_data::DefaultPrincipalData;
use protocol::messages::api_versions_request::ApiVersionsRequest;
use protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use protocol::messages::create_topics_response::CreateTopicsResponse;
use protocol::messages::describe_cluster_request::DescribeClusterRequest;
use protocol::messages::envelope_request::EnvelopeRequest;
use protocol::{ApiKey, Message, frame};

fn envelope(request: Bytes) -> EnvelopeRequest {
    let principal = DefaultPrincipalData {
        r#type: "User".to_owned(),
        name: "alice".to_owned(),
        ..Default::default()
    };
    let mut serialised = vec![0, 0];
    serialised.extend_from_slice(&principal.to_bytes(0).unwrap());
    EnvelopeRequest {
        request_data: request,
        request_principal: Some(serialised.into()),
        client_host_address: Bytes::from_static(&[127, 0, 0, 1]),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_an_envelope_is_answered_in_one() {
    let dir = tempfile::tempdir().unwrap();
    let node = start(&config(dir.path(), &[STATIC]));
    let registered = register(&node, 1).await;
    unfence(&node, registered.broker_epoch).await;
    let topic = CreatableTopic {
        name: "t".to_owned(),
        num_partitions: 1,
        replication_factor: 1,
        ..Default::default()
    };
    let create = CreateTopicsRequest {
        topics: vec![topic],
        ..Default::default()
    };
    let framed = frame::encode_request(&create, 7, 42, Some("client"))
        .unwrap()
        .into_bytes();
    let answer = call(&node, 0, &envelope(framed.slice(4..))).await;
    assert_eq!(answer.error_code, 0);
    let answer = answer.response_data.unwrap();
    let (correlation_id, body) = frame::decode_response(&answer, ApiKey::CreateTopics, 7).unwrap();
    let response = CreateTopicsResponse::from_bytes(&body, 7).unwrap();
    assert_eq!((correlation_id, response.topics[0].error_code), (42, 0));

    let not_forwarded = frame::encode_request(&DescribeClusterRequest::default(), 0, 1, None)
        .unwrap()
        .into_bytes();
    assert_eq!(
        call(&node, 0, &envelope(not_forwarded.slice(4..))).await.error_code,
        42,
        "INVALID_REQUEST"
    );
    let nobody = EnvelopeRequest {
        request_principal: None,
        ..envelope(framed.slice(4..))
    };
    assert_eq!(
        call(&node, 0, &nobody).await.error_code,
        97,
        "PRINCIPAL_DESERIALIZATION_FAILURE"
    );
    assert_eq!(
        call(&node, 0, &envelope(Bytes::from_static(b"x"))).await.error_code,
        42,
        "INVALID_REQUEST"
    );
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_controller_says_what_it_serves_and_who_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let node = start(&config(dir.path(), &[STATIC]));
    let client = ApiVersionsRequest {
        client_software_name: "test".to_owned(),
        client_software_version: "1".to_owned(),
        ..Default::default()
    };
    let versions = call(&node, 4, &client).await;
    assert_eq!(versions.error_code, 0);
    let fetch = versions.api_keys.iter().find(|api| api.api_key == 1).unwrap();
    assert_eq!((fetch.min_version, fetch.max_version), (4, 18));
    assert!(
        versions
            .supported_features
            .iter()
            .any(|feature| feature.name == "kraft.version")
    );
    assert_eq!(versions.finalized_features_epoch, node.published.borrow().end.0 - 1);

    let described = call(
        &node,
        1,
        &DescribeClusterRequest {
            endpoint_type: 2,
            ..Default::default()
        },
    )
    .await;
    assert_eq!(
        (
            described.error_code,
            described.controller_id,
            described.cluster_id.as_str()
        ),
        (0, 1, CLUSTER)
    );
    let brokers = DescribeClusterRequest {
        endpoint_type: 1,
        ..Default::default()
    };
    assert_eq!(
        call(&node, 1, &brokers).await.error_code,
        114,
        "MISMATCHED_ENDPOINT_TYPE"
    );
    let neither = DescribeClusterRequest {
        endpoint_type: 3,
        ..Default::default()
    };
    assert_eq!(
        call(&node, 1, &neither).await.error_code,
        115,
        "UNSUPPORTED_ENDPOINT_TYPE"
    );
    node.stop().await.unwrap();
}
