//! The task that moves one replica: it copies, tells the controller, and has the logs exchanged.

use super::Move;
use super::copy::{Copied, CopyError, copy_on};
use super::swap::{Swapped, swap};
use crate::Broker;
use crate::replica_dirs::{Assigned, assign};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tracing::{error, info, warn};

/// What is copied at a time.
const CHUNK: u32 = 1024 * 1024;
/// What is copied before it is looked whether to go on.
const TURN: u64 = 16 * 1024 * 1024;
/// How long it waits while more was copied of late than may be.
const HELD_BACK: Duration = Duration::from_millis(100);
/// How long it waits for the cleaner, or for producers to leave a gap.
const SOON: Duration = Duration::from_millis(20);
/// How long it waits for the controller, or for damage to be mended.
const LATER: Duration = Duration::from_millis(500);

/// How a move ended.
#[derive(Debug)]
enum End {
    /// The replica lies in the other directory.
    Moved,
    /// The broker stops; the next start goes on.
    Stopped,
    /// The future replica is not wanted any more.
    GivenUp,
    /// It cannot be filled.
    Failed(CopyError),
}

/// Moves one replica, to one end or another.
pub(super) async fn run(broker: Arc<Broker>, moving: Arc<Move>) {
    let partition = moving.hosted.lock().topic_partition().clone();
    let to = moving.dir.path.display().to_string();
    info!(%partition, to, "a replica begins to move to another log directory");
    let end = work(&broker, &moving).await;
    match &end {
        End::Moved => info!(%partition, to, "a replica has moved to another log directory"),
        End::Stopped => {}
        End::GivenUp => info!(%partition, to, "a replica's move to another log directory is given up"),
        End::Failed(error) => {
            error!(%partition, to, %error, "a replica cannot move to another log directory");
            error.of_target().inspect(|error| moving.dir.failed(error));
            error.of_source().inspect(|error| moving.hosted.dir().failed(error));
        }
    }
    match end {
        End::Moved | End::Stopped => {}
        End::GivenUp | End::Failed(_) => discard(&broker, &moving).await,
    }
    broker.future_replicas.over(&moving);
}

async fn work(broker: &Arc<Broker>, moving: &Arc<Move>) -> End {
    loop {
        if let Some(end) = early(broker, moving) {
            return end;
        }
        let throttle = &broker.throttles.log_dirs;
        if throttle.is_exceeded(broker.clock.now()) {
            pause(broker, moving, HELD_BACK).await;
            continue;
        }
        let chunk = throttle
            .limit()
            .map_or(CHUNK, |limit| u32::try_from(limit).unwrap_or(CHUNK).clamp(1, CHUNK));
        let turn = throttle.limit().map_or(TURN, |_| 1);
        let copier = broker.future_replicas.copiers.acquire().await;
        let copied = beside(broker, moving, move |broker, moving| {
            copy_on(broker, moving, chunk, turn)
        })
        .await;
        drop(copier);
        let copied = copied.inspect(|(_, bytes)| throttle.count(*bytes, broker.clock.now()));
        let next = match copied {
            Err(error) => Err(error),
            Ok((Copied::Some(_), _)) => continue,
            Ok((Copied::Stuck, _)) => Ok(Some(LATER)),
            Ok((Copied::Nothing, _)) => caught_up(broker, moving).await,
        };
        match next {
            Ok(Some(wait)) => pause(broker, moving, wait).await,
            Ok(None) => return End::Moved,
            Err(error) => return End::Failed(error),
        }
    }
}

/// Tells the controller and exchanges the logs; answers how long to wait if that cannot be done yet.
async fn caught_up(broker: &Arc<Broker>, moving: &Arc<Move>) -> Result<Option<Duration>, CopyError> {
    if !moving.is_assigned() {
        moving.assigned.store(true, Ordering::Release);
        let mut cancelled = moving.cancelled.subscribe();
        let mut stopping = broker.stopping.clone();
        let told = tokio::select! {
            told = assign(broker, moving.dir.id, moving.id) => told,
            _ = cancelled.wait_for(|it| *it) => Assigned::No,
            _ = stopping.wait_for(|it| *it) => Assigned::No,
        };
        match told {
            Assigned::Yes | Assigned::NotWanted => {}
            Assigned::No => {
                moving.assigned.store(false, Ordering::Release);
                return Ok(Some(LATER));
            }
        }
    }
    match beside(broker, moving, swap).await? {
        Swapped::Yes => Ok(None),
        Swapped::NotYet => Ok(Some(SOON)),
    }
}

async fn beside<T: Send + 'static>(
    broker: &Arc<Broker>,
    moving: &Arc<Move>,
    work: impl FnOnce(&Broker, &Move) -> T + Send + 'static,
) -> T {
    let (broker, moving) = (Arc::clone(broker), Arc::clone(moving));
    let done = network::thread::beside(move || work(&broker, &moving)).await;
    done.expect("copying a log does not panic, and nobody ends it")
}

async fn pause(broker: &Broker, moving: &Move, duration: Duration) {
    let mut cancelled = moving.cancelled.subscribe();
    let mut stopping = broker.stopping.clone();
    tokio::select! {
        () = tokio::time::sleep(duration) => {}
        _ = cancelled.wait_for(|it| *it) => {}
        _ = stopping.wait_for(|it| *it) => {}
    }
}

/// Why there is nothing more to do, if so.
fn early(broker: &Broker, moving: &Move) -> Option<End> {
    if *broker.stopping.borrow() {
        return Some(End::Stopped);
    }
    let topic = broker.partitions.topic_by_id(moving.id.topic);
    let hosted = topic.as_ref().and_then(|topic| topic.partition(moving.id.index));
    let is_hosted = hosted.is_some_and(|hosted| Arc::ptr_eq(hosted, &moving.hosted));
    let failed = moving.dir.is_offline() || moving.hosted.dir().is_offline();
    (moving.is_cancelled() || !is_hosted || failed).then_some(End::GivenUp)
}

/// Removes what was copied, but for what a directory that failed holds.
async fn discard(broker: &Arc<Broker>, moving: &Arc<Move>) {
    moving.dir.partitions.fetch_sub(1, Ordering::Relaxed);
    let removed = beside(broker, moving, |broker, moving| {
        let Some(mut log) = moving.log().take() else {
            return Ok(());
        };
        if moving.dir.is_offline() {
            return Ok(());
        }
        let path = {
            let mut rng = broker.rng.lock().expect("no code panics while it draws a number");
            log.rename_for_delete(&mut rng)?
        };
        drop(log);
        broker.fs.remove_dir(&path).map_err(storage::StorageError::from)
    });
    if let Err(error) = removed.await {
        warn!(dir = %moving.dir.path.display(), %error, "what was copied of a replica cannot be removed");
    }
}
