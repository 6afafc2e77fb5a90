//! Segments of a log, and snapshots of the cluster's metadata, which are made of the same batches.

use super::super::utf8::java_text;
use super::batch_file::BatchFile;
use super::decoder::{self, DecodedRecord};
use super::findings::Findings;
use super::{Request, base_offset};
use anyhow::{Context, anyhow};
use records::compression::{Codec, decompress};
use records::{BatchHeader, BatchView, Record, Records, TimestampType};
use std::borrow::Cow;
use std::io::Write;
use std::path::Path;

/// How far to look into the batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The batches only.
    Batches,
    /// The records too, but not what is in them.
    Records(Metadata),
    /// Keys and values too.
    Contents(Metadata),
}

/// Whether to print what is known of a record beside its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metadata {
    /// Yes.
    Print,
    /// No; control records are all metadata.
    Skip,
}

/// No file of Kafka holds a batch that decompresses to more.
const LARGEST_BLOCK: usize = i32::MAX as usize;

/// Prints a segment or a metadata snapshot.
pub fn dump(request: &Request, path: &Path, findings: &mut Findings, out: &mut dyn Write) -> anyhow::Result<()> {
    print_title(path, out)?;
    let mut file = BatchFile::open(path, request.max_bytes)?;
    // As in Kafka 4.3, the first record of every segment but a log's first is said to leave a gap.
    let mut last_offset = -1;
    let mut position = 0;
    while let Some(batch) = file.next()? {
        print_batch(&batch, position, out)?;
        position += batch.bytes().len() as u64;
        let (contents, metadata) = match request.segments {
            Depth::Batches => continue,
            Depth::Records(metadata) => (None, metadata),
            Depth::Contents(metadata) => (Some(&request.decoder), metadata),
        };
        let header = batch.header();
        let block = block(&batch)?;
        for record in Records::new(&block, header.record_count) {
            let record = record.with_context(|| format!("batch at offset {}", header.base_offset))?;
            let record = RecordAt::new(header, record);
            if record.offset != last_offset + 1 {
                findings.gap(path, last_offset, record.offset);
            }
            last_offset = record.offset;
            print_record(header, &record, metadata, contents, out)?;
        }
    }
    let trailing = file.end - position;
    if trailing > 0 && request.max_bytes == u64::from(i32::MAX.unsigned_abs()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        writeln!(out, "Found {trailing} invalid bytes at the end of {name}")?;
    }
    Ok(())
}

fn print_title(path: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name.ends_with(".log") {
        return Ok(writeln!(out, "Log starting offset: {}", base_offset(path)?)?);
    }
    if name == "bootstrap.checkpoint" {
        return Ok(writeln!(out, "KRaft bootstrap snapshot")?);
    }
    let id = name.strip_suffix(".checkpoint").and_then(|id| id.split_once('-'));
    let id = id.and_then(|(offset, epoch)| Some((offset.parse::<i64>().ok()?, epoch.parse::<i32>().ok()?)));
    let (offset, epoch) = id.ok_or_else(|| anyhow!("{name} is not the name of a metadata snapshot"))?;
    Ok(writeln!(out, "Snapshot end offset: {offset}, epoch: {epoch}")?)
}

/// The records of a batch, decompressed.
pub fn block<'a>(batch: &BatchView<'a>) -> anyhow::Result<Cow<'a, [u8]>> {
    let header = batch.header();
    let named = header.attributes.codec_id();
    match Codec::from_id(named).with_context(|| format!("Unknown compression type id: {named}"))? {
        Codec::None => Ok(Cow::Borrowed(batch.body())),
        codec => {
            let mut block = Vec::new();
            decompress(codec, batch.body(), LARGEST_BLOCK, &mut block)
                .with_context(|| format!("batch at offset {}", header.base_offset))?;
            Ok(Cow::Owned(block))
        }
    }
}

