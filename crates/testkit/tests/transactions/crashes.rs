//! kill -9 at several points of a transaction: afterwards it is whole or absent, and no committed offset is lost.

use anyhow::Result;
use testkit::talk::until;
use testkit::{Cluster, Settings, Talk};

use super::broker;
use super::producer::{Producer, Style};
use super::reader::{Isolation, offset, read_all};

const GROUP: &str = "reads-on";
const ROUNDS: i64 = 3;

fn killed(broker: &mut Box<dyn Cluster>) -> Result<Talk> {
    broker.kill9()?;
    broker.restart()?;
    Talk::to(&**broker)
}

fn write(producer: &mut Producer, talk: &mut Talk, round: i64) -> Result<()> {
    for index in 0..3 {
        producer.send(talk, index, &format!("round {round}"))?;
    }
    producer.send_offset(talk, GROUP, round)
}

#[test]
fn a_transaction_survives_the_broker_and_is_committed_afterwards() -> Result<()> {
    for style in Style::ALL {
        let (mut broker, mut talk) = broker(&Settings::default(), style)?;
        let mut producer = Producer::begin(&mut talk, "ledger", style)?;
        write(&mut producer, &mut talk, 0)?;
        let mut talk = killed(&mut broker)?;
        let nothing: Vec<Vec<String>> = vec![vec![]; 3];
        assert_eq!(
            read_all(&mut talk, Isolation::Committed)?,
            nothing,
            "{style:?}: still open"
        );
        producer.send(&mut talk, 0, "round 0 too")?;
        producer.end(&mut talk, true)?;
        until("it shows", || {
            let seen = read_all(&mut talk, Isolation::Committed)?;
            Ok(seen == [vec!["round 0", "round 0 too"], vec!["round 0"], vec!["round 0"]])
        })?;
        until("its offset", || Ok(offset(&mut talk, GROUP)? == Ok(0)))?;
    }
    Ok(())
}

#[test]
fn what_was_decided_before_the_crash_is_done_after_it() -> Result<()> {
    for style in Style::ALL {
        let (mut broker, mut talk) = broker(&Settings::default(), style)?;
        let mut wanted = Vec::new();
        let mut producer = Producer::begin(&mut talk, "ledger", style)?;
        for round in 0..ROUNDS {
            write(&mut producer, &mut talk, round)?;
            producer.end(&mut talk, true)?;
            wanted.push(format!("round {round}"));
            // The markers may be under way, or not yet.
            talk = killed(&mut broker)?;
            until(&format!("{style:?}: round {round} shows"), || {
                Ok(read_all(&mut talk, Isolation::Committed)? == vec![wanted.clone(); 3])
            })?;
            until("its offset", || Ok(offset(&mut talk, GROUP)? == Ok(round)))?;
        }
    }
    Ok(())
}

#[test]
fn an_end_that_nobody_answered_is_whole_or_absent() -> Result<()> {
    for style in Style::ALL {
        let (mut broker, mut talk) = broker(&Settings::default(), style)?;
        let mut wanted: Vec<String> = Vec::new();
        let mut last = -1;
        for round in 0..ROUNDS {
            let mut producer = Producer::begin(&mut talk, "ledger", style)?;
            write(&mut producer, &mut talk, round)?;
            talk.send(&producer.end_request(true), producer.end_version())?;
            talk = killed(&mut broker)?;
            // Who begins again has what was open aborted, or waits until what was decided is done.
            Producer::begin(&mut talk, "ledger", style)?;
            let seen = read_all(&mut talk, Isolation::Committed)?;
            let with: Vec<String> = wanted.iter().cloned().chain([format!("round {round}")]).collect();
            if seen == vec![with.clone(); 3] {
                wanted = with;
                last = round;
            }
            assert_eq!(
                seen,
                vec![wanted.clone(); 3],
                "{style:?}, round {round}: whole or absent"
            );
            assert_eq!(
                offset(&mut talk, GROUP)?,
                Ok(last),
                "{style:?}, round {round}: its offset too"
            );
        }
    }
    Ok(())
}
