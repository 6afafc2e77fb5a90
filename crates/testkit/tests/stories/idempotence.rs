//! What an idempotent producer sends arrives once and in order, whatever happens to the broker.

use anyhow::{Result, ensure};
use protocol::messages::init_producer_id_request::InitProducerIdRequest;
use testkit::batch::{Batch, Record};
use testkit::talk::{LATEST, Resource, eventually, now_ms, until};
use testkit::{Settings, Talk};

const COORDINATOR_LOAD_IN_PROGRESS: i16 = 14;
const OUT_OF_ORDER_SEQUENCE_NUMBER: i16 = 45;
const INVALID_PRODUCER_EPOCH: i16 = 47;

pub fn producer_id(talk: &mut Talk) -> Result<i64> {
    let request = InitProducerIdRequest {
        transactional_id: None,
        ..Default::default()
    };
    // Kafka asks for a retry while its broker fetches a block of ids.
    eventually("a producer id", || {
        let answer = talk.ask(&request, 4)?;
        ensure!(
            [0, COORDINATOR_LOAD_IN_PROGRESS].contains(&answer.error_code),
            "{answer:?}"
        );
        Ok((answer.error_code == 0).then_some(answer.producer_id))
    })
}

/// Sends two records; answers the error and the offset.
fn send(talk: &mut Talk, producer: i64, epoch: i16, sequence: i32) -> Result<(i16, i64)> {
    let records = (0..2)
        .map(|number| Record::value(format!("{}", sequence.wrapping_add(number))))
        .collect();
    let batch = Batch::new(now_ms(), records).from_producer(producer, epoch, sequence);
    let answer = talk.produce("t", 0, -1, batch.encode())?;
    Ok((answer.error_code, answer.base_offset))
}

#[test]
fn duplicates_gaps_and_epochs_are_judged_as_the_sequence_says() -> Result<()> {
    let broker = super::broker(&Settings::default())?;
    let mut talk = Talk::to(&*broker)?;
    talk.create_topic("t", 1, &[])?;
    let producer = producer_id(&mut talk)?;
    for at in 0..6 {
        assert_eq!(send(&mut talk, producer, 0, at * 2)?, (0, i64::from(at) * 2));
    }
    for at in 1..6 {
        assert_eq!(
            send(&mut talk, producer, 0, at * 2)?,
            (0, i64::from(at) * 2),
            "the last five are remembered"
        );
    }
    let (forgotten, _) = send(&mut talk, producer, 0, 0)?;
    assert_eq!(forgotten, OUT_OF_ORDER_SEQUENCE_NUMBER, "the sixth last is not");
    assert_eq!(
        send(&mut talk, producer, 0, 14)?,
        (OUT_OF_ORDER_SEQUENCE_NUMBER, -1),
        "a gap"
    );
    assert_eq!(
        send(&mut talk, producer, 0, 11)?.0,
        OUT_OF_ORDER_SEQUENCE_NUMBER,
        "an overlap"
    );
    assert_eq!(send(&mut talk, producer, 0, 12)?, (0, 12));

    assert_eq!(
        send(&mut talk, producer, 1, 5)?.0,
        OUT_OF_ORDER_SEQUENCE_NUMBER,
        "a new epoch begins at 0"
    );
    assert_eq!(send(&mut talk, producer, 1, 0)?, (0, 14));
    assert_eq!(
        send(&mut talk, producer, 0, 14)?.0,
        INVALID_PRODUCER_EPOCH,
        "the old epoch is over"
    );
    assert_eq!(send(&mut talk, producer, 1, 2)?, (0, 16));

    // Nobody knows this one: its log may have been deleted, so it may go on where it was.
    let stranger = producer_id(&mut talk)?;
    assert_ne!(stranger, producer);
    assert_eq!(
        send(&mut talk, stranger, 0, i32::MAX)?,
        (0, 18),
        "and the sequence wraps around"
    );
    assert_eq!(send(&mut talk, stranger, 0, 1)?, (0, 20));
    assert_eq!(talk.offset("t", 0, LATEST)?, 22);
    Ok(())
}

#[test]
fn a_restarted_and_a_killed_broker_remember_their_producers() -> Result<()> {
    let mut broker = super::broker(&Settings::default())?;
    let mut talk = Talk::to(&*broker)?;
    talk.create_topic("t", 1, &[])?;
    let early = producer_id(&mut talk)?;
    assert_eq!(send(&mut talk, early, 0, 0)?, (0, 0));
    assert_eq!(send(&mut talk, early, 1, 0)?, (0, 2));
    let mut seen = vec![early];
    for end in ["stopped", "killed", "stopped", "killed"] {
        match end {
            "stopped" => broker.stop_cleanly()?,
            _ => broker.kill9()?,
        }
        broker.restart()?;
        let mut talk = Talk::to(&*broker)?;
        let last = talk.offset("t", 0, LATEST)? - 2;
        let sequence = i32::try_from(last - 2)?;
        assert_eq!(
            send(&mut talk, early, 1, sequence)?,
            (0, last),
            "{end}: the last batch is known"
        );
        assert_eq!(
            send(&mut talk, early, 1, sequence + 3)?.0,
            OUT_OF_ORDER_SEQUENCE_NUMBER,
            "{end}"
        );
        assert_eq!(send(&mut talk, early, 0, 2)?.0, INVALID_PRODUCER_EPOCH, "{end}");
        assert_eq!(send(&mut talk, early, 1, sequence + 2)?, (0, last + 2), "{end}");
        let another = producer_id(&mut talk)?;
        assert!(!seen.contains(&another), "{end}: no id is given twice");
        seen.push(another);
    }
    Ok(())
}

#[test]
fn a_silent_producer_is_forgotten_as_soon_as_the_cluster_says() -> Result<()> {
    let settings = Settings::default().with("producer.id.expiration.check.interval.ms", 20);
    let broker = super::broker(&settings)?;
    let mut talk = Talk::to(&*broker)?;
    talk.create_topic("t", 1, &[])?;
    let producer = producer_id(&mut talk)?;
    assert_eq!(send(&mut talk, producer, 0, 0)?, (0, 0));
    assert_eq!(
        send(&mut talk, producer, 0, 9)?.0,
        OUT_OF_ORDER_SEQUENCE_NUMBER,
        "it is known"
    );
    talk.set(Resource::AllBrokers, &[("producer.id.expiration.ms", "1")])?;
    // Nobody knows it any more: it may go on where it likes.
    until("it is forgotten", || Ok(send(&mut talk, producer, 0, 9)?.0 == 0))
}