/// The latest time of a batch's records; -1 if it has none.
pub fn max_timestamp(batch: &BatchView<'_>, block: &mut Cow<'_, [u8]>) -> anyhow::Result<i64> {
    let header = batch.header();
    let mut latest = -1;
    for record in Records::new(block, header.record_count) {
        latest = latest.max(RecordAt::new(header, record?).timestamp);
    }
    Ok(latest)
}

/// A record with what its batch says of it.
struct RecordAt<'a> {
    record: Record<'a>,
    offset: i64,
    timestamp: i64,
    sequence: i32,
}

impl<'a> RecordAt<'a> {
    fn new(header: &BatchHeader, record: Record<'a>) -> Self {
        let timestamp = match header.attributes.timestamp_type() {
            TimestampType::CreateTime => header.base_timestamp.0.wrapping_add(record.timestamp_delta),
            TimestampType::LogAppendTime => header.max_timestamp.0,
        };
        let sequence = match header.base_sequence {
            base @ 0.. => base.wrapping_add(record.offset_delta) & i32::MAX,
            none => none,
        };
        let offset = header.base_offset.0.wrapping_add(i64::from(record.offset_delta));
        Self {
            record,
            offset,
            timestamp,
            sequence,
        }
    }
}

fn time_name(header: &BatchHeader) -> &'static str {
    match header.attributes.timestamp_type() {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    }
}

fn print_batch(batch: &BatchView<'_>, position: u64, out: &mut dyn Write) -> anyhow::Result<()> {
    let header = batch.header();
    let attributes = header.attributes;
    let horizon = if attributes.has_delete_horizon() {
        format!("OptionalLong[{}]", header.base_timestamp)
    } else {
        "OptionalLong.empty".to_owned()
    };
    let codec = Codec::from_id(attributes.codec_id());
    write!(
        out,
        "baseOffset: {} lastOffset: {} count: {} baseSequence: {} lastSequence: {} producerId: {} producerEpoch: {} \
         partitionLeaderEpoch: {} isTransactional: {} isControl: {} deleteHorizonMs: {horizon}",
        header.base_offset,
        header.last_offset(),
        header.record_count,
        header.base_sequence,
        header.last_sequence(),
        header.producer_id,
        header.producer_epoch,
        header.partition_leader_epoch,
        attributes.is_transactional(),
        attributes.is_control(),
    )?;
    writeln!(
        out,
        " position: {position} {}: {} size: {} magic: 2 compresscodec: {} crc: {} isvalid: {}",
        time_name(header),
        header.max_timestamp,
        header.size(),
        codec.with_context(|| format!("Unknown compression type id: {}", attributes.codec_id()))?,
        header.crc,
        batch.check().is_ok()
    )?;
    Ok(())
}

fn print_record(
    header: &BatchHeader,
    at: &RecordAt<'_>,
    metadata: Metadata,
    contents: Option<&decoder::Decoder>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut prefix = "| ";
    if metadata == Metadata::Print {
        print_metadata(header, at, out)?;
        prefix = " ";
        if header.attributes.is_control() {
            write!(out, " {}", decoder::control(&at.record)?)?;
        }
    }
    if let Some(decoder) = contents
        && !header.attributes.is_control()
    {
        let DecodedRecord { key, payload } = decoder.decode(&at.record, at.offset)?;
        if let Some(key) = key {
            write!(out, "{prefix}key: {key}")?;
        }
        if let Some(payload) = payload {
            write!(out, " payload: {payload}")?;
        }
    }
    Ok(writeln!(out)?)
}

fn print_metadata(header: &BatchHeader, at: &RecordAt<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
    let len = |field: Option<&[u8]>| field.map_or(-1, |field| i64::try_from(field.len()).unwrap_or(i64::MAX));
    let headers: Vec<_> = at.record.headers.map(|header| java_text(header.key)).collect();
    write!(
        out,
        "| offset: {} {}: {} keySize: {} valueSize: {} sequence: {} headerKeys: [{}]",
        at.offset,
        time_name(header),
        at.timestamp,
        len(at.record.key),
        len(at.record.value),
        at.sequence,
        headers.join(",")
    )?;
    Ok(())
}
