//! The task that decides what is sent when, and what is sent again.

use super::identity::{self, Identity};
use super::node::{self, Landed, Sent};
use super::outcome::Written;
use super::queue::{Flushing, Queue};
use super::{Shared, State};
use crate::cluster::Topics;
use crate::error::ClientError;
use crate::topic_metadata::TopicMetadata;
use base::{NodeId, ProducerEpoch, ProducerId};
use protocol::ErrorCode;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// How far ahead the sender sleeps at most.
const LONG: std::time::Duration = std::time::Duration::from_secs(3600);

/// Work beside the sending.
enum Errand {
    Identity(Result<(ProducerId, ProducerEpoch), ClientError>),
    Metadata(Result<Vec<Arc<TopicMetadata>>, ClientError>),
}

struct Sender {
    shared: Arc<Shared>,
    identity: Identity,
    nodes: FxHashMap<NodeId, Node>,
    errands: JoinSet<Errand>,
    refreshing: bool,
    landed: mpsc::Sender<Landed>,
    workers: JoinSet<()>,
}

/// The way to one broker.
struct Node {
    requests: mpsc::Sender<Vec<Sent>>,
    in_flight: usize,
}

/// Sends until the producer is closed and everything is settled.
pub(super) async fn run(shared: Arc<Shared>) {
    let idempotent = shared.settings.is_idempotent();
    let (landed, mut landing) = mpsc::channel(64);
    let mut sender = Sender {
        shared: Arc::clone(&shared),
        identity: if idempotent {
            Identity::Missing
        } else {
            Identity::NotNeeded
        },
        nodes: FxHashMap::default(),
        errands: JoinSet::new(),
        refreshing: false,
        landed,
        workers: JoinSet::new(),
    };
    loop {
        let next = sender.send_what_is_ready();
        {
            let state = shared.state();
            if state.closed && state.topics.values().all(super::TopicQueues::is_empty) {
                return;
            }
        }
        tokio::select! {
            () = shared.wake.notified() => {}
            Some(landed) = landing.recv() => sender.land(landed),
            Some(errand) = sender.errands.join_next() => sender.run_errand(errand.expect("an errand does not panic")),
            () = sleep_until(next) => {}
        }
    }
}

impl Sender {
    /// Sends every batch that is ready, and gives back when the next one will be.
    fn send_what_is_ready(&mut self) -> Instant {
        let shared = Arc::clone(&self.shared);
        let now = Instant::now();
        let mut state = shared.state();
        let expires = give_up_the_old(&shared, &mut state, now);
        let identity = match self.identity {
            Identity::NotNeeded => None,
            Identity::Has(id, epoch) => Some((id, epoch)),
            Identity::Asked => return expires,
            Identity::Missing => {
                self.ask_for_identity(&mut state);
                return expires;
            }
        };
        let (ready, next) = self.ready(&mut state, now);
        for (leader, partitions) in ready {
            self.send_to(leader, partitions, &mut state, identity);
        }
        drop(state);
        self.refresh_if_stale();
        next.min(expires)
    }

    fn ask_for_identity(&mut self, state: &mut State) {
        let queues = || state.topics.values().flat_map(|topic| &topic.queues);
        // An old identity ends when everything that was sent with it is settled.
        if queues().all(|queue| queue.in_flight() == 0) && queues().any(|queue| !queue.is_empty()) {
            for queue in state.topics.values_mut().flat_map(|topic| &mut topic.queues) {
                queue.restart();
            }
            let cluster = self.shared.cluster.clone();
            self.errands
                .spawn(async { Errand::Identity(identity::ask(cluster).await) });
            self.identity = Identity::Asked;
        }
    }

