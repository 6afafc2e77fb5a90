//! The ways into this node's part of the quorum: from the controller listener, and from the broker in the same process.

use crate::api;
use crate::driver::Command;
use crate::heartbeats::Heartbeats;
use crate::mutation_figures::MutationFigures;
use crate::operation::{Asked, Decision, Refused};
use crate::replica::Replica;
use crate::sign_of_life::{LastWord, SignOfLife};
use bytes::Bytes;
use config::BrokerConfig;
use controller::{ControllerState, OpContext, Origin};
use metadata::Published;
use network::{
    Admission, Alarm, ClientSoftware, ConnectionContext, Principal, Reply, RequestContext, Service, Throttle,
};
use protocol::{ApiKey, Segments, frame};
use raft::{Answer, Request};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{mpsc, oneshot, watch};

/// What the handlers of the controller's APIs share; a bag of handles.
#[derive(Debug)]
pub struct Quorum {
    /// The cluster, as `meta.properties` has it.
    pub(crate) cluster_id: String,
    /// The listener by which controllers reach one another: the first of `controller.listener.names`.
    pub(crate) listener: String,
    /// The committed metadata.
    pub(crate) published: watch::Receiver<Published>,
    /// This node's settings, with what of the committed dynamic configs concerns it.
    pub(crate) settings: watch::Receiver<Arc<BrokerConfig>>,
    /// The ends of the log as they move, for fetches that wait: the log's end and the high watermark.
    pub(crate) log_ends: watch::Receiver<crate::driver::LogEnds>,
    pub(crate) commands: mpsc::Sender<Command>,
    /// What the broker in the same process leaves.
    pub(crate) last_word: LastWord,
    /// Whether brokers are looked for whose connection ended.
    pub(crate) broker_probes: BrokerProbes,
    /// What is shown of who has partitions made and deleted.
    pub(crate) mutation_figures: Arc<MutationFigures>,
    /// When brokers were heard of last.
    pub(crate) heartbeats: Arc<Heartbeats>,
}

/// Whether brokers are looked for whose connection ended, as `riverrun.broker.probe.enable` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BrokerProbes {
    On,
    /// Sessions alone decide.
    Off,
}

/// One way in: the same APIs, told how requests came.
#[derive(Clone, Debug)]
pub struct Entrance {
    pub(crate) quorum: Arc<Quorum>,
    pub(crate) origin: Origin,
    /// Whether a request that came this way was refused because the active controller is elsewhere.
    not_controller: Arc<AtomicBool>,
}

impl Entrance {
    /// A way in.
    pub(crate) fn new(quorum: &Arc<Quorum>, origin: Origin) -> Self {
        Self {
            quorum: Arc::clone(quorum),
            origin,
            not_controller: Arc::default(),
        }
    }

    /// Whether a request that came this way was refused because the active controller is elsewhere. Who passed it on looks
    /// for the active controller then, and the client never hears of it.
    pub(crate) fn refused_as_not_controller(&self) -> bool {
        self.not_controller.load(Ordering::Acquire)
    }

    fn noted<T>(&self, outcome: Result<T, Refused>) -> Result<T, Refused> {
        if matches!(outcome, Err(Refused::NotController)) {
            self.not_controller.store(true, Ordering::Release);
        }
        outcome
    }

    /// Has the controller decide, and waits until what it decided is committed.
    pub(crate) async fn operate<T, D, F>(&self, decide: F) -> Result<T, Refused>
    where
        F: FnOnce(&ControllerState, &mut OpContext<'_>) -> D + Send + 'static,
        D: Into<Decision<T>>,
        T: Send + 'static,
    {
        let (operation, answer) = Asked::ask(decide);
        let command = Command::Operate {
            operation,
            origin: self.origin,
        };
        let sent = self
            .quorum
            .commands
            .send(command)
            .await
            .map_err(|_| Refused::NotController);
        if let Err(refused) = sent {
            return self.noted(Err(refused));
        }
        let outcome = self.outcome(answer).await;
        self.noted(outcome.unwrap_or(Err(Refused::NotController)))
    }

    /// Looks at, or tells, the replica itself.
    pub(crate) async fn inspect<T, F>(&self, inspect: F) -> Result<T, Refused>
    where
        F: FnOnce(&mut Replica) -> T + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let inspect = Box::new(move |replica: &mut Replica| _ = reply.send(inspect(replica)));
        self.quorum
            .commands
            .send(Command::Inspect(inspect))
            .await
            .map_err(|_| Refused::NotController)?;
        self.outcome(answer).await.ok_or(Refused::NotController)
    }

    /// Has the machine answer, which may take until something is durable or committed.
    pub(crate) async fn ask(&self, request: Request) -> Result<Answer, Refused> {
        let (reply, answer) = oneshot::channel();
        self.quorum
            .commands
            .send(Command::Ask { request, reply })
            .await
            .map_err(|_| Refused::NotController)?;
        self.outcome(answer).await.ok_or(Refused::NotController)
    }

    /// Whether a request is of this cluster; one that does not say so is taken to be.
    pub(crate) fn is_own_cluster(&self, given: Option<&str>) -> bool {
        given.is_none_or(|given| given == self.quorum.cluster_id)
    }

