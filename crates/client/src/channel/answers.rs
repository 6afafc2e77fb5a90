//! The reading half of a connection: whole answers to whom they belong.

use bytes::{Buf, Bytes, BytesMut};
use network::socket::ReadHalf;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::AsyncReadExt;
use tokio::sync::oneshot;

/// How much room is made at a time for an answer whose bytes have not come yet.
const STEP: usize = 1 << 20;

/// Who waits for an answer, in the order of the requests.
#[derive(Debug, Default)]
pub(super) struct Pending {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<(i32, oneshot::Sender<Bytes>)>,
    closed: Option<String>,
}

impl Pending {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes who waits for the answer to `correlation`; the request must be written next.
    pub fn push(&self, correlation: i32, reply: oneshot::Sender<Bytes>) {
        let mut state = self.state();
        if state.closed.is_none() {
            state.waiting.push_back((correlation, reply));
        }
    }

    /// Ends the connection for everyone who waits, and for who comes later.
    pub fn fail(&self, reason: &str) {
        let mut state = self.state();
        state.closed.get_or_insert_with(|| reason.to_owned());
        state.waiting.clear();
    }

    /// Whether the connection can still be used.
    pub fn is_open(&self) -> bool {
        self.state().closed.is_none()
    }

    /// What ended the connection.
    pub fn reason(&self) -> String {
        self.state().closed.clone().unwrap_or_else(|| String::from("closed"))
    }

    fn take(&self, correlation: i32) -> Option<oneshot::Sender<Bytes>> {
        let mut state = self.state();
        let (expected, reply) = state.waiting.pop_front()?;
        (expected == correlation).then_some(reply)
    }
}

/// Reads answers until the connection ends.
pub(super) async fn read(mut socket: ReadHalf, pending: Arc<Pending>, max_answer: usize) {
    let mut buffer = BytesMut::with_capacity(64 * 1024);
    loop {
        let answer = match next(&mut socket, &mut buffer, max_answer).await {
            Ok(answer) => answer,
            Err(reason) => return pending.fail(&reason),
        };
        let correlation = i32::from_be_bytes(answer[..4].try_into().expect("checked to have four bytes"));
        match pending.take(correlation) {
            // Who gave up waiting has dropped the other end; the answer is then no longer wanted.
            Some(reply) => drop(reply.send(answer)),
            None => return pending.fail(&format!("answer {correlation} was not asked for")),
        }
        if !pending.is_open() {
            return;
        }
    }
}

/// The next answer, with its correlation id and without its length.
async fn next(socket: &mut ReadHalf, buffer: &mut BytesMut, max_answer: usize) -> Result<Bytes, String> {
    fill(socket, buffer, 4).await?;
    let length = buffer.get_i32();
    let length = usize::try_from(length)
        .ok()
        .filter(|length| (4..=max_answer).contains(length));
    let Some(length) = length else {
        return Err(String::from("an answer of an impossible length"));
    };
    fill(socket, buffer, length).await?;
    Ok(buffer.split_to(length).freeze())
}

async fn fill(socket: &mut ReadHalf, buffer: &mut BytesMut, wanted: usize) -> Result<(), String> {
    while buffer.len() < wanted {
        buffer.reserve((wanted - buffer.len()).clamp(8 * 1024, STEP));
        match socket.read_buf(buffer).await {
            Ok(0) => return Err(String::from("the broker closed it")),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}
