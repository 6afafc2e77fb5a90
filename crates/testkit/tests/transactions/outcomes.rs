//! Committed, aborted, timed out, with a topic that is deleted meanwhile.

use anyhow::Result;
use testkit::talk::until;
use testkit::{Settings, Talk};

use super::producer::{Producer, Style};
use super::reader::{Isolation, UNSTABLE_OFFSET_COMMIT, offset, read, read_all};
use super::{TOPIC, broker};

const INVALID_TXN_STATE: i16 = 48;
const PRODUCER_FENCED: i16 = 90;
const GROUP: &str = "reads-on";

#[test]
fn what_is_committed_shows_whole_and_what_is_aborted_never() -> Result<()> {
    for style in Style::ALL {
        let (_broker, mut talk) = broker(&Settings::default(), style)?;
        let mut producer = Producer::begin(&mut talk, "ledger", style)?;
        for index in 0..3 {
            producer.send(&mut talk, index, &format!("kept {index}"))?;
        }
        producer.send_offset(&mut talk, GROUP, 7)?;
        let nothing: Vec<Vec<String>> = vec![vec![]; 3];
        let kept: Vec<Vec<String>> = (0..3).map(|index| vec![format!("kept {index}")]).collect();
        assert_eq!(
            read_all(&mut talk, Isolation::Committed)?,
            nothing,
            "{style:?}: still open"
        );
        assert_eq!(
            read_all(&mut talk, Isolation::Uncommitted)?,
            kept,
            "{style:?}: still open"
        );
        assert_eq!(
            offset(&mut talk, GROUP)?,
            Err(UNSTABLE_OFFSET_COMMIT),
            "{style:?}: still open"
        );
        producer.end(&mut talk, true)?;
        shows(&mut talk, style, &kept, 7)?;

        for index in 0..3 {
            producer.send(&mut talk, index, "dropped")?;
        }
        producer.send_offset(&mut talk, GROUP, 8)?;
        producer.end(&mut talk, false)?;
        producer.send(&mut talk, 1, "kept too")?;
        producer.end(&mut talk, true)?;
        let mut more = kept.clone();
        more[1].push("kept too".to_owned());
        shows(&mut talk, style, &more, 7)?;
    }
    Ok(())
}

/// Markers follow the answer to EndTxn.
fn shows(talk: &mut Talk, style: Style, wanted: &[Vec<String>], at: i64) -> Result<()> {
    until(&format!("{style:?}: {wanted:?} show"), || {
        Ok(read_all(talk, Isolation::Committed)? == wanted)
    })?;
    until(
        &format!("{style:?}: offset {at}"),
        || Ok(offset(talk, GROUP)? == Ok(at)),
    )
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced() -> Result<()> {
    for style in Style::ALL {
        let settings = Settings::default().with("transaction.abort.timed.out.transaction.cleanup.interval.ms", 50);
        let (_broker, mut talk) = broker(&settings, style)?;
        let mut slow = Producer::begin_with_timeout(&mut talk, "slow", style, 300)?;
        slow.send(&mut talk, 0, "too late")?;
        let mut other = Producer::begin(&mut talk, "other", style)?;
        other.send(&mut talk, 0, "in time")?;
        other.end(&mut talk, true)?;
        until("the slow one holds readers back no more", || {
            Ok(read(&mut talk, 0, Isolation::Committed)? == ["in time"])
        })?;
        let fenced = slow.try_end(&mut talk, true)?;
        let wanted = match style {
            Style::Early => PRODUCER_FENCED,
            // The epoch is the one before the abort's: Kafka takes it for a repetition, of another end than it had.
            Style::Late => INVALID_TXN_STATE,
        };
        assert_eq!(fenced, wanted, "{style:?}");
        let mut again = Producer::begin(&mut talk, "slow", style)?;
        again.send(&mut talk, 0, "now")?;
        again.end(&mut talk, true)?;
        until("it goes on", || {
            Ok(read(&mut talk, 0, Isolation::Committed)? == ["in time", "now"])
        })?;
    }
    Ok(())
}

#[test]
fn a_deleted_topic_does_not_keep_a_transaction_from_ending() -> Result<()> {
    for style in Style::ALL {
        let (_broker, mut talk) = broker(&Settings::default(), style)?;
        let mut producer = Producer::begin(&mut talk, "ledger", style)?;
        producer.send(&mut talk, 0, "gone with its topic")?;
        producer.send_offset(&mut talk, GROUP, 3)?;
        talk.delete_topic(TOPIC)?;
        producer.end(&mut talk, true)?;
        talk.create_topic(TOPIC, 3, &[])?;
        let mut producer = Producer::begin(&mut talk, "ledger", style)?;
        producer.send(&mut talk, 0, "in the new one")?;
        producer.end(&mut talk, true)?;
        until("the new topic's record shows", || {
            Ok(read(&mut talk, 0, Isolation::Committed)? == ["in the new one"])
        })?;
    }
    Ok(())
}
