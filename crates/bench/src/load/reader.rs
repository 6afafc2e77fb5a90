//! A consumer without a group: an incremental fetch session over the partitions of one leader.

use crate::Target;
use crate::connection::{CLIENT_ID, Connection, decode};
use crate::offsets::{EARLIEST, LATEST, offsets};
use crate::topic::name_of;
use anyhow::{Context, Result, ensure};
use base::Uuid;
use bytes::Bytes;
use clap::Args;
use protocol::frame;
use protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use protocol::messages::fetch_response::PartitionData;
use records::{BatchError, BatchView};

const VERSION: i16 = 17;

/// How a reader asks; what is not said is the Java consumer's default.
#[derive(Args, Clone)]
pub struct Asking {
    /// How long a request may wait for something to read, in ms.
    #[arg(long, default_value_t = 500)]
    max_wait: i32,
    /// Bytes that are worth an answer.
    #[arg(long, default_value_t = 1)]
    min_bytes: i32,
    /// Bytes of one partition in one answer.
    #[arg(long, default_value_t = 1_048_576)]
    partition_bytes: i32,
    /// Bytes of an answer.
    #[arg(long, default_value_t = 52_428_800)]
    answer_bytes: i32,
}

/// Where a partition's reading stands.
struct Position {
    partition: i32,
    next: i64,
    end: i64,
    changed: bool,
}

/// Reads some partitions of a topic from one broker.
pub struct Reader {
    connection: Connection,
    asking: Asking,
    topic: Uuid,
    positions: Vec<Position>,
    session: i32,
    epoch: i32,
}

/// Where a reader begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// At the first record.
    Start,
    /// Behind the last.
    End,
}

/// What was read.
#[derive(Clone, Copy, Default)]
pub struct Read {
    /// Requests that were answered.
    pub requests: u64,
    /// Records.
    pub records: u64,
    /// Bytes of batches.
    pub bytes: u64,
}

impl Read {
    /// Adds another's.
    pub fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.records += other.records;
        self.bytes += other.bytes;
    }
}

impl Reader {
    /// Opens a connection and finds out where the partitions begin and end now.
    pub fn open(
        target: &Target,
        asking: &Asking,
        leader: &(String, Vec<i32>),
        topic: Uuid,
        from: From,
    ) -> Result<Self> {
        let mut connection = Connection::open(&leader.0, target)?;
        let ends = offsets(&mut connection, &target.topic, &leader.1, LATEST)?;
        let begins = match from {
            From::End => ends.clone(),
            From::Start => offsets(&mut connection, &target.topic, &leader.1, EARLIEST)?,
        };
        let position = |((partition, next), end): ((&i32, i64), i64)| Position {
            partition: *partition,
            next,
            end,
            changed: true,
        };
        let positions = leader.1.iter().zip(begins).zip(ends).map(position).collect();
        Ok(Self {
            connection,
            asking: asking.clone(),
            topic,
            positions,
            session: 0,
            epoch: 0,
        })
    }

    /// Whether everything is read that was there when it was opened.
    pub fn at_end(&self) -> bool {
        self.positions.iter().all(|position| position.next >= position.end)
    }

    /// Goes back to the first record.
    pub fn rewind(&mut self) {
        for position in &mut self.positions {
            position.next = 0;
            position.changed = true;
        }
    }

    /// Asks once and shows every batch that comes to `each`.
    pub fn poll(&mut self, mut each: impl FnMut(&BatchView<'_>) -> Result<()>) -> Result<Read> {
        let request = self.request();
        let bytes = frame::encode_request(&request, VERSION, self.epoch, Some(CLIENT_ID))?.into_bytes();
        self.connection.send(&bytes)?;
        let positions = &mut self.positions;
        let (session, read) = self.connection.receive(|frame| {
            let answer = decode::<FetchRequest>(frame, VERSION)?;
            ensure!(answer.error_code == 0, "fetch: {}", name_of(answer.error_code));
            let mut read = Read {
                requests: 1,
                ..Read::default()
            };
            for data in answer.responses.iter().flat_map(|topic| &topic.partitions) {
                let at = positions.binary_search_by_key(&data.partition_index, |position| position.partition);
                let position = &mut positions[at.ok().context("it was not asked for")?];
                read.add(position.take(data, &mut each)?);
            }
            Ok((answer.session_id, read))
        })?;
        self.session = session;
        self.epoch = if session == 0 { 0 } else { self.epoch + 1 };
        Ok(read)
    }

    fn request(&mut self) -> FetchRequest {
        let whole = self.epoch == 0;
        let limit = self.asking.partition_bytes;
        let mut partitions = Vec::new();
        for position in &mut self.positions {
            if whole || position.changed {
                position.changed = false;
                partitions.push(FetchPartition {
                    partition: position.partition,
                    current_leader_epoch: -1,
                    fetch_offset: position.next,
                    last_fetched_epoch: -1,
                    log_start_offset: -1,
                    partition_max_bytes: limit,
                    ..Default::default()
                });
            }
        }
        let topics = match partitions.is_empty() {
            true => Vec::new(),
            false => vec![FetchTopic {
                topic_id: self.topic,
                partitions,
                ..Default::default()
            }],
        };
        FetchRequest {
            max_wait_ms: self.asking.max_wait,
            min_bytes: self.asking.min_bytes,
            max_bytes: self.asking.answer_bytes,
            session_id: self.session,
            session_epoch: self.epoch,
            topics,
            ..Default::default()
        }
    }
}

impl Position {
    fn take(&mut self, data: &PartitionData, each: &mut impl FnMut(&BatchView<'_>) -> Result<()>) -> Result<Read> {
        let code = data.error_code;
        ensure!(code == 0, "partition {}: {}", self.partition, name_of(code));
        let mut read = Read::default();
        let bytes = data.records.as_ref().and_then(|records| records.as_bytes());
        for batch in records::batches::batches(bytes.map(Bytes::as_ref).unwrap_or_default()) {
            let batch = match batch {
                Ok(batch) => batch,
                // The end of an answer may cut a batch.
                Err(BatchError::Partial { .. }) => break,
                Err(error) => return Err(error.into()),
            };
            read.records += u64::try_from(batch.header().record_count)?;
            read.bytes += batch.bytes().len() as u64;
            self.next = batch.header().next_offset().0;
            self.changed = true;
            each(&batch)?;
        }
        Ok(read)
    }
}
