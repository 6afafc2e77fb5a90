//! One connection to a broker: what versions it speaks, many calls under way, answers in order.

mod answers;
mod frame;
mod negotiate;
mod outbox;

use crate::error::ClientError;
use crate::settings::{Address, Settings};
use answers::Pending;
use bytes::Bytes;
use negotiate::BrokerVersions;
use network::socket;
use outbox::Call;
use protocol::{ApiKey, Message, Request, Segments, Writer};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Calls that may wait to be written; a caller beyond that waits.
const OUTBOX: usize = 256;

/// One connection to a broker; cheap to clone, closed when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Channel {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    address: Address,
    client_id: String,
    request_timeout: Duration,
    outbox: mpsc::Sender<Call>,
    pending: Arc<Pending>,
    next_correlation: AtomicI32,
    versions: BrokerVersions,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Shared {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Channel {
    /// Connects, and asks the broker which versions it speaks.
    pub async fn connect(address: &Address, settings: &Settings) -> Result<Self, ClientError> {
        let failed = |reason: String| ClientError::Connect {
            address: address.clone(),
            reason,
        };
        let connecting = socket::connect(&address.host, address.port, settings.receive_buffer);
        let stream = match timeout(settings.connect_timeout, connecting).await {
            Ok(stream) => stream.map_err(|error| failed(error.to_string()))?,
            Err(_) => {
                return Err(failed(format!(
                    "no answer within {} ms",
                    settings.connect_timeout.as_millis()
                )));
            }
        };
        stream.set_nodelay(true).map_err(|error| failed(error.to_string()))?;
        let (read, write) = stream.into_split();
        let (outbox, calls) = mpsc::channel(OUTBOX);
        let pending = Arc::new(Pending::default());
        let tasks = [
            tokio::spawn(answers::read(read, Arc::clone(&pending), settings.max_answer)),
            tokio::spawn(outbox::write(write, Arc::clone(&pending), calls)),
        ];
        let mut shared = Shared {
            address: address.clone(),
            client_id: settings.client_id.clone(),
            request_timeout: settings.request_timeout,
            outbox,
            pending,
            next_correlation: AtomicI32::new(0),
            versions: BrokerVersions::default(),
            tasks,
        };
        shared.versions = negotiate::negotiate(&shared).await?;
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// The broker's address.
    pub fn address(&self) -> &Address {
        &self.shared.address
    }

    /// Whether the connection can still be used.
    pub fn is_open(&self) -> bool {
        self.shared.pending.is_open()
    }

    /// The highest version of `R` that both sides have.
    pub fn version<R: Request>(&self) -> Result<i16, ClientError> {
        self.shared
            .versions
            .common(R::KEY, R::VERSIONS)
            .ok_or_else(|| ClientError::UnsupportedVersion {
                address: self.shared.address.clone(),
                api: R::KEY,
            })
    }

    /// The versions of `api` that the broker speaks, lowest and highest.
    pub fn broker_versions(&self, api: ApiKey) -> Option<(i16, i16)> {
        self.shared.versions.of(api)
    }

    /// The finalized level of a feature as the broker knows it, and the highest it supports.
    pub fn feature(&self, name: &str) -> Option<i16> {
        self.shared.versions.feature(name)
    }

    /// Sends a request in the highest common version and waits for its answer.
    pub async fn send<R: Request>(&self, request: &R) -> Result<R::Response, ClientError> {
        let version = self.version::<R>()?;
        self.send_at(request, version).await
    }

    /// Sends a request in `version` and waits for its answer.
    pub async fn send_at<R: Request>(&self, request: &R, version: i16) -> Result<R::Response, ClientError> {
        self.send_within(request, version, self.shared.request_timeout).await
    }

    /// Sends a request in `version` and waits for its answer, for at most `patience`.
    pub async fn send_within<R: Request>(
        &self,
        request: &R,
        version: i16,
        patience: Duration,
    ) -> Result<R::Response, ClientError> {
        self.shared.exchange(request, version, patience).await
    }

    /// Sends a request, and gives back the wait for its answer: requests go out in the order of these calls.
    pub async fn begin<R: Request>(
        &self,
        request: &R,
        version: i16,
        patience: Duration,
    ) -> Result<impl Future<Output = Result<R::Response, ClientError>> + Send + use<R>, ClientError> {
        let body = encode(request, version)?;
        let flexible = version >= R::FLEXIBLE_FROM;
        let (reply, answer) = oneshot::channel();
        self.shared
            .dispatch(R::KEY, version, flexible, body, Some(reply))
            .await?;
        let shared = Arc::clone(&self.shared);
        Ok(async move {
            let answer = shared.await_answer(R::KEY, flexible, answer, patience).await?;
            R::Response::from_bytes(&answer, version).map_err(|error| shared.malformed(R::KEY, error.to_string()))
        })
    }

    /// Sends a request that is never answered (a Produce with acks=0); returns when it is on its way.
    pub async fn send_unanswered<R: Request>(&self, request: &R, version: i16) -> Result<(), ClientError> {
        let body = encode(request, version)?;
        self.shared
            .dispatch(R::KEY, version, version >= R::FLEXIBLE_FROM, body, None)
            .await
    }

    /// Sends a request body that is already encoded, and waits for the body of its answer: for forwarding.
    pub async fn send_encoded(
        &self,
        api: ApiKey,
        version: i16,
        flexible: Flexible,
        body: Segments,
        patience: Duration,
    ) -> Result<Bytes, ClientError> {
        self.shared
            .call(api, version, flexible == Flexible::Yes, body, patience)
            .await
    }

    /// Closes the connection; calls under way fail.
    pub fn close(&self, reason: &str) {
        self.shared.pending.fail(reason);
    }
}

/// Whether a request's version is flexible, which decides the form of the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flexible {
    /// Compact lengths and tagged fields.
    Yes,
    /// Neither.
    No,
}

fn encode<R: Request>(request: &R, version: i16) -> Result<Segments, ClientError> {
    let mut writer = Writer::new();
    request
        .encode(&mut writer, version)
        .map_err(|error| ClientError::Unwritable {
            api: R::KEY,
            version,
            reason: error.to_string(),
        })?;
    Ok(writer.finish())
}

impl Shared {
    async fn exchange<R: Request>(
        &self,
        request: &R,
        version: i16,
        patience: Duration,
    ) -> Result<R::Response, ClientError> {
        let body = encode(request, version)?;
        let answer = self
            .call(R::KEY, version, version >= R::FLEXIBLE_FROM, body, patience)
            .await?;
        R::Response::from_bytes(&answer, version).map_err(|error| self.malformed(R::KEY, error.to_string()))
    }

    /// Sends an encoded request and waits for the body of its answer.
    async fn call(
        &self,
        api: ApiKey,
        version: i16,
        flexible: bool,
        body: Segments,
        patience: Duration,
    ) -> Result<Bytes, ClientError> {
        let (reply, answer) = oneshot::channel();
        let sent = timeout(patience, self.dispatch(api, version, flexible, body, Some(reply)));
        sent.await.unwrap_or_else(|_| Err(self.give_up(api, patience)))?;
        self.await_answer(api, flexible, answer, patience).await
    }

    async fn await_answer(
        &self,
        api: ApiKey,
        flexible: bool,
        answer: oneshot::Receiver<Bytes>,
        patience: Duration,
    ) -> Result<Bytes, ClientError> {
        let answer = timeout(patience, answer)
            .await
            .map_err(|_| self.give_up(api, patience))?;
        let answer = answer.map_err(|_| self.disconnected())?;
        frame::strip_header(answer, api, flexible).ok_or_else(|| self.malformed(api, String::from("a torn header")))
    }

    /// Ends the connection: later answers on it would queue behind the missing one.
    fn give_up(&self, api: ApiKey, after: Duration) -> ClientError {
        self.pending.fail("an answer took too long");
        ClientError::NoAnswer {
            address: self.address.clone(),
            api,
            after,
        }
    }

    async fn dispatch(
        &self,
        api: ApiKey,
        version: i16,
        flexible: bool,
        body: Segments,
        reply: Option<oneshot::Sender<Bytes>>,
    ) -> Result<(), ClientError> {
        if !self.pending.is_open() {
            return Err(self.disconnected());
        }
        let correlation = self.next_correlation.fetch_add(1, Ordering::Relaxed);
        let head = frame::head(api, version, correlation, &self.client_id, flexible, body.len());
        let call = Call {
            correlation,
            head,
            body,
            reply,
        };
        self.outbox.send(call).await.map_err(|_| self.disconnected())
    }

    fn disconnected(&self) -> ClientError {
        ClientError::Disconnected {
            address: self.address.clone(),
            reason: self.pending.reason(),
        }
    }

    fn malformed(&self, api: ApiKey, reason: String) -> ClientError {
        ClientError::Malformed {
            address: self.address.clone(),
            api,
            reason,
        }
    }
}