    /// What is said of a request for another cluster.
    pub(crate) fn other_cluster(&self, given: &str) -> String {
        let own = &self.quorum.cluster_id;
        format!("The given id \"{given}\" doesn't match the cluster id \"{own}\"")
    }

    /// The listener by which controllers reach one another.
    pub(crate) fn listener(&self) -> &str {
        &self.quorum.listener
    }

    /// Waits for an answer as long as there is a driver to give it. A command that was sent while the driver went away
    /// can stay in the queue, unread and with its way to answer, for as long as the queue exists.
    async fn outcome<T>(&self, mut answer: oneshot::Receiver<T>) -> Option<T> {
        tokio::select! {
            biased;
            answered = &mut answer => answered.ok(),
            () = self.quorum.commands.closed() => answer.try_recv().ok(),
        }
    }
}

impl Service for Entrance {
    fn admit(&self, api_key: ApiKey, api_version: i16) -> Admission {
        let served = |range: &network::ApiRange| {
            range.api_key == api_key
                && (api_key == ApiKey::ApiVersions || (range.min <= api_version && api_version <= range.max))
        };
        if api::APIS.iter().any(served) {
            Admission::Handle
        } else {
            Admission::Refuse
        }
    }

    async fn handle(self: &Arc<Self>, context: &RequestContext, body: Bytes) -> Reply {
        api::dispatch(self, context, body).await
    }
}

/// The controller, for the broker in the same process: it takes the same requests as the controller's listener.
#[derive(Clone, Debug)]
pub struct ControllerHandle {
    pub(crate) quorum: Arc<Quorum>,
}

/// Who asks through a [`ControllerHandle`].
#[derive(Clone, Debug)]
pub struct Caller {
    /// The client's principal, or the broker's own.
    pub principal: Principal,
    /// The client's id.
    pub client_id: Arc<str>,
    /// The client's address; none for the broker itself.
    pub address: Option<IpAddr>,
}

/// Why a request was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The controller does not serve the API at this version.
    #[error("the controller does not serve version {version} of {api_key:?}")]
    NotServed {
        /// The API.
        api_key: ApiKey,
        /// The version asked for.
        version: i16,
    },
    /// The controller's listener would have closed the connection.
    #[error("the controller refused the request: {0}")]
    Refused(&'static str),
    /// The active controller is another node, or nobody is now.
    #[error("this node is not the active controller")]
    NotController,
    /// There is no controller in this process any more.
    #[error("the controller has stopped")]
    Stopped,
}

impl ControllerHandle {
    /// Whether there is no controller in this process any more: it was stopped, or its disk failed.
    pub fn is_stopped(&self) -> bool {
        self.quorum.commands.is_closed()
    }

    /// Leaves word that the broker of this process is alive.
    pub fn leave_word(&self, sign: SignOfLife) {
        self.quorum.heartbeats.note(sign.broker, sign.at);
        self.quorum.last_word.leave(sign);
    }

    /// Sends a request's body and answers the response's body, both in the encoding of `version`: for a client whose
    /// request the broker passes on (it has an address), or for the broker itself.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn request(
        &self,
        caller: Caller,
        api_key: ApiKey,
        version: i16,
        body: Bytes,
    ) -> Result<Bytes, RequestError> {
        let origin = if caller.address.is_some() {
            Origin::Forwarded
        } else {
            Origin::Direct
        };
        let entrance = Arc::new(Entrance::new(&self.quorum, origin));
        if entrance.admit(api_key, version) == Admission::Refuse {
            return Err(RequestError::NotServed { api_key, version });
        }
        if self.is_stopped() {
            return Err(RequestError::Stopped);
        }
        let context = caller.context(api_key, version);
        let reply = entrance.handle(&context, body).await;
        if entrance.refused_as_not_controller() {
            return Err(RequestError::NotController);
        }
        match reply {
            Reply::Answer(segments) => response_body(segments, api_key, version),
            Reply::Nothing => Err(RequestError::Refused("the request has no response")),
            Reply::Close(reason) => Err(RequestError::Refused(reason)),
            Reply::Later(_) => Err(RequestError::Refused("the controller answers at once")),
        }
    }
}

impl Caller {
    fn context(self, api_key: ApiKey, api_version: i16) -> RequestContext {
        let address = self.address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        RequestContext {
            api_key,
            api_version,
            correlation_id: 0,
            client_id: self.client_id,
            connection: Arc::new(ConnectionContext {
                id: 0,
                listener: Arc::from(""),
                peer: SocketAddr::new(address, 0),
                principal: self.principal,
                client_software: ClientSoftware::default(),
                life: None,
                alarm: Alarm::default(),
                throttle: Throttle::default(),
            }),
        }
    }
}

/// The body within a framed response: after the length, and the header.
fn response_body(segments: Segments, api_key: ApiKey, version: i16) -> Result<Bytes, RequestError> {
    let unreadable = RequestError::Refused("the controller's response cannot be read");
    let frame = response_frame(segments).map_err(|_| unreadable)?;
    let (_, body) = frame::decode_response(&frame, api_key, version).map_err(|_| unreadable)?;
    Ok(body)
}

/// A response without the length before it.
pub(crate) fn response_frame(segments: Segments) -> io::Result<Bytes> {
    let framed = segments.read_all()?;
    Ok(framed.slice(framed.len().min(4)..))
}
