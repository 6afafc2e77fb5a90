//! One connection: frames in, answers out, in order.

use crate::context::{ConnectionContext, RequestContext};
use crate::frame::{FrameBuffer, FrameError};
use crate::send::Outbox;
use crate::service::{Admission, Reply, Service};
use bytes::Bytes;
use protocol::{ApiKey, frame};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::watch;

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
    Io(#[from] std::io::Error),
}

/// Serves requests until the peer closes, breaks the protocol, falls idle, or the listener stops.
pub(crate) async fn serve<S: Service>(
    mut stream: TcpStream,
    context: Arc<ConnectionContext>,
    limits: Limits,
    service: Arc<S>,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), Closed> {
    let mut inbox = FrameBuffer::default();
    let mut outbox = Outbox::default();
    let mut client_id: Arc<str> = Arc::from("");
    loop {
        if let Some(frame) = inbox.next_frame(limits.max_request_bytes)? {
            let (request, body) = open_frame(&frame, &context, &mut client_id, &*service)?;
            drop(frame);
            match answer(&mut stream, &mut outbox, service.handle(&request, body)).await? {
                Reply::Answer(segments) => {
                    outbox.push(segments)?;
                    if outbox.is_full() {
                        outbox.flush(&mut stream).await?;
                    }
                }
                Reply::Nothing => {}
                Reply::Close(reason) => {
                    outbox.flush(&mut stream).await?;
                    return Err(Closed::Service(reason));
                }
            }
            if *stopped.borrow() {
                outbox.flush(&mut stream).await?;
                return Ok(());
            }
            continue;
        }
        outbox.flush(&mut stream).await?;
        if inbox.is_empty() {
            inbox.release();
        }
        let received = tokio::select! {
            biased;
            received = receive(&mut stream, &mut inbox, limits.max_idle) => received?,
            _ = stopped.wait_for(|stop| *stop) => return Ok(()),
        };
        if received == 0 {
            return Ok(());
        }
    }
}

/// Waits for bytes, holding no buffer while an idle peer sends none. Answers 0 when the peer has closed.
async fn receive(stream: &mut TcpStream, inbox: &mut FrameBuffer, max_idle: Duration) -> Result<usize, Closed> {
    let reading = async {
        stream.readable().await?;
        stream.read_buf(inbox.for_reading()).await
    };
    match tokio::time::timeout(max_idle, reading).await {
        Ok(received) => Ok(received?),
        Err(_) => Err(Closed::Idle),
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
    let named = request.client_id.as_deref().unwrap_or("");
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

/// Runs a request; if it has to wait, the answers that are ready go out first.
async fn answer(
    stream: &mut TcpStream,
    outbox: &mut Outbox,
    handling: impl Future<Output = Reply>,
) -> Result<Reply, Closed> {
    let mut handling = pin!(handling);
    let at_once = poll_fn(|context| match handling.as_mut().poll(context) {
        Poll::Ready(reply) => Poll::Ready(Some(reply)),
        Poll::Pending => Poll::Ready(None),
    });
    if let Some(reply) = at_once.await {
        return Ok(reply);
    }
    outbox.flush(stream).await?;
    Ok(handling.await)
}
