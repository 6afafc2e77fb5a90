//! What goes over the wire.

use crate::broker::Broker;
use base::ProducerId;
use coordinator_runtime::Token;
use group_coordinator::consumer::heartbeat::Heartbeat;
use group_coordinator::op::consumer_group_heartbeat::consumer_group_heartbeat;
use group_coordinator::op::heartbeat::heartbeat;
use group_coordinator::op::join_group::{JoinGroup, join_group};
use group_coordinator::op::leave_group::leave_group;
use group_coordinator::op::offset_commit::{UnknownGroup, offset_commit};
use group_coordinator::op::offset_delete::offset_delete;
use group_coordinator::op::offset_fetch::stable_offset_fetch;
use group_coordinator::op::sync_group::sync_group;
use group_coordinator::op::txn_offset_commit::txn_offset_commit;
use group_coordinator::record::TransactionEnd;
use protocol::messages::consumer_group_heartbeat_request::ConsumerGroupHeartbeatRequest;
use protocol::messages::heartbeat_request::HeartbeatRequest;
use protocol::messages::leave_group_request::LeaveGroupRequest;
use protocol::messages::offset_commit_request::OffsetCommitRequest;
use protocol::messages::offset_delete_request::OffsetDeleteRequest;
use protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use protocol::messages::sync_group_request::SyncGroupRequest;
use protocol::messages::txn_offset_commit_request::TxnOffsetCommitRequest;

#[derive(Clone, Debug)]
pub enum Request {
    Join(JoinGroup),
    Sync(SyncGroupRequest),
    Heartbeat(HeartbeatRequest),
    Leave(LeaveGroupRequest),
    ConsumerHeartbeat(ConsumerGroupHeartbeatRequest),
    Commit(OffsetCommitRequest),
    TxnCommit(TxnOffsetCommitRequest),
    /// From the transaction's coordinator.
    Marker(ProducerId, TransactionEnd),
    Fetch(OffsetFetchRequestGroup),
    Delete(OffsetDeleteRequest),
}

impl Request {
    /// Whether a client that is not sure may send it twice without harm.
    pub fn may_repeat(&self) -> bool {
        !matches!(
            self,
            Self::Commit(_) | Self::TxnCommit(_) | Self::Delete(_) | Self::Leave(_) | Self::Marker(..)
        )
    }

    /// Has the broker do it.
    pub fn run(self, broker: &mut Broker, now: u64, token: Token) {
        match self {
            Self::Join(request) => {
                broker.run(now, |coordinator, state, moment| {
                    join_group(coordinator, state, moment, request, token)
                });
            }
            Self::Sync(request) => {
                broker.run(now, |coordinator, state, moment| {
                    sync_group(coordinator, state, moment, request, token)
                });
            }
            Self::Heartbeat(request) => {
                broker.run(now, |coordinator, state, moment| {
                    heartbeat(coordinator, state, moment, &request, token)
                });
            }
            Self::Leave(request) => {
                broker.run(now, |coordinator, state, moment| {
                    leave_group(coordinator, state, moment, request, token)
                });
            }
            Self::ConsumerHeartbeat(request) => {
                let request = Heartbeat {
                    request,
                    client_id: "c".into(),
                    client_host: "/127.0.0.1".into(),
                };
                broker.run(now, |coordinator, state, moment| {
                    consumer_group_heartbeat(coordinator, state, moment, &request, token)
                });
            }
            Self::Commit(request) => broker.run(now, |coordinator, state, moment| {
                offset_commit(coordinator, state, moment, request, UnknownGroup::Said, token)
            }),
            Self::TxnCommit(request) => {
                broker.run(now, |coordinator, state, moment| {
                    txn_offset_commit(coordinator, state, moment, request, token)
                });
            }
            Self::Marker(producer, end) => broker.mark(now, producer, end, token),
            Self::Fetch(request) => broker.run(now, |_, state, _| stable_offset_fetch(state, &request, token)),
            Self::Delete(request) => {
                broker.run(now, |coordinator, state, moment| {
                    offset_delete(coordinator, state, moment, request, token)
                });
            }
        }
    }
}

/// Requests on their way out of a client.
#[derive(Default)]
pub struct Outbox {
    next: u64,
    pub sent: Vec<(u64, Request)>,
}

impl Outbox {
    /// Sends a request, and says by which number its answer will be known.
    pub fn send(&mut self, request: Request) -> u64 {
        self.next += 1;
        self.sent.push((self.next, request));
        self.next
    }
}

/// A request that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    pub call: u64,
    pub sent: u64,
    /// When the client gives up.
    pub until: u64,
}
