use super::*;
use base::Rng;

/// What Java clients wrote through Apache Kafka 4.3: 400 records, the same for every codec.
const BY_JAVA: [(Codec, &[u8]); 5] = [
    (Codec::None, include_bytes!("fixtures/none.log")),
    (Codec::Gzip, include_bytes!("fixtures/gzip.log")),
    (Codec::Snappy, include_bytes!("fixtures/snappy.log")),
    (Codec::Lz4, include_bytes!("fixtures/lz4.log")),
    (Codec::Zstd, include_bytes!("fixtures/zstd.log")),
];
const PLENTY: usize = 16 * 1024 * 1024;

/// The codec and the compressed records of each batch in a segment.
fn blocks(log: &[u8]) -> Vec<(Codec, i32, &[u8])> {
    crate::batches(log)
        .map(|batch| {
            let batch = batch.expect("Kafka's batches are well-formed");
            let header = batch.header();
            let codec = Codec::from_id(header.attributes.codec_id()).expect("Kafka's codecs are known");
            (codec, header.record_count, batch.body())
        })
        .collect()
}

fn compressed(codec: Codec, input: &[u8]) -> Vec<u8> {
    let mut output = Vec::new();
    compress(codec, Level::default_of(codec), input, &mut output).expect("compressing does not fail");
    output
}

fn decompressed(codec: Codec, input: &[u8], max_output: usize) -> Result<Vec<u8>, DecompressError> {
    let mut output = Vec::new();
    decompress(codec, input, max_output, &mut output)?;
    Ok(output)
}

/// Texts of all sizes around the block sizes of the codecs, from dull to random.
fn samples() -> Vec<Vec<u8>> {
    let mut rng = Rng::from_seed(11);
    let mut samples = vec![Vec::new(), vec![7], b"abcabcabcabc".to_vec()];
    for size in [32 * 1024 - 1, 32 * 1024, 64 * 1024, 64 * 1024 + 1, 300_000] {
        samples.push(vec![b'x'; size]);
        let mut random = vec![0; size];
        rng.fill(&mut random);
        samples.push(random);
        let words = (0..).flat_map(|number| format!("{{\"id\":{number},\"name\":\"n{}\"}}", number % 17).into_bytes());
        samples.push(words.take(size).collect());
    }
    samples
}

#[test]
fn what_is_compressed_decompresses() {
    for sample in samples() {
        for codec in Codec::ALL {
            let bytes = compressed(codec, &sample);
            let back = decompressed(codec, &bytes, sample.len());
            assert!(
                back.as_ref() == Ok(&sample),
                "{codec}, {} bytes: {:?}",
                sample.len(),
                back.map(|it| it.len())
            );
        }
    }
}

#[test]
fn every_level_of_kafka_compresses() {
    let sample = samples().pop().expect("there are samples")[..30_000].to_vec();
    for (codec, levels) in [
        (Codec::Gzip, vec![-1, 1, 9]),
        (Codec::Lz4, vec![1, 17]),
        (Codec::Zstd, vec![-131_072, 22]),
    ] {
        for level in levels {
            let mut bytes = Vec::new();
            let chosen = Level::new(codec, level).expect("a level of Kafka");
            compress(codec, chosen, &sample, &mut bytes).expect("compressing does not fail");
            assert_eq!(
                decompressed(codec, &bytes, PLENTY).as_ref(),
                Ok(&sample),
                "{codec} at {level}"
            );
        }
    }
    for (codec, level) in [
        (Codec::Gzip, 0),
        (Codec::Gzip, 10),
        (Codec::Lz4, 0),
        (Codec::Lz4, 18),
        (Codec::Zstd, 23),
    ] {
        assert!(Level::new(codec, level).is_err(), "{codec} at {level}");
    }
}

#[test]
fn batches_by_java_hold_the_same_records_in_every_codec() {
    let mut plain = Vec::new();
    for (codec, log) in BY_JAVA {
        let mut values = Vec::new();
        for (named, count, body) in blocks(log) {
            assert_eq!(named, codec);
            let block = decompressed(codec, body, PLENTY).expect("Java's bytes decompress");
            for record in crate::Records::new(&block, count) {
                let record = record.expect("Java's records are well-formed");
                values.push((record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec)));
            }
        }
        assert_eq!(values.len(), 400, "{codec}");
        if codec == Codec::None {
            plain = values;
        } else {
            assert!(values == plain, "{codec}: other records than without compression");
        }
    }
}

