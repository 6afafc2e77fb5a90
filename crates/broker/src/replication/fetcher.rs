//! A follower's fetcher: one request at a time to one leader, what comes is appended, flushed, and thereby acknowledged by
//! the next request.

use super::answer;
use super::connection::{self, FetchFailed};
use super::durable;
use super::followed::Urgency;
use super::following::Following;
use super::lane::Lane;
use super::request;
use super::session::Plan;
use crate::Broker;
use client::Channel;
use protocol::messages::fetch_response::FetchResponse;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{debug, info, warn};

/// A request that is parked at the leader is given up for partitions that it does not ask for, but only if its answer
/// has not come by then.
const GIVE_UP_AFTER: Duration = Duration::from_millis(20);
/// So often at most: a partition may wait that long, but a lane to which they come one by one does not reconnect for each.
const GIVE_UP_EVERY: Duration = Duration::from_millis(200);
/// How often all partitions are looked at for what the leader is to know: the start of a log moves without a fetch.
const LOOK_AT_ALL: Duration = Duration::from_secs(1);

/// Fetches what is assigned to `lane` until the broker stops.
pub(super) async fn run(broker: Arc<Broker>, lane: Arc<Lane>) {
    let mut stopping = broker.stopping.clone();
    let mut fetcher = Fetcher::new(Arc::clone(&broker), lane);
    tokio::select! {
        () = fetcher.run() => {}
        _ = stopping.wait_for(|stop| *stop) => {}
    }
}

/// A fetcher.
struct Fetcher {
    lane: Arc<Lane>,
    following: Following,
    channel: Option<Channel>,
    gave_up: Instant,
    looked: Instant,
}

/// How a request went that did not fail.
enum Round {
    /// An answer came.
    Answered(Box<FetchResponse>),
    /// Something changed before one did.
    Interrupted,
}

impl Fetcher {
    fn new(broker: Arc<Broker>, lane: Arc<Lane>) -> Self {
        let now = Instant::now();
        Self {
            following: Following::new(broker, lane.source),
            lane,
            channel: None,
            gave_up: now,
            looked: now,
        }
    }

    async fn run(&mut self) {
        let mut failures = 0_u32;
        loop {
            self.following.partitions.take(self.lane.take());
            if self.following.partitions.is_empty() {
                self.disconnect();
                self.lane.report(0, 0);
                self.lane.changed().await;
                continue;
            }
            match self.round().await {
                Ok(()) => failures = 0,
                Err(error) => {
                    self.disconnect();
                    failures += 1;
                    self.tell(&error, failures);
                    // A connection that worked until now may only have been cut.
                    if failures > 1 {
                        self.pause(self.following.broker.config.load().replication.replica_fetch_backoff)
                            .await;
                    }
                }
            }
        }
    }

    fn tell(&self, error: &FetchFailed, failures: u32) {
        let (source, lane) = (self.lane.source, self.lane.number);
        match failures {
            1 => info!(%source, lane, %error, "a fetch from a leader failed"),
            2 => warn!(%source, lane, %error, "fetches from a leader fail"),
            _ => debug!(%source, lane, %error, failures, "fetches from a leader still fail"),
        }
    }

    fn disconnect(&mut self) {
        self.following.session.lose();
        self.channel = None;
    }

    /// Pauses, unless something changes.
    async fn pause(&self, pause: Duration) {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.lane.changed() => {}
        }
    }

    /// One request and what comes of it.
    async fn round(&mut self) -> Result<(), FetchFailed> {
        let Some(channel) = self.connected().await? else {
            return Ok(());
        };
        durable::settle(&self.following.broker, &self.following.partitions.touched()).await;
        let Some(plan) = self.plan() else {
            let again = self.following.partitions.next_look(Instant::now());
            self.pause(again.map_or(LOOK_AT_ALL, |at| at.saturating_duration_since(Instant::now())))
                .await;
            return Ok(());
        };
        match self.fetch(&channel, plan).await? {
            Round::Answered(response) => answer::take(&mut self.following, &channel, *response).await,
            Round::Interrupted => Ok(()),
        }
    }

    /// A connection to the leader; none if something changed before there was one.
    async fn connected(&mut self) -> Result<Option<Channel>, FetchFailed> {
        if let Some(channel) = self
            .channel
            .as_ref()
            .filter(|channel| connection::is_good(&self.following.broker, self.lane.source, channel))
        {
            return Ok(Some(channel.clone()));
        }
        self.disconnect();
        let connecting = connection::connect(&self.following.broker, self.lane.source);
        let channel = tokio::select! {
            channel = connecting => channel?,
            () = self.lane.changed() => return Ok(None),
        };
        debug!(source = %self.lane.source, lane = self.lane.number, address = %channel.address(), "fetching from a leader");
        self.channel = Some(channel.clone());
        Ok(Some(channel))
    }

    fn plan(&mut self) -> Option<Plan> {
        let now = Instant::now();
        if now.duration_since(self.looked) >= LOOK_AT_ALL {
            self.looked = now;
            self.following.partitions.touch_all();
            self.lane
                .report(self.following.partitions.max_lag(), self.following.partitions.failed());
        }
        self.following.plan(now)
    }

    /// Sends a request and waits for its answer.
    async fn fetch(&mut self, channel: &Channel, plan: Plan) -> Result<Round, FetchFailed> {
        let version = request::version(&self.following.broker, channel)?;
        let now = Instant::now();
        let again = self
            .following
            .partitions
            .next_look(now)
            .map(|at| at.saturating_duration_since(now));
        let request = request::build(&self.following.broker, version, plan, again);
        let timeout = self.following.broker.config.load().replication.replica_socket_timeout;
        let sent = Instant::now();
        let answering = channel.send_within(&request, version, timeout);
        tokio::pin!(answering);
        let mut give_up = None;
        loop {
            let late = async {
                match give_up {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                response = &mut answering => return Ok(Round::Answered(Box::new(response?))),
                () = self.lane.changed() => {
                    let urgency = self.following.partitions.take(self.lane.take());
                    if self.following.partitions.is_empty() {
                        break;
                    }
                    if urgency == Urgency::Added && give_up.is_none() {
                        give_up = Some((sent + GIVE_UP_AFTER).max(self.gave_up + GIVE_UP_EVERY));
                    }
                }
                () = late => break,
            }
        }
        // What is parked at the leader cannot be called back: another connection is needed.
        self.gave_up = Instant::now();
        self.disconnect();
        Ok(Round::Interrupted)
    }
}
