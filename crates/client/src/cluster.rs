//! The cluster behind the addresses: its brokers, who leads what, and a connection to each broker that is spoken to.

use crate::channel::Channel;
use crate::error::ClientError;
use crate::retry::Retry;
use crate::settings::{Address, Entrance, Settings};
use crate::topic_metadata::TopicMetadata;
use base::NodeId;
use protocol::messages::describe_cluster_request::DescribeClusterRequest;
use protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use protocol::messages::metadata_response::MetadataResponse;
use protocol::{ErrorCode, Request};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// Where it says it listens.
    pub address: Address,
    /// Its rack.
    pub rack: Option<String>,
}

/// Which topics metadata is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Topics<'a> {
    /// All.
    All,
    /// These.
    Named(&'a [String]),
    /// These, and the broker may create the ones that are missing.
    NamedOrCreated(&'a [String]),
}

/// The endpoint type of controllers in DescribeCluster.
pub(crate) const CONTROLLERS: i8 = 2;

/// A slot for the connection to one address, locked while it is being made.
type Slot = Arc<tokio::sync::Mutex<Option<Channel>>>;

/// A cluster; cheap to clone, and all clones share their connections.
#[derive(Clone, Debug)]
pub struct Cluster {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    nodes: BTreeMap<NodeId, Node>,
    controller: Option<NodeId>,
    cluster_id: Option<String>,
    topics: FxHashMap<String, Known>,
    slots: FxHashMap<Address, Slot>,
    turn: usize,
}

/// What is known of a topic.
#[derive(Debug)]
struct Known {
    /// When it was told; nothing once it proved wrong.
    when: Option<Instant>,
    topic: Arc<TopicMetadata>,
}

impl Cluster {
    /// A cluster that is reached through the settings' addresses; nothing is connected yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            shared: Arc::new(Shared {
                settings,
                state: Mutex::default(),
            }),
        }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The brokers known so far, by id.
    pub fn nodes(&self) -> Vec<Node> {
        self.state().nodes.values().cloned().collect()
    }

    /// The cluster's id, once known.
    pub fn cluster_id(&self) -> Option<String> {
        self.state().cluster_id.clone()
    }

    /// A connection to any broker: an open one if there is one, else the first that can be made.
    pub async fn any(&self) -> Result<Channel, ClientError> {
        let (candidates, open) = {
            let state = self.state();
            let known = state.nodes.values().map(|node| node.address.clone());
            let mut candidates: Vec<Address> = known.collect();
            candidates.extend(self.shared.settings.bootstrap.iter().cloned());
            let open = candidates
                .iter()
                .filter_map(|address| state.slots.get(address)?.try_lock().ok()?.clone());
            (candidates.clone(), open.filter(Channel::is_open).collect::<Vec<_>>())
        };
        if let Some(channel) = open.into_iter().next() {
            return Ok(channel);
        }
        let mut last = None;
        let first = self.next_turn();
        for turn in 0..candidates.len() {
            match self.at(&candidates[(first + turn) % candidates.len()]).await {
                Ok(channel) => return Ok(channel),
                Err(error) => last = Some(error),
            }
        }
        Err(last.expect("settings hold at least one address"))
    }

    /// Where the next round over the candidates begins, so that not all attempts go to the same dead one.
    fn next_turn(&self) -> usize {
        let mut state = self.state();
        state.turn = state.turn.wrapping_add(1);
        state.turn - 1
    }

    /// A connection to the broker at `address`.
    pub async fn at(&self, address: &Address) -> Result<Channel, ClientError> {
        let slot = Arc::clone(self.state().slots.entry(address.clone()).or_default());
        let mut slot = slot.lock().await;
        if let Some(channel) = slot.as_ref().filter(|channel| channel.is_open()) {
            return Ok(channel.clone());
        }
        let channel = Channel::connect(address, &self.shared.settings).await?;
        *slot = Some(channel.clone());
        Ok(channel)
    }

    /// A connection to broker `id`, which the metadata must have named.
    pub async fn node(&self, id: NodeId) -> Result<Channel, ClientError> {
        let address = self.state().nodes.get(&id).map(|node| node.address.clone());
        self.at(&address.ok_or(ClientError::UnknownNode(id))?).await
    }

    /// Asks any broker, again if that may help.
    pub async fn call<R: Request>(&self, what: &'static str, request: &R) -> Result<R::Response, ClientError> {
        let mut retry = self.retry(what);
        loop {
            let attempt = async { self.any().await?.send(request).await };
            match attempt.await {
                Ok(answer) => return Ok(answer),
                Err(error) => retry.pause(error).await?,
            }
        }
    }

    /// Asks the active controller: any broker, which forwards, or, where the addresses are those of controllers, the one
    /// that they name. `code` is where the answer says whether it was obeyed: who is not the controller, is asked no more.
    pub async fn call_controller<R: Request>(
        &self,
        what: &'static str,
        request: &R,
        code: impl Fn(&R::Response) -> i16,
    ) -> Result<R::Response, ClientError> {
        let mut retry = self.retry(what);
        loop {
            let attempt = async {
                let answer = self.controller().await?.send(request).await?;
                match ErrorCode::from(code(&answer)) {
                    moved @ (ErrorCode::NotController | ErrorCode::NotLeaderOrFollower) => Err(refused(moved)),
                    _ => Ok(answer),
                }
            };
            match attempt.await {
                Ok(answer) => return Ok(answer),
                Err(error) => retry.pause(error).await?,
            }
        }
    }

    async fn controller(&self) -> Result<Channel, ClientError> {
        match self.settings().entrance {
            Entrance::Brokers => self.any().await,
            Entrance::Controllers => {
                self.refresh(Topics::Named(&[])).await?;
                let controller = self.state().controller.ok_or(refused(ErrorCode::NotController))?;
                self.node(controller).await
            }
        }
    }

    /// Asks broker `id`, again if that may help.
    pub async fn call_node<R: Request>(
        &self,
        what: &'static str,
        id: NodeId,
        request: &R,
    ) -> Result<R::Response, ClientError> {
        let mut retry = self.retry(what);
        loop {
            let attempt = async {
                if !self.state().nodes.contains_key(&id) {
                    self.refresh(Topics::Named(&[])).await?;
                }
                self.node(id).await?.send(request).await
            };
            match attempt.await {
                Ok(answer) => return Ok(answer),
                Err(error) => retry.pause(error).await?,
            }
        }
    }

    /// The attempts of one operation.
    pub(crate) fn retry(&self, what: &'static str) -> Retry {
        Retry::new(what, &self.shared.settings)
    }

    /// Asks for the metadata of `topics` and keeps it; errors of single topics are in the answer.
    pub async fn metadata(&self, topics: Topics<'_>) -> Result<Vec<Arc<TopicMetadata>>, ClientError> {
        let mut retry = self.retry("metadata");
        loop {
            match self.refresh(topics).await {
                Ok(found) => return Ok(found),
                Err(error) => retry.pause(error).await?,
            }
        }
    }

    async fn refresh(&self, topics: Topics<'_>) -> Result<Vec<Arc<TopicMetadata>>, ClientError> {
        let channel = self.any().await?;
        if self.settings().entrance == Entrance::Controllers {
            return self.refresh_controllers(&channel).await;
        }
        let named = |names: &[String]| {
            let topic = |name: &String| MetadataRequestTopic {
                name: Some(name.clone()),
                ..Default::default()
            };
            Some(names.iter().map(topic).collect())
        };
        let (names, create) = match topics {
            Topics::All => (None, false),
            Topics::Named(names) => (named(names), false),
            Topics::NamedOrCreated(names) => (named(names), true),
        };
        let request = MetadataRequest {
            topics: names,
            allow_auto_topic_creation: create,
            ..Default::default()
        };
        let answer = channel.send(&request).await?;
        ClientError::check(answer.error_code, None)?;
        Ok(self.keep(answer))
    }

    /// Controllers know no topics that a client may ask for: only one another, and who of them is active.
    async fn refresh_controllers(&self, channel: &Channel) -> Result<Vec<Arc<TopicMetadata>>, ClientError> {
        let request = DescribeClusterRequest {
            endpoint_type: CONTROLLERS,
            ..Default::default()
        };
        let answer = channel.send(&request).await?;
        ClientError::check(answer.error_code, answer.error_message)?;
        let nodes = answer.brokers.into_iter().filter_map(|found| {
            let address = Address {
                host: found.host,
                port: u16::try_from(found.port).ok()?,
            };
            let (id, rack) = (NodeId(found.broker_id), found.rack);
            Some((id, Node { id, address, rack }))
        });
        let mut state = self.state();
        state.nodes = nodes.collect();
        state.controller = (answer.controller_id >= 0).then_some(NodeId(answer.controller_id));
        state.cluster_id = Some(answer.cluster_id);
        Ok(Vec::new())
    }

    fn keep(&self, answer: MetadataResponse) -> Vec<Arc<TopicMetadata>> {
        let mut state = self.state();
        let node = |broker: &protocol::messages::metadata_response::MetadataResponseBroker| {
            let port = u16::try_from(broker.port).ok()?;
            let address = Address {
                host: broker.host.clone(),
                port,
            };
            Some((
                NodeId(broker.node_id),
                Node {
                    id: NodeId(broker.node_id),
                    address,
                    rack: broker.rack.clone(),
                },
            ))
        };
        // A broker that has just started may know of no broker yet, itself included: the old picture is better.
        if !answer.brokers.is_empty() {
            state.nodes = answer.brokers.iter().filter_map(node).collect();
        }
        state.controller = (answer.controller_id >= 0).then_some(NodeId(answer.controller_id));
        state.cluster_id = answer.cluster_id.or(state.cluster_id.take());
        let when = Some(Instant::now());
        let mut topics = Vec::with_capacity(answer.topics.len());
        for told in answer.topics {
            let mut topic = TopicMetadata::from(told);
            if let Some(known) = state.topics.get(&topic.name) {
                topic.keep_newer(&known.topic);
            }
            let topic = Arc::new(topic);
            if topic.error == ErrorCode::None {
                let known = Known {
                    when,
                    topic: Arc::clone(&topic),
                };
                state.topics.insert(topic.name.clone(), known);
            } else {
                state.topics.remove(&topic.name);
            }
            topics.push(topic);
        }
        topics
    }

    /// The metadata of one topic if it is fresh enough.
    pub fn known_topic(&self, name: &str) -> Option<Arc<TopicMetadata>> {
        let state = self.state();
        let known = state.topics.get(name)?;
        let is_fresh = known.when?.elapsed() < self.shared.settings.metadata_max_age;
        is_fresh.then(|| Arc::clone(&known.topic))
    }

    /// What is known of a topic proved wrong: it is asked for again, and nothing older is believed.
    pub fn forget_topic(&self, name: &str) {
        if let Some(known) = self.state().topics.get_mut(name) {
            known.when = None;
        }
    }

    /// The metadata of one topic, waiting until it exists and every partition has been placed, for at most `patience`.
    pub async fn topic(&self, topics: Topics<'_>, patience: Duration) -> Result<Arc<TopicMetadata>, ClientError> {
        let (Topics::Named(names) | Topics::NamedOrCreated(names)) = topics else {
            unreachable!("one topic is asked for by name");
        };
        if let Some(topic) = names.first().and_then(|name| self.known_topic(name)) {
            return Ok(topic);
        }
        let started = Instant::now();
        let mut retry = self.retry("the topic's metadata");
        loop {
            let error = match self.refresh(topics).await {
                Ok(found) => match found.into_iter().next() {
                    Some(topic) if topic.error == ErrorCode::None => return Ok(topic),
                    Some(topic) => refused(topic.error),
                    None => refused(ErrorCode::UnknownTopicOrPartition),
                },
                Err(error) => error,
            };
            if started.elapsed() >= patience {
                return Err(error);
            }
            retry.pause(error).await?;
        }
    }
}

fn refused(code: ErrorCode) -> ClientError {
    ClientError::Refused {
        code,
        message: code.message().to_owned(),
    }
}
