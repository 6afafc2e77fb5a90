//! One connection: frames in, answers out, in order.

use crate::context::{ConnectionContext, RequestContext};
use crate::frame::{FrameBuffer, FrameError};
use crate::owed::OwedAnswers;
use crate::send::Outbox;
use crate::service::{Admission, Reply, Service};
use crate::socket::Socket;
use bytes::Bytes;
use protocol::{ApiKey, frame};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::sync::watch;
use tokio::time::Instant;

/// Longer than any connection lasts.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// What a connection may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_request_bytes: usize,
    pub(crate) max_idle: Duration,
}

/// Why a connection ended before the peer closed it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Closed {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("the request header cannot be read: {0}")]
    Header(#[from] protocol::wire::DecodeError),
    #[error("{api:?} version {version} is not served here")]
    Unserved { api: ApiKey, version: i16 },
    #[error("{0}")]
    Service(&'static str),
    #[error("idle for longer than connections.max.idle.ms")]
    Idle,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Serves requests until the peer closes, breaks the protocol, falls idle, or the listener stops.
///
/// Most connections are idle most of the time, and what they are then is all this future holds: what it takes to work on
/// requests is on the heap while there are any. What ends a connection that waits is set up once, not for every request.
pub(crate) async fn serve<S: Service>(mut connection: Connection<S>) -> Result<(), Closed> {
    let service = Arc::clone(&connection.service);
    let mut stopped = connection.stopped.clone();
    let mut stop = pin!(stopped.wait_for(|stop| *stop));
    let mut idle = pin!(tokio::time::sleep(connection.limits.max_idle));
    let mut idle_at = idle.deadline();
    loop {
        tokio::select! {
            biased;
            readable = readable(&connection.stream) => readable?,
            _ = stop.as_mut() => return Ok(()),
            () = idle.as_mut() => {
                if idle.deadline() >= idle_at {
                    return Err(Closed::Idle);
                }
                // Something has come since this was set.
                idle.as_mut().reset(idle_at);
                continue;
            }
        }
        idle_at = connection.idle_at();
        // Wherever it waits, for a coordinator or for a peer that does not read, nothing stays put off.
        let mut work = work_of(&mut connection);
        let worked = poll_fn(|context| {
            let next = work.as_mut().poll(context);
            service.before_waiting();
            next
        });
        if worked.await? == Next::End {
            return Ok(());
        }
    }
}

/// The work, made where it stays: memory first, for what it will need later is kilobytes, which would be moved there with the
/// few bytes that it begins with.
#[inline(never)]
fn work_of<S: Service>(connection: &mut Connection<S>) -> Pin<Box<impl Future<Output = Result<Next, Closed>> + Send>> {
    Box::into_pin(Box::write(Box::new_uninit(), connection.work()))
}

/// The handling of a request, likewise.
#[inline(never)]
fn handling_of<S: Service>(
    service: &Arc<S>,
    request: &RequestContext,
    body: Bytes,
) -> Pin<Box<impl Future<Output = Reply> + Send>> {
    Box::into_pin(Box::write(Box::new_uninit(), service.handle(request, body)))
}

/// Whether a connection has more to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    End,
}

/// A connection's own.
pub(crate) struct Connection<S> {
    stream: Socket,
    context: Arc<ConnectionContext>,
    limits: Limits,
    service: Arc<S>,
    stopped: watch::Receiver<bool>,
    client_id: Arc<str>,
    inbox: FrameBuffer,
    owed: OwedAnswers,
    outbox: Outbox,
}

impl<S: Service> Connection<S> {
    pub(crate) fn new(
        stream: Socket,
        context: Arc<ConnectionContext>,
        limits: Limits,
        service: Arc<S>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        Self {
            stream,
            context,
            limits,
            service,
            stopped,
            client_id: Arc::from(""),
            inbox: FrameBuffer::default(),
            owed: OwedAnswers::default(),
            outbox: Outbox::default(),
        }
    }

    pub(crate) fn context(&self) -> &Arc<ConnectionContext> {
        &self.context
    }

    /// When the peer, if nothing comes of it from now on, has been idle for too long.
    fn idle_at(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.limits.max_idle).unwrap_or(now + FOREVER)
    }

    /// Reads what has come, answers every request that is whole, and sends the answers, until none is owed.
    async fn work(&mut self) -> Result<Next, Closed> {
        loop {
            // Readiness is a hint: a new socket is said to be readable once although nothing has come.
            if !self.owed.is_full()
                && let Some(received) = at_once(self.stream.read_buf(&mut self.inbox.for_reading())).await
                && received? == 0
            {
                self.settle().await?;
                return Ok(Next::End);
            }
            while !self.owed.is_full()
                && let Some(frame) = self.inbox.next_frame(self.limits.max_request_bytes)?
            {
                self.request(frame).await?;
                if let Some(time) = self.context.throttle.take()
                    && self.hold_back(time).await? == Next::End
                {
                    return Ok(Next::End);
                }
                if *self.stopped.borrow() {
                    self.settle().await?;
                    return Ok(Next::End);
                }
            }
            self.outbox.flush(&mut self.stream).await?;
            if self.owed.is_empty() {
                break;
            }
            self.service.before_waiting();
            self.await_answers().await?;
        }
        self.inbox.rest();
        Ok(Next::GoOn)
    }

    /// Waits for the oldest answer that is owed, or for more requests while there is room for them, and takes all answers
    /// that are ready then.
    async fn await_answers(&mut self) -> Result<(), Closed> {
        let first = tokio::select! {
            biased;
            reply = self.owed.next() => Some(reply),
            readable = readable(&self.stream), if !self.owed.is_full() => {
                readable?;
                None
            }
        };
        if let Some(reply) = first {
            self.put_out(reply).await?;
        }
        self.put_out_ready().await
    }

    /// Takes all answers whose turn it is and that are ready.
    async fn put_out_ready(&mut self) -> Result<(), Closed> {
        while let Some(reply) = at_once(self.owed.next()).await {
            self.put_out(reply).await?;
        }
        Ok(())
    }

    /// Answers all that is owed.
    async fn settle(&mut self) -> Result<(), Closed> {
        while !self.owed.is_empty() {
            self.put_out_ready().await?;
            self.outbox.flush(&mut self.stream).await?;
            if !self.owed.is_empty() {
                let reply = self.owed.next().await;
                self.put_out(reply).await?;
            }
        }
        Ok(self.outbox.flush(&mut self.stream).await?)
    }

    async fn request(&mut self, frame: Bytes) -> Result<(), Closed> {
        let (request, body) = open_frame(&frame, &self.context, &mut self.client_id, &*self.service)?;
        drop(frame);
        if self.owed.hold_up(request.api_key) {
            self.settle().await?;
        }
        let service = Arc::clone(&self.service);
        let mut handling = handling_of(&service, &request, body);
        let reply = match at_once(handling.as_mut()).await {
            Some(reply) => reply,
            None => self.meanwhile(handling.as_mut()).await?,
        };
        match self.owed.push(request.api_key, reply) {
            Some(due) => self.put_out(due).await,
            None => Ok(()),
        }
    }

    /// Waits for a request that has to wait; the answers that are ready, or become so, go out first.
    async fn meanwhile(&mut self, mut handling: Pin<&mut impl Future<Output = Reply>>) -> Result<Reply, Closed> {
        self.outbox.flush(&mut self.stream).await?;
        // A fetch may wait for long: the memory that it was read into serves others.
        self.inbox.rest();
        loop {
            tokio::select! {
                biased;
                reply = handling.as_mut() => return Ok(reply),
                answer = self.owed.next() => {
                    self.put_out(answer).await?;
                    self.outbox.flush(&mut self.stream).await?;
                }
            }
        }
    }

    /// Answers what is owed, and then does nothing for its peer for so long; a peer that waits, too, may go meanwhile.
    #[cold]
    fn hold_back(&mut self, time: Duration) -> Pin<Box<dyn Future<Output = Result<Next, Closed>> + Send + '_>> {
        Box::pin(async move {
            self.settle().await?;
            let mut held = pin!(held_back(time, self.limits.max_idle, self.stopped.clone()));
            if self.inbox.is_empty() {
                // Of a peer that does not wait no more is taken than this, and it is looked at later.
                let mut room = self.inbox.for_reading();
                tokio::select! {
                    biased;
                    next = held.as_mut() => return next,
                    received = self.stream.read_buf(&mut room) => {
                        if received? == 0 {
                            return Ok(Next::End);
                        }
                    }
                }
            }
            held.await
        })
    }

    /// Puts an answer whose turn it is among those that are sent.
    async fn put_out(&mut self, mut reply: Reply) -> Result<(), Closed> {
        while let Reply::Later(later) = reply {
            reply = later.await;
        }
        match reply {
            Reply::Answer(segments) => {
                self.outbox.push(segments)?;
                if self.outbox.is_full() {
                    self.outbox.flush(&mut self.stream).await?;
                }
                Ok(())
            }
            Reply::Nothing | Reply::Later(_) => Ok(()),
            Reply::Close(reason) => {
                self.outbox.flush(&mut self.stream).await?;
                Err(Closed::Service(reason))
            }
        }
    }
}

