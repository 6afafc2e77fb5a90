use super::*;

#[test]
fn a_record_of_an_unknown_type_is_skipped() {
    let key = Bytes::from_static(&[0, 99, 1, 2, 3]);
    assert_eq!(TransactionRecord::decode(&key, None), Ok(None));
    let key = Bytes::from_static(&[0]);
    assert!(TransactionRecord::decode(&key, None).is_err());
}

#[test]
fn a_value_of_a_later_version_is_skipped_and_one_that_is_none_is_an_error() {
    let key = versioned::encode_key(
        TransactionLogKey::RECORD_TYPE,
        &TransactionLogKey {
            transactional_id: "t".into(),
        },
    )
    .unwrap();
    let later = Bytes::from_static(&[0, 2, 1, 2, 3]);
    assert_eq!(TransactionRecord::decode(&key, Some(&later)), Ok(None));
    let short = Bytes::from_static(&[0, 1, 1, 2, 3]);
    assert!(TransactionRecord::decode(&key, Some(&short)).is_err());
    let mut dead = value(&Transaction::unborn(ProducerId(1), 1, Timestamp(1)), ValueFormat::Rigid);
    dead.transaction_status = 6;
    let dead = versioned::encode(&dead, 0).unwrap();
    assert_eq!(
        TransactionRecord::decode(&key, Some(&dead)),
        Err(RecordError::Status(6))
    );
}

#[test]
fn both_formats_read_back_and_the_older_has_no_tags() {
    let transaction = Transaction {
        producer_id: ProducerId(4000),
        previous_producer_id: ProducerId(3000),
        next_producer_id: ProducerId(5000),
        producer_epoch: ProducerEpoch(7),
        status: TransactionStatus::PrepareCommit,
        partitions: [
            TopicPartition::new("a", 1),
            TopicPartition::new("a", 0),
            TopicPartition::new("b", 3),
        ]
        .into_iter()
        .collect(),
        started: Timestamp(10),
        client_version: TransactionVersion::V2,
        ..Transaction::unborn(ProducerId(4000), 60_000, Timestamp(20))
    };
    for format in [ValueFormat::Rigid, ValueFormat::Flexible] {
        let record = TransactionRecord {
            id: "t".into(),
            value: Some(Arc::new(transaction.clone())),
            format,
        };
        let (key, value) = record.encode().unwrap();
        let read = TransactionRecord::decode(&key, value.as_ref()).unwrap().unwrap();
        assert_eq!(read.encode().unwrap(), (key, value));
        let wanted = match format {
            ValueFormat::Flexible => transaction.clone(),
            ValueFormat::Rigid => Transaction {
                previous_producer_id: ProducerId::NONE,
                next_producer_id: ProducerId::NONE,
                client_version: TransactionVersion::V0,
                ..transaction.clone()
            },
        };
        assert_eq!(read.value.as_deref(), Some(&wanted));
    }
}
