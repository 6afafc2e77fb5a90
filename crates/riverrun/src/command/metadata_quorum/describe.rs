//! `metadata-quorum describe`: the quorum in short, or how far each replica is.

use crate::command::table;
use base::clock::SystemClock;
use base::{Clock, NodeId, Timestamp, Uuid};
use client::admin::{self, QuorumDescription, QuorumReplica, VoterEndpoint};
use client::{ClientError, Cluster};

/// What is shown.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shown {
    /// The quorum in short.
    Status,
    /// Each replica.
    Replication(Moments),
}

/// How moments are shown.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moments {
    /// In milliseconds since 1970.
    Numbers,
    /// By how long ago they were.
    Ago,
}

/// Why it could not be done.
pub(super) enum Failure {
    /// The cluster, or the way to it.
    Refused(ClientError),
    /// Said as it is.
    Said(String),
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Refused(error)
    }
}

/// Describes the quorum.
pub(super) async fn describe(cluster: &Cluster, shown: Shown) -> Result<(), Failure> {
    match shown {
        Shown::Status => {
            let cluster_id = admin::describe_cluster(cluster).await?.cluster_id;
            let quorum = admin::describe_quorum(cluster).await?;
            println!("{}", status(&cluster_id, &quorum)?);
        }
        Shown::Replication(moments) => {
            let quorum = admin::describe_quorum(cluster).await?;
            let rows = replication(&quorum, moments, SystemClock::new().wall())?;
            let head = [
                "NodeId",
                "DirectoryId",
                "LogEndOffset",
                "Lag",
                "LastFetchTimestamp",
                "LastCaughtUpTimestamp",
                "Status",
            ];
            table::print(head, &rows);
        }
    }
    Ok(())
}

fn leader(quorum: &QuorumDescription) -> Result<&QuorumReplica, Failure> {
    let found = quorum.voters.iter().find(|voter| voter.id == quorum.leader);
    found.ok_or_else(|| Failure::Said(String::from("No value present")))
}

fn status(cluster_id: &str, quorum: &QuorumDescription) -> Result<String, Failure> {
    let leader = leader(quorum)?;
    let last = quorum.voters.iter().min_by_key(|voter| voter.log_end).unwrap_or(leader);
    let behind = match (leader.last_caught_up, last.last_caught_up) {
        _ if last.id == leader.id => 0,
        (Some(leader), Some(last)) => leader - last,
        _ => -1,
    };
    Ok(format!(
        "ClusterId:              {cluster_id}\n\
         LeaderId:               {}\n\
         LeaderEpoch:            {}\n\
         HighWatermark:          {}\n\
         MaxFollowerLag:         {}\n\
         MaxFollowerLagTimeMs:   {behind}\n\
         CurrentVoters:          {}\n\
         CurrentObservers:       {}",
        quorum.leader,
        quorum.leader_epoch,
        quorum.high_watermark,
        leader.log_end - last.log_end,
        listed(quorum, &quorum.voters),
        listed(quorum, &quorum.observers),
    ))
}

fn listed(quorum: &QuorumDescription, replicas: &[QuorumReplica]) -> String {
    let replica = |replica: &QuorumReplica| {
        let directory = match replica.directory {
            Uuid::ZERO => String::from("null"),
            directory => format!("\"{directory}\""),
        };
        let endpoints = endpoints(quorum, replica.id);
        format!("{{\"id\": {}, \"directoryId\": {directory}{endpoints}}}", replica.id)
    };
    let all: Vec<String> = replicas.iter().map(replica).collect();
    format!("[{}]", all.join(", "))
}

fn endpoints(quorum: &QuorumDescription, id: NodeId) -> String {
    let node = quorum.nodes.iter().find(|node| node.id == id);
    let endpoints = node.map_or(&[][..], |node| &node.endpoints);
    if endpoints.is_empty() {
        return String::new();
    }
    let quoted: Vec<String> = endpoints
        .iter()
        .map(|endpoint| format!("\"{}\"", url(endpoint)))
        .collect();
    format!(", \"endpoints\": [{}]", quoted.join(", "))
}

/// An endpoint as Kafka writes it.
pub(super) fn url(endpoint: &VoterEndpoint) -> String {
    format!("{}://{}", endpoint.listener, endpoint.address)
}

/// A row for each replica: the leader, the other voters, the observers.
fn replication(quorum: &QuorumDescription, moments: Moments, now: Timestamp) -> Result<Vec<[String; 7]>, Failure> {
    let leader = leader(quorum)?;
    let followers = quorum.voters.iter().filter(|voter| voter.id != leader.id);
    let all = std::iter::once((leader, "Leader"))
        .chain(followers.map(|follower| (follower, "Follower")))
        .chain(quorum.observers.iter().map(|observer| (observer, "Observer")));
    let row = |(replica, status): (&QuorumReplica, &str)| {
        Ok([
            replica.id.to_string(),
            replica.directory.to_string(),
            replica.log_end.to_string(),
            (leader.log_end - replica.log_end).to_string(),
            moment(replica.last_fetch, "last fetch", moments, now)?,
            moment(replica.last_caught_up, "last caught up", moments, now)?,
            status.to_owned(),
        ])
    };
    all.map(row).collect()
}

fn moment(moment: Option<i64>, what: &str, shown: Moments, now: Timestamp) -> Result<String, Failure> {
    match (moment, shown) {
        (None, _) => Ok(String::from("-1")),
        (Some(moment), Moments::Numbers) => Ok(moment.to_string()),
        (Some(moment), Moments::Ago) if moment > 0 && moment <= now.0 => Ok(format!("{} ms ago", now.0 - moment)),
        (Some(moment), Moments::Ago) => Err(Failure::Said(format!(
            "Error while computing relative time, possible drift in system clock.\nCurrent timestamp is {}, {what} \
             timestamp is {moment}",
            now.0
        ))),
    }
}
