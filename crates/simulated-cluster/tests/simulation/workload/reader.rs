//! A consumer in no group, from the first record on: it misses nothing, and nothing comes twice or in another order.

use super::{PARTITIONS, Stage, Work, records};
use base::{Offset, TopicPartition};
use client::admin::IsolationLevel;
use client::consume::{Consumer, ConsumerSettings, OffsetReset, StartAt};
use std::collections::BTreeMap;
use std::time::Duration;

pub async fn run(work: Work, who: &'static str, topic: &'static str, isolation: IsolationLevel) {
    let settings = ConsumerSettings {
        reset: OffsetReset::None,
        isolation,
        ..ConsumerSettings::default()
    };
    let mut consumer = Consumer::new(work.cluster(who), settings);
    for partition in 0..PARTITIONS {
        consumer.add(TopicPartition::new(topic, partition), StartAt::Offset(Offset(0)));
    }
    let mut last = BTreeMap::new();
    while work.stage() < Stage::Nothing {
        let chunks = match consumer.poll(Duration::from_millis(200)).await {
            Ok(chunks) => chunks,
            Err(error) => {
                work.history.lock().fails(who, "reading", &error);
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let mut told = work.history.lock();
        for (place, records) in chunks.iter().map(records) {
            for (offset, value) in records {
                let before = last.insert(place, offset).unwrap_or(-1);
                if offset <= before {
                    told.wrong(format!("{who} was handed {place:?} {offset} after {before}"));
                }
                told.sees(who, place, offset, &value);
                if isolation == IsolationLevel::ReadCommitted {
                    told.committed_saw.insert((place, value));
                }
            }
        }
    }
    work.history.note(format_args!("{who} read up to {last:?}"));
}
