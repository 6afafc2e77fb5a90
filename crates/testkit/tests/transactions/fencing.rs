//! Who comes later wins.

use anyhow::Result;
use protocol::messages::init_producer_id_request::InitProducerIdRequest;
use testkit::Settings;
use testkit::talk::until;

use super::broker;
use super::producer::{Producer, Style, find_coordinator, retried};
use super::reader::{Isolation, read};

const INVALID_PRODUCER_EPOCH: i16 = 47;
const PRODUCER_FENCED: i16 = 90;

#[test]
fn who_begins_again_fences_the_one_before_and_aborts_its_transaction() -> Result<()> {
    for style in Style::ALL {
        let (_broker, mut talk) = broker(&Settings::default(), style)?;
        let mut zombie = Producer::begin(&mut talk, "shared", style)?;
        zombie.send(&mut talk, 0, "of the zombie")?;
        let mut heir = Producer::begin(&mut talk, "shared", style)?;
        assert_eq!(heir.id, zombie.id, "{style:?}");
        assert!(heir.epoch > zombie.epoch, "{style:?}: {heir:?} after {zombie:?}");
        let late = zombie.produce(&mut talk, 0, 1, "late", style.produce_version())?;
        assert_eq!(late, INVALID_PRODUCER_EPOCH, "{style:?}");
        // A partition that has not heard of the heir asks the coordinator.
        let elsewhere = zombie.try_send(&mut talk, 1, "elsewhere")?;
        let wanted = match style {
            Style::Early => PRODUCER_FENCED,
            Style::Late => INVALID_PRODUCER_EPOCH,
        };
        assert_eq!(elsewhere, wanted, "{style:?}");
        find_coordinator(&mut talk, "g", 0)?;
        let offsets = retried("TxnOffsetCommit", || zombie.commit_offset(&mut talk, "g", 1, -1, ""))?;
        assert_eq!(offsets, INVALID_PRODUCER_EPOCH, "{style:?}");
        assert_eq!(zombie.try_end(&mut talk, true)?, PRODUCER_FENCED, "{style:?}");
        heir.send(&mut talk, 0, "of the heir")?;
        heir.end(&mut talk, true)?;
        until("the heir's record shows alone", || {
            Ok(read(&mut talk, 0, Isolation::Committed)? == ["of the heir"])
        })?;
    }
    Ok(())
}

#[test]
fn a_producer_that_knows_its_epoch_goes_on_with_the_next() -> Result<()> {
    for style in Style::ALL {
        let (_broker, mut talk) = broker(&Settings::default(), style)?;
        let producer = Producer::begin(&mut talk, "recovers", style)?;
        let mut request = InitProducerIdRequest {
            transactional_id: Some("recovers".to_owned()),
            transaction_timeout_ms: 60_000,
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            ..Default::default()
        };
        let next = talk.ask(&request, 4)?;
        assert_eq!((next.error_code, next.producer_id), (0, producer.id), "{style:?}");
        assert_eq!(next.producer_epoch, producer.epoch + 1, "{style:?}");
        // The answer may not have come: who asks the same again gets the same.
        let again = talk.ask(&request, 4)?;
        assert_eq!(
            (again.error_code, again.producer_epoch),
            (0, next.producer_epoch),
            "{style:?}"
        );
        Producer::begin(&mut talk, "recovers", style)?;
        assert_eq!(talk.ask(&request, 4)?.error_code, PRODUCER_FENCED, "{style:?}");
        assert_eq!(
            talk.ask(&request, 3)?.error_code,
            INVALID_PRODUCER_EPOCH,
            "{style:?}: before version 4"
        );
        request.producer_id += 1_000_000;
        assert_eq!(
            talk.ask(&request, 4)?.error_code,
            PRODUCER_FENCED,
            "{style:?}: somebody else's id"
        );
    }
    Ok(())
}