#[test]
fn framings_are_kafkas() {
    let framing = |codec, bytes: usize| {
        let text = compressed(codec, &[b'x'; 1000]);
        text[..bytes]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    assert_eq!(framing(Codec::Snappy, 16), "82534e41505059000000000100000001");
    assert_eq!(framing(Codec::Lz4, 7), "04224d18604082");
    assert_eq!(framing(Codec::Gzip, 4), "1f8b0800");
    assert_eq!(framing(Codec::Zstd, 4), "28b52ffd");
}

#[test]
fn the_cap_holds() {
    for sample in samples().into_iter().filter(|sample| !sample.is_empty()) {
        for codec in Codec::ALL {
            let max_output = sample.len() - 1;
            let bytes = compressed(codec, &sample);
            let refused = decompressed(codec, &bytes, max_output);
            assert_eq!(refused, Err(DecompressError::TooLarge { codec, max_output }), "{codec}");
        }
    }
}

#[test]
fn a_bomb_costs_no_more_than_the_cap() {
    let bomb = vec![0; 64 * 1024 * 1024];
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let bytes = compressed(codec, &bomb);
        let mut output = Vec::new();
        let refused = decompress(codec, &bytes, 100_000, &mut output);
        assert_eq!(
            refused,
            Err(DecompressError::TooLarge {
                codec,
                max_output: 100_000
            })
        );
        assert!(
            output.capacity() < 1024 * 1024,
            "{codec} took {} bytes",
            output.capacity()
        );
    }
}

#[test]
fn claims_alone_take_no_memory() {
    // A zstd frame that claims a window of 128 MiB and 2^60 bytes of content, and a snappy block of 4 GiB.
    let zstd = [
        0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0x88, 0, 0, 0, 0, 0, 0, 0, 0x10, 0x01, 0, 0,
    ];
    let snappy = [0xff, 0xff, 0xff, 0xff, 0x0f, 0];
    for (codec, bytes) in [(Codec::Zstd, zstd.as_slice()), (Codec::Snappy, snappy.as_slice())] {
        let mut output = Vec::new();
        let refused = decompress(codec, bytes, usize::MAX, &mut output);
        assert!(
            matches!(refused, Err(DecompressError::Corrupt { .. })),
            "{codec}: {refused:?}"
        );
        assert!(
            output.capacity() <= 1024 * 1024,
            "{codec} took {} bytes",
            output.capacity()
        );
    }
}

#[test]
fn hostile_bytes_are_refused_or_decompressed_within_the_cap() {
    const CAP: usize = 200_000;
    let mut rng = Rng::from_seed(23);
    let sample = samples().pop().expect("there are samples")[..60_000].to_vec();
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let good = compressed(codec, &sample);
        let mut output = Vec::new();
        for round in 0..2000 {
            let mut bytes = good.clone();
            for _ in 0..=rng.below(4) {
                // Half of the damage hits the headers at the front.
                let within = if rng.below(2) == 0 {
                    bytes.len().min(40)
                } else {
                    bytes.len()
                };
                let at = usize::try_from(rng.below(within as u64)).expect("fits");
                bytes[at] = rng.next_u64().to_le_bytes()[0];
            }
            if rng.below(4) == 0 {
                bytes.truncate(usize::try_from(rng.below(bytes.len() as u64)).expect("fits"));
            }
            if decompress(codec, &bytes, CAP, &mut output).is_ok() {
                assert!(output.len() <= CAP, "{codec}, seed 23, round {round}");
            }
        }
    }
}

#[test]
fn cut_off_bytes_are_refused() {
    let sample = samples().pop().expect("there are samples");
    for codec in [Codec::Gzip, Codec::Lz4, Codec::Zstd] {
        let bytes = compressed(codec, &sample);
        for len in [0, 1, 5, 12, bytes.len() / 2, bytes.len() - 1] {
            let refused = decompressed(codec, &bytes[..len], PLENTY);
            assert!(
                matches!(refused, Err(DecompressError::Corrupt { .. })) || len == 0,
                "{codec}, {len} bytes"
            );
        }
    }
}

