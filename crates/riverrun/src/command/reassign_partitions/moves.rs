//! Moves of replicas between the directories of a broker.

use super::Failure;
use super::assignment::{Directories, Replica, directories};
use super::words::plural;
use client::admin;
use client::{ClientError, Cluster};
use protocol::ErrorCode;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long to wait for a replica to arrive at its broker before its directory is asked for again.
const PAUSE: Duration = Duration::from_millis(100);

/// How far a move is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The replica is in no directory that works.
    Missing,
    /// It is where it shall be.
    Completed,
    /// It is in another directory, and stays there.
    Cancelled {
        /// The directory.
        current: String,
    },
    /// It is on its way.
    Active {
        /// From here.
        current: String,
        /// To there.
        future: String,
    },
}

impl Progress {
    fn of(found: Directories, target: &str) -> Self {
        match found {
            Directories { current: None, .. } => Self::Missing,
            Directories {
                current: Some(current),
                future: Some(future),
            } => Self::Active { current, future },
            Directories {
                current: Some(current),
                future: None,
            } if current == target => Self::Completed,
            Directories {
                current: Some(current),
                future: None,
            } => Self::Cancelled { current },
        }
    }

    /// Whether nothing more will happen by itself.
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled { .. })
    }

    /// The progress in words.
    pub(super) fn shown(&self, replica: &Replica, target: &str) -> String {
        let (partition, broker) = (&replica.partition, replica.node);
        match self {
            Self::Missing => format!(
                "Partition {partition} is not found in any live log dir on broker {broker}. There is likely an offline log \
                 directory on the broker."
            ),
            Self::Completed => format!("Reassignment of replica {replica} completed successfully."),
            Self::Cancelled { current } => format!(
                "Partition {partition} on broker {broker} is not being moved from log dir {current} to {target}."
            ),
            Self::Active { future, .. } if future == target => {
                format!("Reassignment of replica {replica} is still in progress.")
            }
            Self::Active { future, .. } => format!(
                "Partition {partition} on broker {broker} is being moved to log dir {future} instead of {target}."
            ),
        }
    }
}

/// How far the moves of a plan are.
pub(super) async fn progress(
    cluster: &Cluster,
    targets: &BTreeMap<Replica, String>,
) -> Result<BTreeMap<Replica, Progress>, Failure> {
    let found = directories(cluster, &targets.keys().cloned().collect()).await?;
    let progress = found.into_iter().map(|(replica, directories)| {
        let progress = Progress::of(directories, &targets[&replica]);
        (replica, progress)
    });
    Ok(progress.collect())
}

/// Asks brokers to keep replicas in other directories; again for a while where a replica has not arrived yet.
pub(super) async fn begin(
    cluster: &Cluster,
    mut pending: BTreeMap<Replica, String>,
    patience: Duration,
) -> Result<(), Failure> {
    let started = Instant::now();
    loop {
        let mut begun = Vec::new();
        for (replica, directory) in &pending {
            if ask(cluster, replica, directory).await? == Answer::Begun {
                begun.push(replica.clone());
            }
        }
        for replica in begun {
            if let Some(directory) = pending.remove(&replica) {
                println!(
                    "Successfully started moving log directory to {directory} for replica {} with broker {} ",
                    replica.partition, replica.node
                );
            }
        }
        if pending.is_empty() {
            return Ok(());
        }
        if started.elapsed() >= patience {
            let left: Vec<String> = pending.keys().map(Replica::to_string).collect();
            return Err(Failure::Said(format!(
                "Timed out before log directory move{} could be started for: {}",
                plural(left.len()),
                left.join(",")
            )));
        }
        sleep(PAUSE).await;
    }
}

#[derive(PartialEq, Eq)]
enum Answer {
    Begun,
    NotThereYet,
}

async fn ask(cluster: &Cluster, replica: &Replica, directory: &str) -> Result<Answer, Failure> {
    match admin::alter_replica_log_dirs(cluster, replica.node, &replica.partition, directory).await {
        Ok(()) => Ok(Answer::Begun),
        Err(error) if error.code() == Some(ErrorCode::ReplicaNotAvailable) => Ok(Answer::NotThereYet),
        // Our brokers do not move replicas between directories yet.
        Err(ClientError::UnsupportedVersion { address, .. }) => Err(Failure::Error(format!(
            "Failed to alter dir for {replica}: {address} does not move replicas between its directories"
        ))),
        Err(_) => Err(Failure::Error(format!("Failed to alter dir for {replica}"))),
    }
}
