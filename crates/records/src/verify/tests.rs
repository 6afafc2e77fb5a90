use super::*;
use base::{LeaderEpoch, ProducerEpoch, ProducerId};

const NOW: Timestamp = Timestamp(1_000_000);

fn three(codec: Codec) -> BatchBuilder {
    let mut builder = BatchBuilder::new()
        .compressed(codec, Level::default_of(codec))
        .producer(ProducerId(3), ProducerEpoch(0), 17);
    for at in 0..3 {
        let header = RecordHeader {
            key: b"header",
            value: Some(b"x"),
        };
        builder.append(NOW.minus(at), Some(b"key"), Some(&[b'v'; 100]), &[header]);
    }
    builder
}

trait Minus {
    fn minus(self, ms: i64) -> Self;
}

impl Minus for Timestamp {
    fn minus(self, ms: i64) -> Self {
        Self(self.0 - ms)
    }
}

fn verify(bytes: &Bytes, rules: &ProduceRules) -> Result<VerifiedBatch, VerifyError> {
    VerifiedBatch::verify(bytes, rules, NOW, &mut Vec::new())
}

/// Bends the header of a batch of three and puts the checksum right again.
fn bent(bend: impl Fn(&mut BatchHeader)) -> Bytes {
    let batch = three(Codec::None).build();
    let mut header = *batch.header();
    bend(&mut header);
    header.crc = checksum_of(&header, batch.body());
    [&header.to_bytes()[..], batch.body()].concat().into()
}

/// A batch whose block is `body`, with header and checksum to match.
fn with_body(body: &[u8], bend: impl Fn(&mut BatchHeader)) -> Bytes {
    let mut header = *three(Codec::None).build().header();
    header.batch_length = i32::try_from(HEADER_LEN - 12 + body.len()).expect("small");
    bend(&mut header);
    header.crc = checksum_of(&header, body);
    [&header.to_bytes()[..], body].concat().into()
}

#[test]
fn good_batches_pass_untouched_whatever_their_codec() {
    for codec in Codec::ALL {
        let sent = three(codec).build().to_bytes();
        let batch = verify(&sent, &ProduceRules::default()).expect("accepted");
        assert_eq!(batch.to_bytes(), sent, "{codec}");
        assert_eq!(
            batch.body().as_ptr(),
            sent[HEADER_LEN..].as_ptr(),
            "{codec}: not copied"
        );
    }
}

#[test]
fn every_pair_of_codecs_recompresses() {
    for from in Codec::ALL {
        for to in Codec::ALL {
            let compression = TopicCompression::Target(to, Level::default_of(to));
            let rules = ProduceRules {
                compression,
                ..ProduceRules::default()
            };
            let sent = three(from).build().to_bytes();
            let batch = verify(&sent, &rules).expect("accepted").to_bytes();
            assert_eq!(batch == sent, from == to, "{from} to {to}");
            // Back to no compression, all are the same batch.
            let plain = TopicCompression::Target(Codec::None, Level::default_of(Codec::None));
            let rules = ProduceRules {
                compression: plain,
                ..ProduceRules::default()
            };
            assert_eq!(
                verify(&batch, &rules).expect("accepted"),
                three(Codec::None).build(),
                "{from} to {to}"
            );
        }
    }
}

#[test]
fn contradictory_headers_are_refused() {
    let count = |count, last_offset_delta| {
        VerifyError::Header(Refusal::Count {
            count,
            last_offset_delta,
        })
    };
    let cases: [(Bytes, VerifyError); 10] = [
        (Bytes::new(), Refusal::NoBatch.into()),
        (
            bent(|header| header.base_offset = Offset(1)),
            Refusal::BaseOffset(1).into(),
        ),
        (bent(|header| header.record_count = 0), count(0, 2)),
        (bent(|header| header.record_count = -1), count(-1, 2)),
        (bent(|header| header.last_offset_delta = 3), count(3, 3)),
        (
            bent(|header| header.attributes = header.attributes.control()),
            Refusal::Control.into(),
        ),
        (bent(|header| header.base_sequence = -1), Refusal::Sequence(-1).into()),
        (bent(|header| header.attributes.0 |= 7), Refusal::Codec(7).into()),
        (
            bent(|header| (header.record_count, header.last_offset_delta) = (2, 1)),
            StructureError::Trailing {
                declared: 2,
                bytes: 123,
            }
            .into(),
        ),
        (
            bent(|header| (header.record_count, header.last_offset_delta) = (4, 3)),
            StructureError::TooFew { declared: 4, found: 3 }.into(),
        ),
    ];
    for (bytes, expected) in cases {
        let found = verify(&bytes, &ProduceRules::default()).expect_err("refused");
        match (&expected, &found) {
            (VerifyError::Header(Refusal::Count { count: 3, .. }), VerifyError::Header(Refusal::Count { .. })) => {}
            (
                VerifyError::Structure(StructureError::Trailing { .. }),
                VerifyError::Structure(StructureError::Trailing { .. }),
            ) => {}
            _ => assert_eq!(found, expected),
        }
    }
    let twice = [
        three(Codec::None).build().to_bytes(),
        three(Codec::None).build().to_bytes(),
    ]
    .concat();
    assert_eq!(
        verify(&twice.into(), &ProduceRules::default()),
        Err(Refusal::MoreThanOneBatch.into())
    );
}

