use super::*;

#[test]
fn a_record_of_an_unknown_type_is_skipped() {
    let key = Bytes::from_static(&[0, 99, 1, 2, 3]);
    assert_eq!(TransactionRecord::decode(&key, None), Ok(None));
    let key = Bytes::from_static(&[0]);
    assert!(TransactionRecord::decode(&key, None).is_err());
}
