//! Mending: what is damaged is asked of another replica and written in its place.
//!
//! Below the high watermark every replica has the same batches, in the same bytes, so that those of another fit where ours
//! lay: nothing is cut, nobody leaves the in-sync replicas, no leadership moves. They are read as a consumer reads them, of
//! the leader or, where this broker leads, of a follower in sync (KIP-392); Kafka's brokers give them as well. Bytes that
//! do not fit exactly (a log compacted here and there at different times) are not written; the damage stays and is told.

use super::{Ill, Scrub, walk};
use crate::Broker;
use crate::partitions::Hosted;
use crate::replication::{FetchFailed, connect};
use base::{NodeId, Offset, TopicPartition, Uuid};
use bytes::Bytes;
use client::Channel;
use metadata::image::PartitionImage;
use protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use protocol::{ErrorCode, Records};
use records::{BatchError, BatchView, LOG_OVERHEAD, ReplicatedBatches};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use storage::StorageError;
use storage::closed::ClosedSegment;
use storage::damage::{Damage, Patch, PatchError};
use storage::fsck::segment::Depth;
use tracing::{error, warn};

/// Asked for at once.
const PIECE: i32 = 1 << 20;
/// More than this is no rot but the loss of a file; it is not held in memory.
const MOST: usize = 64 << 20;
/// How long another replica may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why something stays damaged.
#[derive(Debug, thiserror::Error)]
enum Unmended {
    #[error("there is no other replica in sync")]
    Alone,
    #[error("{node} cannot be asked: {error}")]
    Peer { node: NodeId, error: FetchFailed },
    #[error("{node} answers {error}")]
    Refused { node: NodeId, error: ErrorCode },
    #[error("{node} has not got it either")]
    Absent { node: NodeId },
    #[error("what {node} has is damaged too: {error}")]
    Damaged { node: NodeId, error: BatchError },
    #[error("the batches of {node} are others at offset {at}, as those of a compacted log may be")]
    Different { node: NodeId, at: Offset },
    #[error("more than {MOST} bytes are damaged: the replica's directory had better be removed, to be fetched anew")]
    TooMuch,
    #[error("the segment cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error(transparent)]
    Patch(#[from] PatchError),
}

/// A partition whose damage is mended.
struct Patient<'a> {
    broker: &'a Broker,
    hosted: &'a Hosted,
    partition: TopicPartition,
    topic: Uuid,
    image: Arc<PartitionImage>,
    is_compacted: bool,
}

impl Scrub {
    /// Mends what can be; answers what cannot, if it is still part of the log.
    pub(super) async fn mend(&mut self, mut ill: Ill) -> Option<Ill> {
        let broker = Arc::clone(&self.broker);
        let hosted = Arc::clone(&ill.hosted);
        let patient = Patient::new(&broker, &hosted)?;
        let mut left = Vec::new();
        let mut todo = std::mem::take(&mut ill.damages);
        while let Some(damage) = todo.pop() {
            if *self.stopping.borrow() {
                return None;
            }
            match patient.mend(&ill.segment, damage).await {
                Ok(batches) => {
                    self.counters.mended.add(batches);
                    // A header that was damaged had hidden what follows it.
                    todo.extend(self.look_again(&ill.segment, damage).await);
                }
                Err(Unmended::Patch(PatchError::Gone)) => return None,
                Err(reason) => {
                    let (file, from) = (ill.segment.path(), damage.from);
                    error!(file = %file.display(), byte = damage.position, %from, until = %damage.until, %reason, "damage cannot be mended now; nobody is served from it");
                    left.push(damage);
                }
            }
        }
        ill.segment.quarantine(&left);
        ill.damages = left;
        (!ill.damages.is_empty()).then_some(ill)
    }

    /// What is still damaged of a stretch and what follows it, now that its start has been mended.
    async fn look_again(&mut self, segment: &ClosedSegment, damage: Damage) -> Vec<Damage> {
        let walk = match segment.walk_from(damage.position, damage.from, Depth::Checksums) {
            Ok(walk) => walk.up_to(damage.end, damage.until),
            Err(error) => {
                warn!(%error, "what was mended cannot be read");
                return Vec::new();
            }
        };
        match walk::through(&self.broker, walk, &self.counters, &mut self.stopping).await {
            // At the same place: what was written is not what is read, which another try would not better.
            Ok(Some(found)) => found
                .damages
                .into_iter()
                .filter(|left| left.position > damage.position)
                .collect(),
            Ok(None) => Vec::new(),
            Err(error) => {
                warn!(%error, "what was mended cannot be read");
                Vec::new()
            }
        }
    }
}

