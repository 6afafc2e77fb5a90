//! What a transactional client is refused, and how.

use anyhow::Result;
use protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use protocol::messages::write_txn_markers_request::{
    WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
};
use testkit::talk::{Resource, until};
use testkit::{Settings, Talk};

use super::producer::{Producer, Style, find_coordinator, initialize, retried};
use super::reader::{Isolation, read};
use super::{TOPIC, broker};

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const ILLEGAL_GENERATION: i16 = 22;
const UNKNOWN_MEMBER_ID: i16 = 25;
const INVALID_REQUEST: i16 = 42;
const OUT_OF_ORDER_SEQUENCE_NUMBER: i16 = 45;
const INVALID_PRODUCER_EPOCH: i16 = 47;
const INVALID_TXN_STATE: i16 = 48;
const INVALID_PRODUCER_ID_MAPPING: i16 = 49;
const INVALID_TRANSACTION_TIMEOUT: i16 = 50;
const TRANSACTION_COORDINATOR_FENCED: i16 = 52;
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: i16 = 53;
const OPERATION_NOT_ATTEMPTED: i16 = 55;
const PRODUCER_FENCED: i16 = 90;
const TRANSACTION_ABORTABLE: i16 = 120;

#[test]
fn timeouts_and_ids_that_cannot_be_are_refused() -> Result<()> {
    let settings = Settings::default().with("transaction.max.timeout.ms", 5_000);
    let (_broker, mut talk) = broker(&settings, Style::Late)?;
    // Even while nobody coordinates anything.
    assert_eq!(initialize(&mut talk, "", 1_000)?.error_code, INVALID_REQUEST);
    assert_eq!(
        initialize(&mut talk, "x", 5_001)?.error_code,
        INVALID_TRANSACTION_TIMEOUT
    );
    find_coordinator(&mut talk, "x", 1)?;
    Producer::begin_with_timeout(&mut talk, "x", Style::Late, 5_000)?;
    for timeout in [0, -1, 5_001] {
        let refused = initialize(&mut talk, "x", timeout)?;
        assert_eq!(refused.error_code, INVALID_TRANSACTION_TIMEOUT, "{timeout}");
        assert_eq!((refused.producer_id, refused.producer_epoch), (-1, -1), "{timeout}");
    }
    assert_eq!(initialize(&mut talk, "", 1_000)?.error_code, INVALID_REQUEST);
    Ok(())
}

#[test]
fn a_transaction_that_is_not_there_cannot_end() -> Result<()> {
    for style in Style::ALL {
        let (_broker, mut talk) = broker(&Settings::default(), style)?;
        let mut producer = Producer::begin(&mut talk, "idle", style)?;
        assert_eq!(producer.try_end(&mut talk, true)?, INVALID_TXN_STATE, "{style:?}");
        let mut stranger = producer.clone();
        stranger.id += 1_000_000;
        assert_eq!(
            stranger.try_end(&mut talk, true)?,
            INVALID_PRODUCER_ID_MAPPING,
            "{style:?}"
        );
    }
    Ok(())
}

#[test]
fn records_outside_the_transaction_are_refused_as_the_version_says() -> Result<()> {
    let (_broker, mut talk) = broker(&Settings::default(), Style::Early)?;
    let producer = Producer::begin(&mut talk, "ledger", Style::Early)?;
    let refused = |talk: &mut Talk, version| producer.produce(talk, 0, 0, "not added", version);
    assert_eq!(refused(&mut talk, 10)?, INVALID_TXN_STATE);
    assert_eq!(refused(&mut talk, 11)?, TRANSACTION_ABORTABLE);
    assert_eq!(retried("AddPartitionsToTxn", || producer.add(&mut talk, &[0]))?, 0);
    assert_eq!(producer.produce(&mut talk, 0, 0, "added", 10)?, 0);
    assert_eq!(
        producer.produce(&mut talk, 1, 0, "not added", 11)?,
        TRANSACTION_ABORTABLE
    );

    talk.set(
        Resource::AllBrokers,
        &[("transaction.partition.verification.enable", "false")],
    )?;
    until("nobody is asked any more", || {
        Ok(producer.produce(&mut talk, 1, 0, "taken", 11)? == 0)
    })?;
    Ok(())
}

#[test]
fn a_producer_of_version_2_begins_each_partition_at_0() -> Result<()> {
    let (_broker, mut talk) = broker(&Settings::default(), Style::Late)?;
    let mut producer = Producer::begin(&mut talk, "ledger", Style::Late)?;
    assert_eq!(
        producer.produce(&mut talk, 0, 5, "in the middle", 12)?,
        OUT_OF_ORDER_SEQUENCE_NUMBER
    );
    producer.send(&mut talk, 0, "at the beginning")?;
    let mut anonymous = producer.clone();
    anonymous.transactional_id.clear();
    // Produce with an empty transactional id asks the coordinator of that id, which refuses it.
    assert_eq!(anonymous.produce(&mut talk, 1, 0, "of nobody", 12)?, INVALID_REQUEST);
    producer.end(&mut talk, true)
}