#[test]
fn flipped_bits_and_cuts_are_refused_and_never_panic() {
    for codec in Codec::ALL {
        let sent = three(codec).build().to_bytes();
        for at in 0..sent.len() {
            let mut bytes = sent.to_vec();
            bytes[at] ^= 0x10;
            let result = verify(&Bytes::from(bytes), &ProduceRules::default());
            // The leader epoch is the one field that means nothing in a request.
            assert_eq!(result.is_ok(), (12..16).contains(&at), "{codec} byte {at}: {result:?}");
            assert!(
                verify(&sent.slice(..at), &ProduceRules::default()).is_err(),
                "{codec} cut at {at}"
            );
        }
    }
}

#[test]
fn garbage_under_a_good_checksum_is_refused_and_never_panics() {
    let mut rng = base::Rng::from_seed(11);
    for round in 0..2000 {
        let mut body = vec![0; rng.below(200) as usize];
        rng.fill(&mut body);
        let codec = (round % 5) as u8;
        let bytes = with_body(&body, |header| {
            header.attributes = header.attributes.with_codec_id(codec)
        });
        assert!(verify(&bytes, &ProduceRules::default()).is_err(), "round {round}");
    }
}

#[test]
fn timestamps_are_held_to_the_topics_window() {
    let rules = ProduceRules {
        timestamp_before_max_ms: 10,
        timestamp_after_max_ms: 5,
        ..ProduceRules::default()
    };
    let at = |times: &[i64]| {
        let mut builder = BatchBuilder::new();
        times
            .iter()
            .for_each(|time| builder.append(Timestamp(*time), None, None, &[]));
        verify(&builder.build().to_bytes(), &rules)
    };
    assert!(at(&[NOW.0 - 10, NOW.0 + 5, -1]).is_ok());
    let error = at(&[NOW.0, NOW.0 - 11, NOW.0 + 6]).expect_err("refused");
    assert!(error.is_timestamp());
    let VerifyError::Records(errors) = &error else {
        panic!("{error:?}")
    };
    let (from, to) = (NOW.0 - 10, NOW.0 + 5);
    let expected = [(1, NOW.0 - 11), (2, NOW.0 + 6)].map(|(index, timestamp)| RecordError {
        index,
        reason: RecordRefusal::TimestampOutOfRange { timestamp, from, to },
    });
    assert_eq!(errors[..], expected);
    assert_eq!(
        error.to_string(),
        "One or more records have been rejected due to invalid timestamp"
    );
}

#[test]
fn a_claim_to_the_brokers_time_is_refused_where_the_broker_stamps_and_dropped_where_not() {
    let mut builder = BatchBuilder::new().log_append_time(NOW);
    builder.append(NOW, None, None, &[]);
    let bytes = builder.build().to_bytes();
    let verify_as = |timestamp_type| {
        let rules = ProduceRules {
            timestamp_type,
            ..ProduceRules::default()
        };
        verify(&bytes, &rules)
    };
    let error = verify_as(TimestampType::LogAppendTime).expect_err("refused");
    let expected = RecordError {
        index: 0,
        reason: RecordRefusal::ProducerSetLogAppendTime,
    };
    assert_eq!(error, VerifyError::Records(vec![expected]));
    assert!(error.is_timestamp());
    let batch = verify_as(TimestampType::CreateTime).expect("accepted, as Kafka does");
    assert_eq!(batch.header().attributes.timestamp_type(), TimestampType::CreateTime);
}