impl<'a> Patient<'a> {
    /// None if the cluster knows no such partition any more.
    fn new(broker: &'a Broker, hosted: &'a Hosted) -> Option<Self> {
        let (partition, topic, is_compacted) = {
            let locked = hosted.lock();
            let log = locked.log();
            (log.topic_partition().clone(), locked.topic_id(), log.config().compact)
        };
        let image = Arc::clone(&broker.image.borrow().image);
        let registered = image
            .topics
            .get_by_id(topic)?
            .partitions
            .get(usize::try_from(partition.partition).ok()?)?
            .clone();
        Some(Self {
            broker,
            hosted,
            partition,
            topic,
            image: registered,
            is_compacted,
        })
    }

    /// Who may have it: the leader before the others that are in sync.
    fn sources(&self) -> Vec<NodeId> {
        let PartitionImage { leader, isr, .. } = &*self.image;
        let all = std::iter::once(leader).chain(isr.iter().filter(|node| *node != leader));
        all.copied()
            .filter(|node| *node != self.broker.node && *node != NodeId::NONE)
            .collect()
    }

    /// Answers how many batches were mended.
    async fn mend(&self, segment: &ClosedSegment, damage: Damage) -> Result<u64, Unmended> {
        let mut reason = Unmended::Alone;
        for source in self.sources() {
            match self.patches(source, segment, damage).await {
                Ok(patches) => {
                    self.write(segment, &patches).await?;
                    let file = segment.path();
                    // As loud as what was told of the damage, which is over with this.
                    warn!(file = %file.display(), byte = damage.position, from = %damage.from, until = %damage.until, %source, batches = patches.len(), "damage was mended from another replica");
                    return Ok(patches.len() as u64);
                }
                Err(error) => reason = error,
            }
        }
        Err(reason)
    }

    /// Writes, and waits until it is on stable storage: what was damaged is served from then on.
    async fn write(&self, segment: &ClosedSegment, patches: &[Patch]) -> Result<(), Unmended> {
        let file = network::thread::in_place(|| {
            let file = self.hosted.lock().log_mut().patch(segment, patches)?;
            file.sync().map_err(StorageError::from)?;
            Ok::<_, PatchError>(())
        });
        if let Err(PatchError::Storage(failure)) = &file {
            self.hosted.dir().failed(failure);
        }
        Ok(file?)
    }

    /// What is to be written so that the stretch, or at least its beginning, is as `source` has it.
    async fn patches(&self, source: NodeId, segment: &ClosedSegment, damage: Damage) -> Result<Vec<Patch>, Unmended> {
        let channel = connect(self.broker, source).await;
        let channel = channel.map_err(|error| Unmended::Peer { node: source, error })?;
        let mut fitting = Fitting {
            segment,
            damage,
            source,
            is_compacted: self.is_compacted,
            position: damage.position,
            next: damage.from,
            patches: Vec::new(),
            bytes: 0,
        };
        loop {
            let bytes = self.fetch(&channel, source, fitting.next).await?;
            let batches =
                ReplicatedBatches::verify(bytes).map_err(|error| Unmended::Damaged { node: source, error })?;
            if batches.is_empty() {
                return Err(Unmended::Absent { node: source });
            }
            for batch in batches.batches().flatten() {
                if fitting.take(&batch)? == Fit::Whole {
                    return Ok(fitting.patches);
                }
            }
        }
    }

    async fn fetch(&self, channel: &Channel, source: NodeId, from: Offset) -> Result<Bytes, Unmended> {
        let request = FetchRequest {
            max_wait_ms: 0,
            min_bytes: 1,
            max_bytes: PIECE,
            topics: vec![FetchTopic {
                topic: self.partition.topic.to_string(),
                topic_id: self.topic,
                partitions: vec![FetchPartition {
                    partition: self.partition.partition,
                    current_leader_epoch: self.image.leader_epoch.0,
                    fetch_offset: from.0,
                    partition_max_bytes: PIECE,
                    ..FetchPartition::default()
                }],
            }],
            ..FetchRequest::default()
        };
        let failed = |error| Unmended::Peer {
            node: source,
            error: FetchFailed::Client(error),
        };
        let version = channel.version::<FetchRequest>().map_err(failed)?;
        let response = channel.send_within(&request, version, PATIENCE).await.map_err(failed)?;
        let mut partitions = response.responses.into_iter().flat_map(|topic| topic.partitions);
        let answer = partitions.next().ok_or(Unmended::Absent { node: source })?;
        match (ErrorCode::from(answer.error_code), answer.records) {
            (ErrorCode::None, Some(Records::Bytes(bytes))) => Ok(bytes),
            (ErrorCode::None, _) => Err(Unmended::Absent { node: source }),
            (error, _) => Err(Unmended::Refused { node: source, error }),
        }
    }
}

/// Laying another replica's batches over a damaged stretch.
struct Fitting<'a> {
    segment: &'a ClosedSegment,
    damage: Damage,
    source: NodeId,
    is_compacted: bool,
    /// Where the next batch goes, and the offset it must reach.
    position: u64,
    next: Offset,
    patches: Vec<Patch>,
    bytes: usize,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    /// What follows is as it should be, or will be looked at anew.
    Whole,
    /// There is more to be laid.
    Part,
}

