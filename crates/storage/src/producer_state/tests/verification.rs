//! Verifying with the transaction coordinator before a transaction's first batch.

use super::*;

fn verify(
    state: &mut ProducerStateManager,
    epoch: i16,
    sequence: i32,
    first: FirstSequence,
) -> Result<Option<VerificationGuard>, ProducerError> {
    state.start_verification(P, ProducerEpoch(epoch), sequence, first, Timestamp(5))
}

fn append_verified(
    state: &mut ProducerStateManager,
    verification: Verification,
    batch: &ProducerBatch,
) -> Result<Verdict, ProducerError> {
    let mut staged = Staged::new(Origin::Client).verified(verification);
    let verdict = state.check(&mut staged, batch)?;
    if verdict == Verdict::Append {
        state.apply(staged, batch.last_offset.next());
    }
    Ok(verdict)
}

#[test]
fn the_first_batch_of_a_transaction_presents_its_guard() {
    let dir = TempDir::new().expect("a directory");
    let mut state = open(&dir);
    let first = transactional(0, 0, 1, 0);
    let refused = Err(ProducerError::NotVerified { producer_id: P });
    assert_eq!(append_verified(&mut state, Verification::Missing, &first), refused);
    let guard = verify(&mut state, 0, 0, FirstSequence::Any)
        .unwrap()
        .expect("nothing is open");
    assert_eq!(append_verified(&mut state, Verification::Missing, &first), refused);
    append_verified(&mut state, Verification::Verified(guard), &first).unwrap();
    // From here on the transaction is open.
    assert_eq!(verify(&mut state, 0, 1, FirstSequence::Any), Ok(None));
    append_verified(&mut state, Verification::Missing, &transactional(0, 1, 1, 1)).unwrap();
}

#[test]
fn a_guard_does_not_outlive_the_transactions_end() {
    let dir = TempDir::new().expect("a directory");
    let mut state = open(&dir);
    let guard = verify(&mut state, 0, 0, FirstSequence::Any)
        .unwrap()
        .expect("nothing is open");
    assert!(state.is_verifying(P, guard));
    append(&mut state, &commit(0, 0)).unwrap();
    assert!(!state.is_verifying(P, guard));
    let late = append_verified(&mut state, Verification::Verified(guard), &transactional(0, 0, 1, 1));
    assert_eq!(late, Err(ProducerError::NotVerified { producer_id: P }));
    // Who asks anew gets another guard, and the old one does not open it.
    let other = verify(&mut state, 0, 0, FirstSequence::Any)
        .unwrap()
        .expect("nothing is open");
    assert_ne!(guard, other);
    let late = append_verified(&mut state, Verification::Verified(guard), &transactional(0, 0, 1, 1));
    assert_eq!(late, Err(ProducerError::NotVerified { producer_id: P }));
}

#[test]
fn a_batch_of_an_older_epoch_is_not_verified() {
    let dir = TempDir::new().expect("a directory");
    let mut state = open(&dir);
    append(&mut state, &commit(3, 0)).unwrap();
    let refused = verify(&mut state, 2, 0, FirstSequence::Any);
    assert!(matches!(refused, Err(ProducerError::InvalidProducerEpoch { .. })));
}

#[test]
fn no_batch_goes_before_one_that_was_asked_for_earlier() {
    let dir = TempDir::new().expect("a directory");
    let mut state = open(&dir);
    let guard = verify(&mut state, 0, 3, FirstSequence::Any)
        .unwrap()
        .expect("nothing is open");
    assert_eq!(verify(&mut state, 0, 1, FirstSequence::Any), Ok(Some(guard)));
    let verified = Verification::Verified(guard);
    let early = append_verified(&mut state, verified, &transactional(0, 3, 1, 0));
    assert!(matches!(early, Err(ProducerError::OutOfOrderSequence { .. })));
    append_verified(&mut state, verified, &transactional(0, 1, 2, 0)).unwrap();
}

#[test]
fn a_producer_of_transaction_version_2_begins_at_0() {
    let dir = TempDir::new().expect("a directory");
    let mut state = open(&dir);
    let guard = verify(&mut state, 0, 4, FirstSequence::Zero)
        .unwrap()
        .expect("nothing is open");
    let late = append_verified(&mut state, Verification::Verified(guard), &transactional(0, 4, 1, 0));
    assert!(matches!(late, Err(ProducerError::OutOfOrderSequence { .. })));
    let dir = TempDir::new().expect("a directory");
    let mut state = open(&dir);
    let guard = verify(&mut state, 0, 4, FirstSequence::Any)
        .unwrap()
        .expect("nothing is open");
    append_verified(&mut state, Verification::Verified(guard), &transactional(0, 4, 1, 0)).unwrap();
}

#[test]
fn unanswered_questions_expire_like_producers() {
    let dir = TempDir::new().expect("a directory");
    let mut state = open(&dir);
    let guard = verify(&mut state, 0, 0, FirstSequence::Any)
        .unwrap()
        .expect("nothing is open");
    state.remove_expired(Timestamp(i64::MAX));
    let other = verify(&mut state, 0, 0, FirstSequence::Any)
        .unwrap()
        .expect("nothing is open");
    assert_ne!(guard, other);
}