    /// The partitions with a batch to send now, by leader, and when the next one will have one.
    fn ready(&self, state: &mut State, now: Instant) -> (BTreeMap<NodeId, Vec<(String, usize)>>, Instant) {
        let settings = &self.shared.settings;
        let flushing = if state.hurry > 0 || state.closed {
            Flushing::Yes
        } else {
            Flushing::No
        };
        let mut ready: BTreeMap<NodeId, Vec<(String, usize)>> = BTreeMap::new();
        let mut next = now + LONG;
        for (name, topic) in &mut state.topics {
            for index in 0..topic.queues.len() {
                let Some(at) = topic.queues[index].ready_at(settings, flushing) else {
                    continue;
                };
                if at > now {
                    next = next.min(at);
                    continue;
                }
                match topic.leader(index) {
                    // What lands there wakes the sender.
                    Some(leader) if settings.is_idempotent() && topic.queues[index].is_under_way_elsewhere(leader) => {}
                    Some(leader) => ready.entry(leader).or_default().push((name.clone(), index)),
                    None => topic.stale = true,
                }
            }
        }
        (ready, next)
    }

    /// Sends one batch of each of these partitions, in as many requests as it takes and the connection allows.
    fn send_to(
        &mut self,
        leader: NodeId,
        partitions: Vec<(String, usize)>,
        state: &mut State,
        identity: Option<(ProducerId, ProducerEpoch)>,
    ) {
        let shared = Arc::clone(&self.shared);
        let settings = &shared.settings;
        let mut left = partitions.into_iter().peekable();
        while left.peek().is_some() && self.node(leader).in_flight < settings.max_in_flight {
            let mut request = Vec::new();
            let mut size = 0;
            while let Some((name, index)) = left.peek() {
                let topic = state.topics.get_mut(name).expect("a topic never goes away");
                let next = topic.queues[*index].next_size();
                if !request.is_empty() && size + next > settings.max_request_size {
                    break;
                }
                size += next;
                if let Some((batch, stamp)) = topic.queues[*index].take(identity, leader) {
                    let (topic, topic_id) = (Arc::clone(&topic.name), topic.metadata.id);
                    request.push(Sent {
                        topic,
                        topic_id,
                        partition: *index,
                        batch,
                        stamp,
                    });
                }
                left.next();
            }
            let node = self.node(leader);
            node.in_flight += 1;
            node.requests
                .try_send(request)
                .expect("the queue holds as many requests as may be under way");
        }
    }

    fn node(&mut self, id: NodeId) -> &mut Node {
        let Self {
            shared,
            nodes,
            landed,
            workers,
            ..
        } = self;
        nodes.entry(id).or_insert_with(|| {
            let (requests, queue) = mpsc::channel(shared.settings.max_in_flight);
            workers.spawn(node::run(
                shared.cluster.clone(),
                shared.settings.clone(),
                id,
                queue,
                landed.clone(),
            ));
            Node { requests, in_flight: 0 }
        })
    }

    fn refresh_if_stale(&mut self) {
        if self.refreshing {
            return;
        }
        let state = self.shared.state();
        let stale = state
            .topics
            .iter()
            .filter(|(_, topic)| topic.stale)
            .map(|(name, _)| name.clone());
        let stale: Vec<String> = stale.collect();
        drop(state);
        if stale.is_empty() {
            return;
        }
        self.refreshing = true;
        let cluster = self.shared.cluster.clone();
        let pause = cluster.settings().retry_backoff;
        self.errands.spawn(async move {
            tokio::time::sleep(pause).await;
            Errand::Metadata(cluster.metadata(Topics::Named(&stale)).await)
        });
    }

    fn run_errand(&mut self, errand: Errand) {
        match errand {
            Errand::Identity(Ok((id, epoch))) => self.identity = Identity::Has(id, epoch),
            Errand::Identity(Err(error)) => {
                self.identity = Identity::Missing;
                let mut state = self.shared.state();
                let shared = &self.shared;
                // Nothing can be sent without; what waits fails with the reason.
                for queue in state.topics.values_mut().flat_map(|topic| &mut topic.queues) {
                    queue
                        .expire(Instant::now() + LONG)
                        .into_iter()
                        .for_each(|batch| batch.outcome.settle(Err(error.clone())));
                }
                state.buffered = 0;
                shared.settled.notify_waiters();
            }
            Errand::Metadata(found) => {
                self.refreshing = false;
                let mut state = self.shared.state();
                for metadata in found.unwrap_or_default() {
                    if metadata.error == ErrorCode::None
                        && let Some(topic) = state.topics.get_mut(&metadata.name)
                    {
                        topic.learn(metadata);
                    }
                }
            }
        }
    }

