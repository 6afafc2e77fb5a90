//! An idempotent producer with acks=all.

use super::{PARTITIONS, PLAIN, Stage, Work, pause};
use base::Rng;
use client::produce::{NewRecord, Producer, ProducerSettings};
use std::time::Duration;

pub async fn run(work: Work, who: &'static str, mut rng: Rng) {
    let settings = ProducerSettings {
        linger: Duration::from_millis(2),
        delivery_timeout: Duration::from_secs(90),
        max_block: Duration::from_secs(60),
        ..ProducerSettings::default()
    };
    let producer = Producer::start(work.cluster(who), settings);
    let (mut sequence, mut hurries) = (0, 0);
    while work.stage() == Stage::All {
        let partition = i32::try_from(rng.below(PARTITIONS as u64)).unwrap();
        let (place, value) = ((PLAIN, partition), format!("{who}:{sequence:05}"));
        sequence += 1;
        work.history.lock().sends(place, &value);
        let record = NewRecord {
            partition: Some(partition),
            timestamp: Some(work.history.date()),
            key: None,
            value: Some(value.as_bytes()),
            headers: &[],
        };
        match producer.send(PLAIN, &record).await {
            Ok(receipt) => {
                let history = work.history.clone();
                tokio::spawn(async move {
                    match receipt.delivered().await {
                        Ok(delivered) => history.lock().acknowledges(who, place, value, delivered.offset.0),
                        Err(error) => history.lock().fails(who, "producing", &error),
                    }
                });
            }
            Err(error) => work.history.lock().fails(who, "sending", &error),
        }
        // At times more than one batch is on its way.
        if rng.below(30) == 0 {
            hurries = 1 + rng.below(25);
        }
        hurries = hurries.saturating_sub(1);
        pause(&mut rng, if hurries > 0 { 4 } else { 60 }).await;
    }
    producer.flush().await;
    producer.close().await;
}
