//! The partitions that this broker hosts, found by topic name or id without a lock.

mod locked;
#[cfg(test)]
pub(crate) mod watched;
pub(crate) mod watchers;

pub use locked::Locked;

use crate::flush_queue::FlushQueue;
use crate::log_dirs::LogDir;
use crate::replication::Throttled;
use arc_swap::{ArcSwap, Guard};
use base::{Instant, Uuid};
use imbl::GenericHashMap;
use imbl::shared_ptr::DefaultSharedPtr;
use locked::{AtTheEnd, Looking};
use partition::Partition;
use rustc_hash::FxBuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use storage::FlushMark;
use watchers::Watchers;

/// One partition behind its lock.
#[derive(Debug)]
pub struct Hosted {
    /// The log directory it lies in; another once it was moved.
    dir: ArcSwap<LogDir>,
    guarded: Mutex<Guarded>,
    /// Whoever flushes the log directory.
    flushes: ArcSwap<FlushQueue<Self>>,
    /// Whether it is in that queue.
    queued: AtomicBool,
    /// Whether it is among those that are flushed in time.
    timed: AtomicBool,
    /// Whether replication of it is throttled, as leader (1) and as follower (2).
    throttled: AtomicU8,
    /// Itself, for the queue.
    this: Weak<Self>,
}

/// What the lock guards.
#[derive(Debug)]
struct Guarded {
    partition: Partition,
    /// Whom to tell of changes; boxed, for most partitions have none.
    watchers: Option<Box<Watchers>>,
    /// What a flush was asked for last: it is queued, or under way, or done.
    asked: Option<FlushMark>,
}

impl Hosted {
    /// Puts a partition behind its lock. What is to be flushed is queued in `flushes`.
    pub fn new(dir: Arc<LogDir>, partition: Partition, flushes: Arc<FlushQueue<Self>>) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            dir: ArcSwap::new(dir),
            guarded: Mutex::new(Guarded {
                partition,
                watchers: None,
                asked: None,
            }),
            flushes: ArcSwap::new(flushes),
            queued: AtomicBool::new(false),
            timed: AtomicBool::new(false),
            throttled: AtomicU8::new(0),
            this: Weak::clone(this),
        })
    }

    /// The log directory it lies in.
    pub fn dir(&self) -> Guard<Arc<LogDir>> {
        self.dir.load()
    }

    /// Its log was moved to `dir`, whose flushes are queued in `flushes`. To be called with the partition's lock held.
    pub fn moved_to(&self, dir: Arc<LogDir>, flushes: Arc<FlushQueue<Self>>) {
        self.dir.store(dir);
        self.flushes.store(flushes);
    }

    /// Whether replication of it is throttled.
    pub fn throttled(&self) -> Throttled {
        let flags = self.throttled.load(Ordering::Relaxed);
        Throttled {
            as_leader: flags & 1 != 0,
            as_follower: flags & 2 != 0,
        }
    }

    /// Takes over whether replication of it is throttled.
    pub fn set_throttled(&self, throttled: Throttled) {
        let flags = u8::from(throttled.as_leader) | u8::from(throttled.as_follower) << 1;
        self.throttled.store(flags, Ordering::Relaxed);
    }

    /// The one lock of the produce and fetch paths: taken briefly, never across an await. When it is given back, what
    /// was appended and waits for stable storage is queued to be flushed: no appender can forget to ask.
    ///
    /// # Panics
    /// If a thread panicked while it changed this partition: what it holds can no longer be trusted.
    pub fn lock(&self) -> Locked<'_> {
        self.lock_to(AtTheEnd::Ask)
    }

    /// The same lock for who only looks: there is nothing to be told or asked for when it is given back.
    ///
    /// # Panics
    /// As [`Hosted::lock`].
    pub(crate) fn look(&self) -> Looking<'_> {
        Looking {
            hosted: self,
            guarded: self.guard(),
        }
    }

    fn guard(&self) -> MutexGuard<'_, Guarded> {
        self.guarded
            .lock()
            .expect("no code panics while it changes a partition")
    }

    /// The same lock for who appends to many partitions and then asks for all of them together: see [`request_flushes`].
    ///
    /// # Panics
    /// As [`Hosted::lock`].
    pub fn lock_quietly(&self) -> Locked<'_> {
        self.lock_to(AtTheEnd::LeaveToCaller)
    }

    /// The same lock for a connection's request that appends so many bytes: what is to be flushed waits until the connection has begun
    /// all that has come ([`network::Service::before_waiting`]).
    ///
    /// # Panics
    /// As [`Hosted::lock`].
    pub(crate) fn lock_to_append(&self, bytes: usize) -> Locked<'_> {
        self.lock_to(AtTheEnd::PutOff(bytes as u64))
    }

    /// Whether somebody holds the lock now: where there is one thread, whoever asks.
    #[cfg(test)]
    fn is_locked(&self) -> bool {
        self.guarded.try_lock().is_err()
    }

    fn lock_to(&self, at_the_end: AtTheEnd) -> Locked<'_> {
        Locked {
            hosted: self,
            guarded: Some(self.guard()),
            at_the_end,
        }
    }

    /// Queues the partition to be flushed, whether or not anybody waits for it.
    pub fn request_flush(&self) {
        if let Some(this) = self.enqueue() {
            self.flushes.load().push(this);
        }
    }

    fn put_off_flush(&self, bytes: u64) {
        self.flushes.load().put_off(self.enqueue(), bytes);
    }

    fn request_timed_flush(&self) {
        if self.timed.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(this) = self.this.upgrade() {
            self.flushes.load().push_timed(this);
        }
    }

    /// It was taken from among those that are flushed in time: queues it if its time has come. If not, it asks anew.
    pub(crate) fn flush_if_due(&self, now: Instant) {
        self.timed.store(false, Ordering::Release);
        if self.lock().log_mut().flush_due(now) {
            self.request_flush();
        }
    }

    /// Takes the place in the queue, for who then pushes it; none if it is in there.
    fn enqueue(&self) -> Option<Arc<Self>> {
        if self.queued.swap(true, Ordering::AcqRel) {
            return None;
        }
        self.this.upgrade()
    }

    /// It was taken out of the queue. To be called before its flush is prepared: what is appended from then on asks anew.
    pub(crate) fn flush_begins(&self) {
        self.queued.store(false, Ordering::Release);
    }
}