#[test]
fn transactional_records_need_a_transactional_id() -> Result<()> {
    use testkit::batch::{Batch, Record};
    use testkit::talk::{now_ms, produce_request};
    let (_broker, mut talk) = broker(&Settings::default(), Style::Late)?;
    let mut batch = Batch::new(now_ms(), vec![Record::value("v")]).from_producer(1, 0, 0);
    batch.attributes = 0x10;
    let answer = talk.ask(&produce_request(TOPIC, 0, -1, batch.encode()), 11)?;
    let error = answer.responses[0].partition_responses[0].error_code;
    assert_eq!(error, TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    Ok(())
}

#[test]
fn offsets_are_committed_only_by_members() -> Result<()> {
    let (_broker, mut talk) = broker(&Settings::default(), Style::Late)?;
    let mut producer = Producer::begin(&mut talk, "ledger", Style::Late)?;
    find_coordinator(&mut talk, "g", 0)?;
    let commit = |talk: &mut Talk, generation, member: &str| {
        retried("TxnOffsetCommit", || {
            producer.commit_offset(talk, "g", 1, generation, member)
        })
    };
    assert_eq!(
        commit(&mut talk, 4, "nobody")?,
        ILLEGAL_GENERATION,
        "there is no such group"
    );
    assert_eq!(commit(&mut talk, -1, "")?, 0, "who claims nothing makes the group");
    assert_eq!(commit(&mut talk, 4, "nobody")?, UNKNOWN_MEMBER_ID);
    producer.end(&mut talk, true)
}

/// A marker for partition 0 and one that does not exist.
fn marker(producer: &Producer, epoch: i16, coordinator_epoch: i32, transaction_version: i8) -> WriteTxnMarkersRequest {
    WriteTxnMarkersRequest {
        markers: vec![WritableTxnMarker {
            producer_id: producer.id,
            producer_epoch: epoch,
            transaction_result: false,
            topics: vec![WritableTxnMarkerTopic {
                name: TOPIC.to_owned(),
                partition_indexes: vec![0, 99],
            }],
            coordinator_epoch,
            transaction_version,
        }],
    }
}

fn write(talk: &mut Talk, request: &WriteTxnMarkersRequest) -> Result<Vec<i16>> {
    let answer = talk.ask(request, 2)?;
    let partitions = answer.markers[0].topics[0].partitions.iter();
    let mut errors: Vec<(i32, i16)> = partitions
        .map(|found| (found.partition_index, found.error_code))
        .collect();
    errors.sort_unstable();
    Ok(errors.into_iter().map(|(_, error)| error).collect())
}

#[test]
fn markers_are_held_to_their_epochs() -> Result<()> {
    let (_broker, mut talk) = broker(&Settings::default(), Style::Late)?;
    let mut producer = Producer::begin(&mut talk, "ledger", Style::Late)?;
    producer.send(&mut talk, 0, "aborted from outside")?;
    let epoch = producer.epoch;
    let asked =
        |talk: &mut Talk, epoch, coordinator, version| write(talk, &marker(&producer, epoch, coordinator, version));
    let unknown = UNKNOWN_TOPIC_OR_PARTITION;
    assert_eq!(
        asked(&mut talk, epoch, 7, 2)?,
        [INVALID_PRODUCER_EPOCH, unknown],
        "each end bumps the epoch"
    );
    assert_eq!(asked(&mut talk, epoch + 1, 7, 2)?, [0, unknown]);
    assert_eq!(asked(&mut talk, epoch + 1, 7, 2)?, [0, unknown], "sent again");
    assert_eq!(
        asked(&mut talk, epoch + 1, 6, 2)?,
        [TRANSACTION_COORDINATOR_FENCED, unknown]
    );
    assert_eq!(
        asked(&mut talk, epoch, 7, 0)?,
        [INVALID_PRODUCER_EPOCH, unknown],
        "an epoch that is over"
    );
    assert_eq!(
        asked(&mut talk, epoch + 1, 7, 0)?,
        [0, unknown],
        "earlier versions keep theirs"
    );
    until("the record never was", || {
        Ok(read(&mut talk, 0, Isolation::Committed)?.is_empty())
    })
}

#[test]
fn brokers_verify_and_add_for_many_transactions_at_once() -> Result<()> {
    let (_broker, mut talk) = broker(&Settings::default(), Style::Late)?;
    let mut ledger = Producer::begin(&mut talk, "ledger", Style::Late)?;
    let journal = Producer::begin(&mut talk, "journal", Style::Late)?;
    ledger.send(&mut talk, 0, "takes part")?;
    let transaction = |producer: &Producer, verify_only, partitions: &[i32]| AddPartitionsToTxnTransaction {
        transactional_id: producer.transactional_id.clone(),
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        verify_only,
        topics: vec![AddPartitionsToTxnTopic {
            name: TOPIC.to_owned(),
            partitions: partitions.to_vec(),
        }],
    };
    let mut ask = |transactions: Vec<AddPartitionsToTxnTransaction>| -> Result<Vec<Vec<i16>>> {
        let request = AddPartitionsToTxnRequest {
            transactions,
            ..Default::default()
        };
        let answer = talk.ask(&request, 5)?;
        assert_eq!(answer.error_code, 0);
        let mut results = answer.results_by_transaction;
        results.sort_by(|one, other| other.transactional_id.cmp(&one.transactional_id));
        let errors = results.into_iter().map(|mut result| {
            let mut partitions = result.topic_results.remove(0).results_by_partition;
            partitions.sort_by_key(|partition| partition.partition_index);
            partitions
                .iter()
                .map(|partition| partition.partition_error_code)
                .collect()
        });
        Ok(errors.collect())
    };
    let verified = ask(vec![
        transaction(&ledger, true, &[0, 1]),
        transaction(&journal, false, &[2]),
    ])?;
    assert_eq!(verified, [vec![0, TRANSACTION_ABORTABLE], vec![0]]);
    let verified = ask(vec![transaction(&journal, true, &[2])])?;
    assert_eq!(verified, [[0]], "it was added");
    let missing = ask(vec![transaction(&journal, false, &[1, 99])])?;
    assert_eq!(missing, [[OPERATION_NOT_ATTEMPTED, UNKNOWN_TOPIC_OR_PARTITION]]);
    let mut fenced = journal.clone();
    fenced.epoch -= 1;
    assert_eq!(ask(vec![transaction(&fenced, true, &[2])])?, [[PRODUCER_FENCED]]);
    Ok(())
}
