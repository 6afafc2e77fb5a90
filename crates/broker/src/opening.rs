//! Opening many logs at once, as at the start: on all cores, and saying how far it is.

use crate::Broker;
use crate::checking::Checking;
use crate::hosting::{self, HostingError, Opened};
use crate::log_config::{self, PartitionSettings};
use crate::open_files;
use crate::replication::{PartitionId, Task};
use base::Instant;
use base::Offset;
use base::metric::Descriptor;
use config::BrokerConfig;
use metadata::MetadataImage;
use metadata::image::TopicImage;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tracing::{error, info};

/// How often the progress is logged.
const TELL_EVERY: Duration = Duration::from_secs(1);

const TOOK: Descriptor = Descriptor::new(
    "riverrun.log",
    "LogManager",
    "LastOpeningTimeMs",
    "How long it took to open the logs that were opened last, those of the start to begin with.",
);

/// How many threads look into a log directory: `num.recovery.threads.per.data.dir`, and never fewer than there are cores. What a start
/// does is short and mostly waiting for the disk, so there is nothing to be spared.
pub(crate) fn threads_per_dir(config: &BrokerConfig) -> usize {
    let configured = usize::try_from(config.log.num_recovery_threads_per_data_dir).unwrap_or(1);
    network::thread::parallelism().max(configured)
}

/// Opens many logs, several at a time: after a crash each may have to be checked. Answers what each is to do.
pub(crate) fn open_all(
    broker: &Broker,
    image: &MetadataImage,
    wanted: &[(Arc<TopicImage>, i32)],
) -> Vec<(PartitionId, Task)> {
    if wanted.is_empty() {
        return Vec::new();
    }
    let dirs = broker.log_dirs.dirs.iter().filter(|dir| !dir.is_offline()).count();
    let workers = threads_per_dir(&broker.config.load()).saturating_mul(dirs);
    let workers = network::thread::at_once(workers).clamp(1, wanted.len());
    let progress = Progress::new(broker, wanted.len());
    let is_start = broker.image.borrow().end == Offset::ZERO;
    let work = &|number| {
        let checking = match is_start {
            true => Checking::shown(&broker.log_dirs, &broker.metrics, number),
            false => Checking::unseen(&broker.log_dirs),
        };
        open_some(broker, image, wanted, &progress, &checking)
    };
    let opened: Vec<(usize, Opened, Task)> = std::thread::scope(|scope| {
        if workers == 1 {
            return work(0);
        }
        let threads: Vec<_> = (0..workers).map(|number| scope.spawn(move || work(number))).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("opening a log does not panic"))
            .collect()
    });
    let unnamed = opened.iter().filter_map(|(at, opened, _)| {
        let path = opened.unnamed.clone()?;
        Some((Arc::clone(&opened.hosted.dir()), path, wanted[*at].0.id))
    });
    hosting::name_topics(broker, &unnamed.collect::<Vec<_>>());
    let mut tasks = Vec::with_capacity(opened.len());
    broker.partitions.change(|table| {
        for (at, opened, task) in opened {
            let (topic, index) = &wanted[at];
            table.insert(&topic.name, topic.id, *index, opened.hosted);
            tasks.push((
                PartitionId {
                    topic: topic.id,
                    index: *index,
                },
                task,
            ));
        }
    });
    progress.done();
    open_files::stay_below_share(broker);
    tasks
}

fn open_some(
    broker: &Broker,
    image: &MetadataImage,
    wanted: &[(Arc<TopicImage>, i32)],
    progress: &Progress<'_>,
    checking: &Checking,
) -> Vec<(usize, Opened, Task)> {
    let config = broker.config.load();
    let mut opened = Vec::new();
    let mut settings: Option<(Arc<str>, PartitionSettings)> = None;
    loop {
        let at = progress.next();
        let Some((topic, index)) = wanted.get(at) else {
            return opened;
        };
        if settings.as_ref().is_none_or(|(name, _)| *name != topic.name) {
            settings = Some((
                Arc::clone(&topic.name),
                log_config::of_topic(&config, image, &topic.name),
            ));
        }
        let Some((_, settings)) = &settings else { continue };
        match open_one(broker, topic, *index, settings, checking) {
            Ok((one, task)) => opened.push((at, one, task)),
            Err(error) => error!(topic = %topic.name, partition = index, %error, "the partition cannot be hosted"),
        }
    }
}

fn open_one(
    broker: &Broker,
    topic: &TopicImage,
    index: i32,
    settings: &PartitionSettings,
    checking: &Checking,
) -> Result<(Opened, Task), HostingError> {
    let opened = hosting::open(broker, topic, index, settings, checking)?;
    let Some(partition) = topic.partition(index) else {
        return Ok((opened, Task::Rest));
    };
    let (wakes, task) = hosting::assume_role(broker, &opened.hosted, &topic.name, partition);
    // Nobody can wait for a partition that is not in the table yet.
    wakes.fire();
    Ok((opened, task))
}

/// How far the opening is.
struct Progress<'a> {
    broker: &'a Broker,
    total: usize,
    next: AtomicUsize,
    since: Instant,
    told_ms: AtomicU64,
}

impl<'a> Progress<'a> {
    fn new(broker: &'a Broker, total: usize) -> Self {
        Self {
            broker,
            total,
            next: AtomicUsize::new(0),
            since: broker.clock.now(),
            told_ms: AtomicU64::new(0),
        }
    }

    /// The number of the next log to be opened.
    fn next(&self) -> usize {
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        let millis = self.millis();
        let told = self.told_ms.load(Ordering::Relaxed);
        let is_due = Duration::from_millis(millis.saturating_sub(told)) >= TELL_EVERY;
        let mine = || {
            self.told_ms
                .compare_exchange(told, millis, Ordering::Relaxed, Ordering::Relaxed)
        };
        if at < self.total && is_due && mine().is_ok() {
            info!(opened = at, of = self.total, "opening logs");
        }
        at
    }

    fn done(&self) {
        let millis = self.millis();
        self.broker.metrics.gauge(&TOOK, &[]).set(millis as f64);
        info!(logs = self.total, took_ms = millis, "logs opened");
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.broker.clock.now().since(self.since).as_millis()).unwrap_or(u64::MAX)
    }
}