/// Queues many partitions to be flushed, those of a directory at once: its flusher takes them as one.
pub fn request_flushes<'a>(partitions: impl IntoIterator<Item = &'a Arc<Hosted>>) {
    type Together = (Arc<FlushQueue<Hosted>>, Vec<Arc<Hosted>>);
    let mut queues: Vec<Together> = Vec::new();
    for hosted in partitions {
        let Some(this) = hosted.enqueue() else { continue };
        let flushes = hosted.flushes.load_full();
        match queues.iter_mut().find(|(queue, _)| Arc::ptr_eq(queue, &flushes)) {
            Some((_, waiting)) => waiting.push(this),
            None => queues.push((flushes, vec![this])),
        }
    }
    for (queue, waiting) in queues {
        queue.push_all(waiting);
    }
}

/// A topic's partitions, by index; those that this broker does not host are absent.
#[derive(Clone, Debug)]
pub struct HostedTopic {
    /// The topic's name.
    pub name: Arc<str>,
    /// The topic's id.
    pub id: Uuid,
    partitions: Vec<Option<Arc<Hosted>>>,
}

impl HostedTopic {
    /// The partition with this index, if it is hosted here.
    pub fn partition(&self, index: i32) -> Option<&Arc<Hosted>> {
        self.partitions.get(usize::try_from(index).ok()?)?.as_ref()
    }

    /// The hosted partitions with their indexes.
    pub fn partitions(&self) -> impl Iterator<Item = (i32, &Arc<Hosted>)> {
        self.partitions
            .iter()
            .zip(0..)
            .filter_map(|(partition, index)| Some((index, partition.as_ref()?)))
    }
}

