use super::super::response::Gathered;
use super::*;
use base::fs::{FileRegion, Fs, Open, RealFs};
use base::{NodeId, Offset, Rng, Uuid};
use metadata::MetadataImage;
use network::{Alarm, ConnectionContext, Principal, Throttle};
use protocol::messages::fetch_response::AbortedTransaction;
use protocol::metadata_records::MetadataRecord;
use protocol::metadata_records::partition_record::PartitionRecord;
use protocol::metadata_records::register_broker_record::{BrokerEndpoint, RegisterBrokerRecord};
use protocol::metadata_records::topic_record::TopicRecord;
use protocol::{ApiKey, ErrorCode, frame};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

const TOPIC: Uuid = Uuid::ONE;

/// A topic of two partitions, led by brokers with a rack and without.
fn image() -> MetadataImage {
    let broker = |broker_id, host: usize, rack: Option<usize>| {
        let endpoint = BrokerEndpoint {
            name: "PLAINTEXT".to_owned(),
            host: "h".repeat(host),
            port: 9092,
            security_protocol: 0,
        };
        MetadataRecord::RegisterBroker(RegisterBrokerRecord {
            broker_id,
            end_points: vec![endpoint],
            rack: rack.map(|length| "r".repeat(length)),
            ..Default::default()
        })
    };
    let partition = |partition_id, leader| {
        MetadataRecord::Partition(PartitionRecord {
            partition_id,
            topic_id: TOPIC,
            replicas: vec![leader],
            isr: vec![leader],
            leader,
            leader_epoch: 7,
            partition_epoch: 0,
            ..Default::default()
        })
    };
    let topic = TopicRecord {
        name: "t".to_owned(),
        topic_id: TOPIC,
    };
    let records = [
        broker(1, 200, None),
        broker(2, 3, Some(150)),
        MetadataRecord::Topic(topic),
        partition(0, 1),
        partition(1, 2),
    ];
    let mut image = MetadataImage::default();
    records.iter().for_each(|record| image.apply(record).unwrap());
    image
}

fn context(api_version: i16) -> RequestContext {
    RequestContext {
        api_key: ApiKey::Fetch,
        api_version,
        correlation_id: 1,
        client_id: Arc::from("c"),
        connection: Arc::new(ConnectionContext {
            id: 1,
            listener: Arc::from("PLAINTEXT"),
            peer: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1),
            principal: Principal::anonymous(),
            client_software: network::ClientSoftware::default(),
            life: None,
            alarm: Alarm::default(),
            throttle: Throttle::default(),
        }),
    }
}

/// A number that is mostly small, and sometimes at the edge of one byte or two.
fn some(rng: &mut Rng) -> usize {
    [0, 1, 2, 3, 126, 127, 128, 129][rng.below(8) as usize]
}

fn key(rng: &mut Rng, version: i16) -> FetchPartitionKey {
    let topics = ["t", "unknown", &"long".repeat(60)];
    let at = rng.below(3) as usize;
    let by_id = version >= IDS_FROM;
    FetchPartitionKey {
        topic_id: if by_id { [TOPIC, Uuid([5; 16]), Uuid([6; 16])][at] } else { Uuid::ZERO },
        topic: Arc::from(if by_id { "" } else { topics[at] }),
        index: rng.below(2) as i32,
    }
}

fn read(rng: &mut Rng, version: i16, region: &FileRegion) -> Read {
    let errors = [
        ErrorCode::None,
        ErrorCode::None,
        ErrorCode::OffsetOutOfRange,
        ErrorCode::NotLeaderOrFollower,
        ErrorCode::FencedLeaderEpoch,
    ];
    let aborted = |rng: &mut Rng| {
        let one = AbortedTransaction {
            producer_id: 1,
            first_offset: 2,
        };
        vec![one; some(rng)]
    };
    let mut read = Read::failed(errors[rng.below(5) as usize]);
    read.high_watermark = Offset(rng.below(1_000) as i64);
    read.unknown = rng.below(5) == 0;
    read.aborted = (rng.below(2) == 0).then(|| aborted(rng));
    read.diverging = (version >= FLEXIBLE_FROM && rng.below(4) == 0).then(|| EpochEndOffset {
        epoch: rng.below(2) as i32 - 1,
        end_offset: -1,
    });
    read.preferred = (version >= 11 && rng.below(4) == 0).then_some(NodeId(1));
    let length = some(rng) as u32 * 130;
    read.region = (rng.below(2) == 0).then(|| FileRegion {
        len: length,
        ..region.clone()
    });
    read.bytes = (read.region.is_some() && rng.below(2) == 0).then(|| vec![0; length as usize]);
    read
}

/// What was counted when the answer was encoded for it.
fn encoded(gathered: Gathered<'_>, version: i16) -> u64 {
    let frame = frame::encode_response(&gathered.finish(0), ApiKey::Fetch, version, 1).unwrap();
    let header = frame::response_prefix(ApiKey::Fetch, version, 1, 0).unwrap();
    frame.len() - (header.len() as u64 - 4)
}

#[test]
fn the_length_is_that_of_the_answer_in_every_version() {
    let dir = tempfile::tempdir().unwrap();
    let file = RealFs.open(&dir.path().join("records"), Open::Create).unwrap();
    let region = FileRegion {
        file,
        position: 0,
        len: 0,
    };
    let image = image();
    for version in ApiKey::Fetch.api().versions.unwrap().iter() {
        let context = context(version);
        for seed in 0..100 {
            let mut rng = Rng::from_seed(seed);
            let (mut length, mut gathered) = (Length::new(&image, &context), Gathered::new(&image, &context));
            for _ in 0..some(&mut rng) {
                let (key, read) = (key(&mut rng, version), read(&mut rng, version, &region));
                length.add(&key, &read);
                gathered.add(&key, read);
            }
            assert_eq!(length.finish(), encoded(gathered, version), "version {version}, seed {seed}");
        }
    }
}
