//! The broker that looks after a group or a transactional id.

use crate::channel::Channel;
use crate::cluster::{Cluster, Node};
use crate::error::ClientError;
use crate::settings::Address;
use base::NodeId;
use protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use protocol::{ErrorCode, Request};

/// The first version that asks for several coordinators at once (KIP-699).
const BATCHED: i16 = 4;

/// What is looked after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoordinatorType {
    /// A group.
    Group = 0,
    /// A transactional id.
    Transaction = 1,
}

/// Asks any broker who coordinates `key`, once.
pub async fn find_coordinator(cluster: &Cluster, kind: CoordinatorType, key: &str) -> Result<Node, ClientError> {
    let channel = cluster.any().await?;
    let version = channel.version::<FindCoordinatorRequest>()?;
    let request = FindCoordinatorRequest {
        key: if version < BATCHED {
            key.to_owned()
        } else {
            String::new()
        },
        key_type: kind as i8,
        coordinator_keys: if version < BATCHED {
            Vec::new()
        } else {
            vec![key.to_owned()]
        },
    };
    let answer = channel.send_at(&request, version).await?;
    let (code, message, id, host, port) = match answer.coordinators.into_iter().next() {
        Some(found) if version >= BATCHED => (
            found.error_code,
            found.error_message,
            found.node_id,
            found.host,
            found.port,
        ),
        _ => (
            answer.error_code,
            answer.error_message,
            answer.node_id,
            answer.host,
            answer.port,
        ),
    };
    ClientError::check(code, message.filter(|message| !message.is_empty()))?;
    let port = u16::try_from(port).map_err(|_| ClientError::Malformed {
        address: channel.address().clone(),
        api: FindCoordinatorRequest::KEY,
        reason: format!("port {port}"),
    })?;
    Ok(Node {
        id: NodeId(id),
        address: Address { host, port },
        rack: None,
    })
}

/// Asks the coordinator of `key`, again if that may help; `check` finds the error of the whole answer.
pub(crate) async fn ask_coordinator<R: Request>(
    cluster: &Cluster,
    what: &'static str,
    (kind, key): (CoordinatorType, &str),
    request: &R,
    check: impl Fn(&R::Response) -> Result<(), ClientError>,
) -> Result<(Node, R::Response), ClientError> {
    ask_coordinator_up_to(cluster, what, (kind, key), request, i16::MAX, check).await
}

/// The same in a version of at most `newest`.
pub(crate) async fn ask_coordinator_up_to<R: Request>(
    cluster: &Cluster,
    what: &'static str,
    (kind, key): (CoordinatorType, &str),
    request: &R,
    newest: i16,
    check: impl Fn(&R::Response) -> Result<(), ClientError>,
) -> Result<(Node, R::Response), ClientError> {
    let mut retry = cluster.retry(what);
    loop {
        let attempt = async {
            let node = find_coordinator(cluster, kind, key).await?;
            let channel: Channel = cluster.at(&node.address).await?;
            let version = channel.version::<R>()?.min(newest);
            let answer = channel.send_at(request, version).await?;
            check(&answer)?;
            Ok((node, answer))
        };
        match attempt.await {
            Ok(done) => return Ok(done),
            Err(error) => retry.pause(error).await?,
        }
    }
}

/// Whether an error says that the coordinator is elsewhere, or not ready.
pub(crate) fn is_elsewhere(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable | ErrorCode::CoordinatorLoadInProgress
    )
}