#[test]
fn gzip_takes_several_members_and_ignores_what_follows() {
    let mut bytes = compressed(Codec::Gzip, b"one ");
    bytes.extend(compressed(Codec::Gzip, b"two"));
    bytes.extend_from_slice(b"padding that is no member at all");
    assert_eq!(decompressed(Codec::Gzip, &bytes, 7), Ok(b"one two".to_vec()));
}

#[test]
fn snappy_takes_a_raw_block_and_a_second_header() {
    let raw = snap::raw::Encoder::new()
        .compress_vec(b"raw raw raw raw")
        .expect("compressing does not fail");
    assert_eq!(decompressed(Codec::Snappy, &raw, 100), Ok(b"raw raw raw raw".to_vec()));
    let mut twice = compressed(Codec::Snappy, b"one ");
    twice.extend(compressed(Codec::Snappy, b"two"));
    assert_eq!(decompressed(Codec::Snappy, &twice, 100), Ok(b"one two".to_vec()));
}

#[test]
fn lz4_takes_every_form_of_the_frame() {
    // Linked blocks, block checksums, a content checksum and the content's size, as no Kafka client writes but the format allows.
    let content = b"riverrun riverrun riverrun riverrun, past Eve and Adam's".to_vec();
    let block = lz4_flex::block::compress(&content[..36]);
    let rest = lz4_flex::block::compress_with_dict(&content[36..], &content[..36]);
    let mut frame = vec![0x04, 0x22, 0x4d, 0x18, 0x5c, 0x40];
    frame.extend_from_slice(&(content.len() as u64).to_le_bytes());
    frame.push(xxhash::xxh32(&frame[4..]).to_be_bytes()[2]);
    for block in [block, rest] {
        frame.extend_from_slice(&(block.len() as u32).to_le_bytes());
        frame.extend_from_slice(&block);
        frame.extend_from_slice(&xxhash::xxh32(&block).to_le_bytes());
    }
    frame.extend_from_slice(&0_u32.to_le_bytes());
    frame.extend_from_slice(&xxhash::xxh32(&content).to_le_bytes());
    assert_eq!(decompressed(Codec::Lz4, &frame, 1000), Ok(content));
    let at = frame.len() - 1;
    frame[at] ^= 1;
    let refused = decompressed(Codec::Lz4, &frame, 1000);
    assert!(matches!(
        refused,
        Err(DecompressError::Corrupt {
            reason: "the content's checksum is wrong",
            ..
        })
    ));
}

#[test]
fn lz4_works_harder_at_every_level_but_the_default() {
    let size = |level: Level, sample: &[u8]| {
        let mut bytes = Vec::new();
        compress(Codec::Lz4, level, sample, &mut bytes).expect("compressing does not fail");
        let back = decompressed(Codec::Lz4, &bytes, sample.len());
        assert!(back.as_deref() == Ok(sample), "{level:?}, {} bytes", sample.len());
        bytes.len()
    };
    let mut rng = Rng::from_seed(31);
    let mut samples = samples();
    // All lengths around the rules for a block's end.
    samples.extend((0..40).map(|len| vec![b'x'; len]));
    samples.extend((0..40).map(|len| b"abcdefgabcdefg".iter().copied().cycle().take(len).collect()));
    for _ in 0..200 {
        let len = usize::try_from(rng.below(3000)).expect("fits");
        samples.push((0..len).map(|_| b"ab\x00c"[rng.next_u64() as usize % 4]).collect());
    }
    for sample in &samples {
        let levels: &[i32] = if sample.len() < 10_000 { &[1, 4, 12, 17] } else { &[5] };
        for level in levels.iter().copied() {
            size(Level::new(Codec::Lz4, level).expect("a level of Kafka"), sample);
        }
    }
    let words = &samples[17][..30_000];
    let [least, most] = [1, 12].map(|level| size(Level::new(Codec::Lz4, level).expect("a level of Kafka"), words));
    let default = size(Level::default_of(Codec::Lz4), words);
    assert!(
        most < least && least < default,
        "default {default}, level 1 {least}, level 12 {most}"
    );
}