#[test]
fn a_transaction_needs_a_producer_when_the_batch_is_written_anew() {
    let mut builder = BatchBuilder::new().transactional();
    builder.append(NOW, None, None, &[]);
    let bytes = builder.build().to_bytes();
    assert!(verify(&bytes, &ProduceRules::default()).is_ok());
    let compression = TopicCompression::Target(Codec::Lz4, Level::default_of(Codec::Lz4));
    let rules = ProduceRules {
        compression,
        ..ProduceRules::default()
    };
    assert_eq!(verify(&bytes, &rules), Err(Refusal::TransactionWithoutProducer.into()));
}

#[test]
fn log_append_time_is_stamped_and_summed_again() {
    for codec in Codec::ALL {
        let rules = ProduceRules {
            timestamp_type: TimestampType::LogAppendTime,
            ..ProduceRules::default()
        };
        let sent = three(codec).build().to_bytes();
        let stored = verify(&sent, &rules).expect("accepted").to_bytes();
        let (batch, _) = BatchView::split(&stored).expect("a batch");
        assert_eq!(batch.check(), Ok(()));
        assert_eq!(batch.header().max_timestamp, NOW);
        assert_eq!(batch.header().attributes.timestamp_type(), TimestampType::LogAppendTime);
        assert_eq!(
            stored[HEADER_LEN..],
            sent[HEADER_LEN..],
            "{codec}: records are not touched"
        );
    }
}

#[test]
fn a_wrong_max_timestamp_is_put_right() {
    let bytes = bent(|header| header.max_timestamp = Timestamp(5));
    let batch = verify(&bytes, &ProduceRules::default()).expect("accepted");
    assert_eq!(batch, three(Codec::None).build());
}

#[test]
fn compacted_topics_need_keys() {
    let rules = ProduceRules {
        key_required: true,
        ..ProduceRules::default()
    };
    assert!(verify(&three(Codec::Zstd).build().to_bytes(), &rules).is_ok());
    let mut builder = three(Codec::None);
    builder.append(NOW, None, None, &[]);
    let error = verify(&builder.build().to_bytes(), &rules).expect_err("refused");
    assert_eq!(
        error,
        VerifyError::Records(vec![RecordError {
            index: 3,
            reason: RecordRefusal::NoKey
        }])
    );
    assert!(!error.is_timestamp());
}

#[test]
fn offset_deltas_out_of_order_are_put_in_order() {
    let mut body = three(Codec::None).build().body().to_vec();
    // A record is two bytes of length, one of attributes, two of timestamp delta or one, then its offset delta.
    let at = 2 + 1 + 1;
    assert_eq!(body[at], 0);
    body[at] = 8;
    let batch = verify(&with_body(&body, |_| {}), &ProduceRules::default()).expect("accepted");
    assert_eq!(batch, three(Codec::None).build());
}

#[test]
fn sizes_are_bounded() {
    let bytes = three(Codec::None).build().to_bytes();
    let size = bytes.len();
    let max = u32::try_from(size).expect("small") - 1;
    let rules = ProduceRules {
        max_batch_bytes: max,
        ..ProduceRules::default()
    };
    assert_eq!(verify(&bytes, &rules), Err(VerifyError::TooLarge { size, max }));
    assert!(
        verify(
            &bytes,
            &ProduceRules {
                max_batch_bytes: max + 1,
                ..rules
            }
        )
        .is_ok()
    );
    let small = three(Codec::Zstd).build().to_bytes();
    let plain = TopicCompression::Target(Codec::None, Level::default_of(Codec::None));
    let grows = ProduceRules {
        compression: plain,
        ..rules
    };
    assert_eq!(
        verify(&small, &grows),
        Err(VerifyError::TooLarge { size, max }),
        "checked again after rebuilding"
    );
    let bomb = ProduceRules {
        max_decompressed_bytes: 50,
        ..rules
    };
    let error = verify(&small, &bomb).expect_err("refused");
    assert!(
        matches!(error, VerifyError::Decompress(DecompressError::TooLarge { .. })),
        "{error:?}"
    );
    assert_eq!(
        three(Codec::None).build().header().partition_leader_epoch,
        LeaderEpoch::NONE
    );
}
