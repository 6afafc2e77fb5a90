use super::*;

#[test]
fn a_commit_reads_back_and_an_expiry_of_its_own_keeps_its_version() {
    let mut value = OffsetCommitValue {
        offset: 16,
        leader_epoch: 0,
        commit_timestamp: 7,
        ..Default::default()
    };
    for (expiry, version) in [(NO_EXPIRY, 4), (99, 1)] {
        value.expire_timestamp = expiry;
        let leader_epoch = if expiry == NO_EXPIRY { 0 } else { -1 };
        let record = GroupRecord::Offset {
            group: "g".into(),
            topic: "t".into(),
            partition: 3,
            value: Some(value.clone()),
            producer: ProducerId::NONE,
        };
        let (key, encoded) = record.encode().unwrap();
        let encoded = encoded.unwrap();
        assert_eq!(versioned::head(&encoded), Ok(version));
        let read = GroupRecord::decode(&key, Some(&encoded), ProducerId::NONE)
            .unwrap()
            .unwrap();
        let wanted = OffsetCommitValue {
            leader_epoch,
            ..value.clone()
        };
        assert!(matches!(read, GroupRecord::Offset { value: Some(value), .. } if value == wanted));
    }
}

#[test]
fn a_record_of_an_unknown_type_is_skipped() {
    let key = Bytes::from_static(&[0, 99, 1, 2, 3]);
    assert_eq!(GroupRecord::decode(&key, None, ProducerId::NONE), Ok(None));
    let key = Bytes::from_static(&[0]);
    assert!(GroupRecord::decode(&key, None, ProducerId::NONE).is_err());
}