/// A map whose next version shares what did not change.
type SharedMap<K> = GenericHashMap<K, Arc<HostedTopic>, FxBuildHasher, DefaultSharedPtr>;

#[derive(Clone, Debug, Default)]
struct Table {
    /// How often it has changed.
    version: u64,
    by_id: SharedMap<Uuid>,
    by_name: SharedMap<Arc<str>>,
}

/// The table of hosted partitions. Readers see one consistent version of it; the metadata publisher alone replaces it.
#[derive(Debug, Default)]
pub struct Partitions {
    table: ArcSwap<Table>,
}

impl Partitions {
    /// The topic of that name.
    pub fn topic(&self, name: &str) -> Option<Arc<HostedTopic>> {
        self.table.load().by_name.get(name).cloned()
    }

    /// The topic with that id.
    pub fn topic_by_id(&self, id: Uuid) -> Option<Arc<HostedTopic>> {
        self.table.load().by_id.get(&id).cloned()
    }

    /// A partition by its topic's name.
    pub fn get(&self, topic: &str, index: i32) -> Option<Arc<Hosted>> {
        self.table.load().by_name.get(topic)?.partition(index).cloned()
    }

    /// Which version of the table this is: as long as it stays, so does what is found in it.
    pub fn version(&self) -> u64 {
        self.table.load().version
    }

    /// All topics hosted now.
    pub fn topics(&self) -> Vec<Arc<HostedTopic>> {
        self.table.load().by_id.values().cloned().collect()
    }

    /// All partitions hosted now.
    pub fn all(&self) -> Vec<Arc<Hosted>> {
        let table = self.table.load();
        table
            .by_id
            .values()
            .flat_map(|topic| topic.partitions.iter().flatten().cloned())
            .collect()
    }

    /// Changes the table at once: readers see all of `edit` or nothing.
    pub fn change(&self, edit: impl FnOnce(&mut Edit)) {
        let mut changed = Edit {
            table: Table::clone(&self.table.load()),
        };
        edit(&mut changed);
        changed.table.version += 1;
        self.table.store(Arc::new(changed.table));
    }
}

/// A table being changed.
#[derive(Debug)]
pub struct Edit {
    table: Table,
}

impl Edit {
    /// Adds a partition.
    pub fn insert(&mut self, name: &Arc<str>, id: Uuid, index: i32, hosted: Arc<Hosted>) {
        let Ok(at) = usize::try_from(index) else { return };
        let mut topic = match self.table.by_id.get(&id) {
            Some(topic) => HostedTopic::clone(topic),
            None => HostedTopic {
                name: Arc::clone(name),
                id,
                partitions: Vec::new(),
            },
        };
        if topic.partitions.len() <= at {
            topic.partitions.resize(at + 1, None);
        }
        topic.partitions[at] = Some(hosted);
        let topic = Arc::new(topic);
        self.table.by_name.insert(Arc::clone(name), Arc::clone(&topic));
        self.table.by_id.insert(id, topic);
    }

    /// Removes one partition of a topic that stays; answers what it was.
    pub fn remove_partition(&mut self, id: Uuid, index: i32) -> Option<Arc<Hosted>> {
        let mut topic = HostedTopic::clone(self.table.by_id.get(&id)?);
        let removed = topic.partitions.get_mut(usize::try_from(index).ok()?)?.take()?;
        let is_named = self.table.by_name.get(&topic.name).is_some_and(|named| named.id == id);
        let topic = Arc::new(topic);
        if is_named {
            self.table.by_name.insert(Arc::clone(&topic.name), Arc::clone(&topic));
        }
        self.table.by_id.insert(id, topic);
        Some(removed)
    }

    /// Removes a topic; answers what it was.
    pub fn remove(&mut self, id: Uuid) -> Option<Arc<HostedTopic>> {
        let topic = self.table.by_id.remove(&id)?;
        if self.table.by_name.get(&topic.name).is_some_and(|named| named.id == id) {
            self.table.by_name.remove(&topic.name);
        }
        Some(topic)
    }
}