/// Ready once a peer has been held back for long enough, or for longer than one may be idle, or the listener stops.
async fn held_back(time: Duration, max_idle: Duration, mut stopped: watch::Receiver<bool>) -> Result<Next, Closed> {
    let stop = stopped.wait_for(|stop| *stop);
    match tokio::time::timeout(time.min(max_idle), stop).await {
        Ok(_) => Ok(Next::End),
        Err(_) if time > max_idle => Err(Closed::Idle),
        Err(_) => Ok(Next::GoOn),
    }
}

/// Parses the header and asks whether the API is served.
fn open_frame<S: Service>(
    frame: &Bytes,
    connection: &Arc<ConnectionContext>,
    client_id: &mut Arc<str>,
    service: &S,
) -> Result<(RequestContext, Bytes), Closed> {
    let request = frame::decode_request(frame)?;
    if service.admit(request.key, request.version) == Admission::Refuse {
        return Err(Closed::Unserved {
            api: request.key,
            version: request.version,
        });
    }
    let named = request.client_id.unwrap_or("");
    if &**client_id != named {
        *client_id = Arc::from(named);
    }
    let context = RequestContext {
        api_key: request.key,
        api_version: request.version,
        correlation_id: request.correlation_id,
        client_id: Arc::clone(client_id),
        connection: Arc::clone(connection),
    };
    Ok((context, request.body))
}

/// Waits for bytes, or for the end; no buffer is held while an idle peer sends none.
fn readable(stream: &Socket) -> impl Future<Output = io::Result<()>> {
    poll_fn(|context| stream.poll_read_ready(context))
}

/// What a future gives without waiting.
async fn at_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
