//! A controller's own configs: described, and changed while it runs (KIP-919, KAFKA-18928).

use crate::setup::{call, config, start};
use config::BrokerConfig;
use protocol::ErrorCode;
use protocol::messages::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use protocol::messages::describe_configs_response::DescribeConfigsResult;
use protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use quorum::QuorumNode;
use std::path::Path;
use std::sync::Arc;

const BROKER: i8 = 4;

/// A node that is a controller and no broker.
fn controller(dir: &Path) -> Arc<BrokerConfig> {
    let settings = [
        "process.roles=controller",
        "listeners=CONTROLLER://127.0.0.1:29093",
        "controller.quorum.voters=1@127.0.0.1:29093",
        "max.connections=900",
    ];
    config(dir, &settings)
}

async fn set(node: &QuorumNode, name: &str, configs: &[(&str, &str)]) {
    let configs = configs.iter().map(|(key, value)| AlterableConfig {
        name: (*key).to_owned(),
        config_operation: 0,
        value: Some((*value).to_owned()),
    });
    let resource = AlterConfigsResource {
        resource_type: BROKER,
        resource_name: name.to_owned(),
        configs: configs.collect(),
    };
    let request = IncrementalAlterConfigsRequest {
        resources: vec![resource],
        validate_only: false,
    };
    let answer = call(node, 1, &request).await.responses.remove(0);
    assert_eq!(answer.error_code, 0, "{:?}", answer.error_message);
}

async fn described(node: &QuorumNode, name: &str) -> DescribeConfigsResult {
    let resource = DescribeConfigsResource {
        resource_type: BROKER,
        resource_name: name.to_owned(),
        configuration_keys: None,
    };
    let request = DescribeConfigsRequest {
        resources: vec![resource],
        include_synonyms: true,
        ..Default::default()
    };
    call(node, 4, &request).await.results.remove(0)
}

/// Value and source of a key, and the sources of all values that it has.
fn shown(result: &DescribeConfigsResult, key: &str) -> Option<(String, i8, Vec<i8>)> {
    let entry = result.configs.iter().find(|entry| entry.name == key)?;
    let sources = entry.synonyms.iter().map(|synonym| synonym.source).collect();
    Some((entry.value.clone().unwrap_or_default(), entry.config_source, sources))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_goes_by_what_is_set_for_it_and_for_all() {
    let dir = tempfile::tempdir().unwrap();
    let node = start(&controller(dir.path()));
    let before = described(&node, "1").await;
    assert_eq!(before.error_code, 0);
    assert_eq!(
        shown(&before, "max.connections"),
        Some(("900".to_owned(), 4, vec![4, 5]))
    );
    assert_eq!(
        shown(&before, "process.roles"),
        Some(("controller".to_owned(), 4, vec![4]))
    );
    let other = described(&node, "2").await;
    assert_eq!(ErrorCode::from(other.error_code), ErrorCode::InvalidRequest);

    set(
        &node,
        "",
        &[("max.connections", "50"), ("max.connections.per.ip", "40")],
    )
    .await;
    set(&node, "1", &[("max.connections", "60")]).await;
    let after = described(&node, "1").await;
    assert_eq!(
        shown(&after, "max.connections"),
        Some(("60".to_owned(), 2, vec![2, 3, 4, 5]))
    );
    assert_eq!(
        shown(&after, "max.connections.per.ip"),
        Some(("40".to_owned(), 3, vec![3, 5]))
    );
    let defaults = described(&node, "").await;
    let names: Vec<&str> = defaults.configs.iter().map(|entry| entry.name.as_str()).collect();
    // The last one since eligible leader replicas are kept (KIP-966).
    assert_eq!(
        names,
        ["max.connections", "max.connections.per.ip", "min.insync.replicas"]
    );
    let in_force = node.settings.borrow().clone();
    let limits = (
        in_force.sockets.max_connections,
        in_force.sockets.max_connections_per_ip,
    );
    assert_eq!(limits, (60, 40));

    node.stop().await.unwrap();
    let node = start(&controller(dir.path()));
    assert_eq!(node.settings.borrow().sockets.max_connections, 60, "the log says so");
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_used_is_not_in_force() {
    let dir = tempfile::tempdir().unwrap();
    let node = start(&controller(dir.path()));
    let rubbish = [
        ("max.connections", "many"),
        ("node.id", "7"),
        ("max.connections.per.ip", "40"),
    ];
    set(&node, "1", &rubbish).await;
    let after = described(&node, "1").await;
    assert_eq!(
        shown(&after, "max.connections"),
        Some(("900".to_owned(), 4, vec![4, 5]))
    );
    assert_eq!(
        shown(&after, "node.id").map(|(id, source, _)| (id, source)),
        Some(("1".to_owned(), 4))
    );
    assert_eq!(
        shown(&after, "max.connections.per.ip"),
        Some(("40".to_owned(), 2, vec![2, 5]))
    );
    node.stop().await.unwrap();
}