impl Fitting<'_> {
    fn take(&mut self, batch: &BatchView<'_>) -> Result<Fit, Unmended> {
        let (header, theirs) = (batch.header(), batch.bytes());
        let different = Unmended::Different {
            node: self.source,
            at: header.base_offset,
        };
        let end = self.position + theirs.len() as u64;
        if header.base_offset < self.next || header.next_offset() > self.damage.until || end > self.damage.end {
            return Err(different);
        }
        let ours = self.segment.read(self.position, theirs.len())?;
        if ours != theirs {
            if self.is_compacted && !are_the_same_once(&ours, theirs) {
                return Err(different);
            }
            self.bytes += theirs.len();
            if self.bytes > MOST {
                return Err(Unmended::TooMuch);
            }
            self.patches.push(Patch {
                position: self.position,
                bytes: theirs.to_vec(),
            });
        } else if !self.patches.is_empty() {
            // From here on it is the same again.
            return Ok(Fit::Whole);
        }
        (self.position, self.next) = (end, header.next_offset());
        Ok(if end == self.damage.end { Fit::Whole } else { Fit::Part })
    }
}

/// Whether a batch that is damaged was the other before: its checksum is the same, or all that the checksum covers. Of a
/// compacted log a batch of the same length need not be.
fn are_the_same_once(ours: &[u8], theirs: &[u8]) -> bool {
    /// Where the checksum lies, before what it covers.
    const CHECKSUM: std::ops::Range<usize> = LOG_OVERHEAD + 5..LOG_OVERHEAD + 9;
    let stored = |batch: &[u8]| batch.get(CHECKSUM).map(<[u8]>::to_vec);
    let covered = |batch: &[u8]| batch.get(CHECKSUM.end..).map(<[u8]>::to_vec);
    stored(ours) == stored(theirs) || covered(ours) == covered(theirs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partitions::watched::Watched;
    use base::Timestamp;
    use records::BatchBuilder;
    use storage::LogConfig;

    /// A partition whose first segment is closed, that segment, and the bytes in it.
    fn closed(value: &[u8]) -> (Watched, ClosedSegment, Vec<u8>) {
        let watched = Watched::new(LogConfig {
            segment_bytes: 200,
            ..LogConfig::default()
        });
        for _ in 0..2 {
            let mut builder = BatchBuilder::new();
            builder.append(Timestamp(1), Some(b"key"), Some(value), &[]);
            watched.append(builder.build());
        }
        let view = watched.hosted.lock().log().view();
        let segment = view.closed().next().expect("one is closed");
        let bytes = std::fs::read(segment.path()).expect("read");
        (watched, segment, bytes)
    }

    fn fit(segment: &ClosedSegment, theirs: &[u8], is_compacted: bool) -> Result<Vec<Patch>, Unmended> {
        let size = std::fs::metadata(segment.path()).expect("there").len();
        let damage = Damage {
            position: 0,
            end: size,
            from: Offset(0),
            until: Offset(1),
        };
        let mut fitting = Fitting {
            segment,
            damage,
            source: NodeId(2),
            is_compacted,
            position: 0,
            next: Offset(0),
            patches: Vec::new(),
            bytes: 0,
        };
        let theirs = ReplicatedBatches::verify(Bytes::copy_from_slice(theirs)).expect("whole batches");
        for batch in theirs.batches().flatten() {
            fitting.take(&batch)?;
        }
        Ok(fitting.patches)
    }

    #[test]
    fn only_what_a_batch_was_before_takes_its_place_in_a_compacted_log() {
        let (_ours, segment, whole) = closed(&[b'v'; 100]);
        let (_same_size, _, another) = closed(&[b'w'; 100]);
        let (_longer, _, longer) = closed(&[b'v'; 101]);
        // A bit of the value is flipped, or one of the checksum.
        for at in [whole.len() - 20, LOG_OVERHEAD + 6] {
            let mut rotten = whole.clone();
            rotten[at] ^= 1;
            std::fs::write(segment.path(), &rotten).expect("written");
            for is_compacted in [true, false] {
                let patches = fit(&segment, &whole, is_compacted).expect("it fits");
                assert_eq!(patches.len(), 1, "byte {at}");
                assert_eq!((patches[0].position, &patches[0].bytes), (0, &whole), "byte {at}");
                assert!(matches!(
                    fit(&segment, &longer, is_compacted),
                    Err(Unmended::Different { .. })
                ));
            }
            // The cleaner may have left another record of that offset's batch here than there.
            let refused = fit(&segment, &another, true);
            assert!(
                matches!(refused, Err(Unmended::Different { .. })),
                "byte {at}: {refused:?}"
            );
        }
    }
}