    fn land(&mut self, landed: Landed) {
        self.node(landed.node).in_flight -= 1;
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state();
        for (sent, result) in landed.batches {
            let topic = state.topics.get_mut(&*sent.topic).expect("a topic never goes away");
            let queue = &mut topic.queues[sent.partition];
            queue.landed(sent.stamp);
            if result.is_ok() {
                queue.acknowledged();
            }
            if let Err(error) = &result {
                topic.stale |= error.is_connection() || error.code().is_some_and(ErrorCode::refreshes_metadata);
            }
            let charge = sent.batch.charge;
            if self.settle(sent, result, queue) == Settled::Yes {
                state.buffered = state.buffered.saturating_sub(charge);
            }
        }
        drop(state);
        shared.settled.notify_waiters();
    }

    /// Tells the records of a batch what became of them, unless the batch is sent again.
    fn settle(&mut self, sent: Sent, result: Result<Written, ClientError>, queue: &mut Queue) -> Settled {
        let settings = &self.shared.settings;
        let Err(error) = result else {
            sent.batch.outcome.settle(result);
            return Settled::Yes;
        };
        let too_old = sent.batch.created.elapsed() >= settings.delivery_timeout;
        let may_repeat = sent.batch.attempts <= settings.retries && !too_old;
        let verdict = verdict(&error, &sent, queue);
        tracing::debug!(%error, ?verdict, "a batch was not written");
        if verdict == Verdict::NewIdentity && self.is_current(&sent) {
            self.identity = Identity::Missing;
        }
        if verdict != Verdict::Fail && may_repeat {
            let not_before = Instant::now() + self.shared.cluster.settings().retry_backoff;
            queue.again(sent.batch, not_before);
            return Settled::No;
        }
        // The broker expects the numbers of the records that are now given up: only a new sequence can go on.
        if self.is_current(&sent) {
            self.identity = Identity::Missing;
        }
        sent.batch.outcome.settle(Err(error));
        Settled::Yes
    }

    fn is_current(&self, sent: &Sent) -> bool {
        sent.stamp
            .is_some_and(|stamp| self.identity == Identity::Has(stamp.id, stamp.epoch))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    Yes,
    No,
}

/// What to do with a batch that was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Send it again.
    Again,
    /// Send it again, under a new identity.
    NewIdentity,
    /// Give it up.
    Fail,
}

fn verdict(error: &ClientError, sent: &Sent, queue: &Queue) -> Verdict {
    match (error.code(), sent.stamp) {
        // A batch before it is on its way again, and this one came too early.
        (Some(ErrorCode::OutOfOrderSequenceNumber), Some(stamp)) if queue.has_earlier(stamp) => Verdict::Again,
        // The broker has forgotten the producer, because its records were deleted or too long ago (KIP-360).
        (Some(ErrorCode::UnknownProducerId), Some(_)) => Verdict::NewIdentity,
        _ if error.is_retriable() => Verdict::Again,
        _ => Verdict::Fail,
    }
}

/// Fails the batches that have waited for too long, and gives back when the next one will have.
fn give_up_the_old(shared: &Shared, state: &mut State, now: Instant) -> Instant {
    let patience = shared.settings.delivery_timeout;
    let Some(limit) = now.checked_sub(patience) else {
        return now + LONG;
    };
    let mut next = now + LONG;
    let mut freed = 0;
    for (name, topic) in &mut state.topics {
        for (index, queue) in topic.queues.iter_mut().enumerate() {
            for batch in queue.expire(limit) {
                freed += batch.charge;
                batch.outcome.settle(Err(ClientError::Refused {
                    code: ErrorCode::RequestTimedOut,
                    message: format!(
                        "Expiring {} record(s) for {name}-{index}:{} ms has passed since batch creation",
                        batch.count(),
                        patience.as_millis()
                    ),
                }));
            }
            if let Some(oldest) = queue.oldest() {
                next = next.min(oldest + patience);
            }
        }
    }
    if freed > 0 {
        state.buffered = state.buffered.saturating_sub(freed);
        shared.settled.notify_waiters();
    }
    next
}
