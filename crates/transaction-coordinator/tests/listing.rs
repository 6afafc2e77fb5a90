//! ListTransactions and its filters.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod host;

use base::TopicPartition;
use host::{Host, producer};
use protocol::ErrorCode;
use protocol::messages::list_transactions_request::ListTransactionsRequest;
use std::time::Duration;
use transaction_coordinator::op::add_partitions::AddPartitions;
use transaction_coordinator::op::init_producer_id::InitProducerId;
use transaction_coordinator::op::list_transactions::list_transactions;
use transaction_coordinator::{ListFilter, TransactionSettings, TransactionVersion};

/// `idle` with producer 1001, and `busy-1` (1002) and `busy-2` (1003) whose transactions began one and two seconds ago.
fn three() -> Host {
    let mut host = Host::new(TransactionSettings::default());
    for (id, epoch) in [("idle", None), ("busy-2", Some(0)), ("busy-1", Some(0))] {
        let fresh = host.fresh();
        let init = InitProducerId {
            id: id.into(),
            timeout_ms: 60_000,
            expected: None,
        };
        host.init(&init, Some(fresh));
        if let Some(epoch) = epoch {
            host.add(&AddPartitions {
                id: id.into(),
                producer: producer(fresh.0, epoch),
                partitions: vec![TopicPartition::new("t", 0)],
                client: TransactionVersion::V2,
            });
        }
        host.advance(Duration::from_secs(1));
    }
    host
}

fn listed(host: &Host, request: &ListTransactionsRequest) -> Vec<String> {
    let filter = ListFilter::new(request).unwrap();
    let states = list_transactions(host.runtime.committed(), host.moment(), &filter);
    states.into_iter().map(|state| state.transactional_id).collect()
}

#[test]
fn every_filter_has_to_let_an_id_through() {
    let host = three();
    let all = ListTransactionsRequest::default();
    assert_eq!(listed(&host, &all), ["busy-1", "busy-2", "idle"]);
    let ongoing = ListTransactionsRequest {
        state_filters: vec!["Ongoing".into()],
        ..all.clone()
    };
    assert_eq!(listed(&host, &ongoing), ["busy-1", "busy-2"]);
    let longer = ListTransactionsRequest {
        duration_filter: 1_000,
        ..ongoing.clone()
    };
    assert_eq!(listed(&host, &longer), ["busy-2"]);
    let of_producer = ListTransactionsRequest {
        producer_id_filters: vec![1003],
        ..ongoing
    };
    assert_eq!(listed(&host, &of_producer), ["busy-1"]);
    // The whole id has to match.
    for (pattern, wanted) in [
        ("busy", &[][..]),
        ("b.*-1", &["busy-1"]),
        ("", &["busy-1", "busy-2", "idle"]),
    ] {
        let matching = ListTransactionsRequest {
            transactional_id_pattern: Some(pattern.into()),
            ..all.clone()
        };
        assert_eq!(listed(&host, &matching), wanted, "{pattern}");
    }
}

#[test]
fn states_that_are_none_are_told_and_let_nothing_through() {
    let host = three();
    let request = ListTransactionsRequest {
        state_filters: vec!["ongoing".into(), "Busy".into(), "Dead".into()],
        ..Default::default()
    };
    let filter = ListFilter::new(&request).unwrap();
    assert_eq!(filter.unknown_states(), ["ongoing", "Busy"]);
    assert!(listed(&host, &request).is_empty());
    for broken in ["(", "a)|(b"] {
        let broken = ListTransactionsRequest {
            transactional_id_pattern: Some(broken.into()),
            ..Default::default()
        };
        assert_eq!(
            ListFilter::new(&broken).unwrap_err(),
            ErrorCode::InvalidRegularExpression
        );
    }
}
