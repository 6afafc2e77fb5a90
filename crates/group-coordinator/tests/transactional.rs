//! Offsets that are committed within transactions: who may, and what follows.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod host;

use base::ProducerId;
use group_coordinator::op::offset_fetch;
use group_coordinator::op::txn_offset_commit::txn_offset_commit;
use group_coordinator::record::TransactionEnd;
use group_coordinator::{Answer, GroupRecord};
use host::{Host, settings};
use protocol::ErrorCode;
use protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};

fn request(member: &str, instance: Option<&str>, generation: i32, metadata: &str) -> TxnOffsetCommitRequest {
    TxnOffsetCommitRequest {
        transactional_id: "ledger".into(),
        group_id: "g".into(),
        producer_id: 7,
        generation_id_or_member_epoch: generation,
        member_id: member.into(),
        group_instance_id: instance.map(str::to_owned),
        topics: vec![TxnOffsetCommitRequestTopic {
            name: "t".into(),
            partitions: vec![TxnOffsetCommitRequestPartition {
                committed_offset: 5,
                committed_metadata: Some(metadata.to_owned()),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn commit(host: &mut Host, request: TxnOffsetCommitRequest) -> ErrorCode {
    let token =
        host.run(|coordinator, state, moment, token| txn_offset_commit(coordinator, state, moment, request, token));
    match host.answer(token) {
        Some(Answer::TxnOffsetCommit(response)) => ErrorCode::from(response.topics[0].partitions[0].error_code),
        other => panic!("a commit got {other:?}"),
    }
}

/// The offset as readers that want it stable see it.
fn fetched(host: &Host) -> (i64, ErrorCode) {
    let topic = OffsetFetchRequestTopics {
        name: "t".into(),
        partition_indexes: vec![0],
        ..Default::default()
    };
    let request = OffsetFetchRequestGroup {
        group_id: "g".into(),
        topics: Some(vec![topic]),
        ..Default::default()
    };
    let state = host.runtime.committed();
    let group = offset_fetch::offset_fetch(state, &request);
    let error = if state.has_pending("g") {
        ErrorCode::UnstableOffsetCommit
    } else {
        ErrorCode::None
    };
    (group.topics[0].partitions[0].committed_offset, error)
}

fn end(end: TransactionEnd) -> GroupRecord {
    GroupRecord::TransactionEnd {
        producer: ProducerId(7),
        end,
    }
}

#[test]
fn a_member_of_this_generation_commits_and_so_does_who_claims_to_be_none() {
    let mut host = Host::new(settings());
    assert_eq!(
        commit(&mut host, request("", None, 3, "")),
        ErrorCode::IllegalGeneration,
        "no such group"
    );
    assert_eq!(
        commit(&mut host, request("", None, -1, "")),
        ErrorCode::None,
        "it makes the group"
    );
    assert_eq!(host.phase().as_deref(), Some("Empty"));
    let (leader, _) = host.two_members();
    let cases = [
        (leader.as_str(), None, 1, ErrorCode::None),
        (leader.as_str(), None, 2, ErrorCode::IllegalGeneration),
        (leader.as_str(), None, -1, ErrorCode::IllegalGeneration),
        ("stranger", None, 1, ErrorCode::UnknownMemberId),
        ("", None, 1, ErrorCode::UnknownMemberId),
        ("", Some("nobody"), -1, ErrorCode::UnknownMemberId),
        // Clients of early versions name no member, whatever the group is in.
        ("", None, -1, ErrorCode::None),
    ];
    for (member, instance, generation, wanted) in cases {
        let error = commit(&mut host, request(member, instance, generation, ""));
        assert_eq!(error, wanted, "{member:?} {instance:?} {generation}");
    }
    let long = "m".repeat(5_000);
    assert_eq!(
        commit(&mut host, request(&leader, None, 1, &long)),
        ErrorCode::OffsetMetadataTooLarge
    );
}

#[test]
fn an_offset_counts_once_its_transaction_is_committed() {
    for (how, wanted) in [(TransactionEnd::Committed, 5), (TransactionEnd::Aborted, -1)] {
        let mut host = Host::new(settings());
        assert_eq!(commit(&mut host, request("", None, -1, "")), ErrorCode::None);
        assert_eq!(fetched(&host), (-1, ErrorCode::UnstableOffsetCommit), "{how:?}: open");
        host.runtime.write(&[end(how)]).unwrap();
        host.commit();
        assert_eq!(fetched(&host), (wanted, ErrorCode::None), "{how:?}");
    }
}
