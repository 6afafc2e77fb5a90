//! One blocking connection: frames out as they are, frames in through one buffer that is used again.

use crate::Target;
use anyhow::{Context, Result, ensure};
use bytes::{Bytes, BytesMut};
use protocol::{Message, Request, frame};
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Several answers to small requests come with one read.
const READ_AHEAD: usize = 64 * 1024;
/// An answer longer than that is not one.
const LONGEST_ANSWER: usize = 512 * 1024 * 1024;
/// How long a broker may say nothing before the load has failed.
const SILENCE: Duration = Duration::from_secs(120);
/// Who we say we are.
pub const CLIENT_ID: &str = "bench-load";

/// A connection to a broker.
pub struct Connection {
    input: BufReader<TcpStream>,
    spare: BytesMut,
}

impl Connection {
    /// Connects to `address`, with the target's congestion control.
    pub fn open(address: &str, target: &Target) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        if let Some(name) = &target.congestion {
            rustix::net::sockopt::set_tcp_congestion(&stream, name)
                .with_context(|| format!("the kernel has no congestion control {name}"))?;
        }
        Ok(Self {
            input: BufReader::with_capacity(READ_AHEAD, stream),
            spare: BytesMut::new(),
        })
    }

    /// The same connection for another thread, which only sends.
    pub fn sender(&self) -> Result<Sender> {
        Ok(Sender(self.input.get_ref().try_clone()?))
    }

    /// Whether some of the next frame was read along with the last.
    pub fn has_read_ahead(&self) -> bool {
        !self.input.buffer().is_empty()
    }

    /// Sends a frame as it is.
    pub fn send(&mut self, frame: &[u8]) -> Result<()> {
        Ok(self.input.get_mut().write_all(frame)?)
    }

    /// Waits for the next frame and lends it, without its length, to `read`; its memory is used for the next if nothing
    /// of it is kept.
    pub fn receive<T>(&mut self, read: impl FnOnce(&Bytes) -> Result<T>) -> Result<T> {
        let mut length = [0; 4];
        self.input.read_exact(&mut length).context("no answer")?;
        let length = u32::from_be_bytes(length) as usize;
        ensure!(length <= LONGEST_ANSWER, "an answer of {length} bytes");
        let mut memory = std::mem::take(&mut self.spare);
        if memory.len() < length {
            memory.resize(length, 0);
        }
        self.input.read_exact(&mut memory[..length])?;
        let memory = memory.freeze();
        let result = read(&memory.slice(..length));
        self.spare = memory.try_into_mut().unwrap_or_default();
        result
    }

    /// Sends a request and waits for its answer.
    pub fn call<R: Request>(&mut self, request: &R, version: i16) -> Result<R::Response> {
        let bytes = frame::encode_request(request, version, 0, Some(CLIENT_ID))?.into_bytes();
        self.send(&bytes)?;
        self.receive(|frame| decode::<R>(frame, version))
    }
}

/// The sending half of a connection whose answers another thread reads.
pub struct Sender(TcpStream);

impl Sender {
    /// Sends a frame as it is.
    pub fn send(&mut self, frame: &[u8]) -> Result<()> {
        Ok(self.0.write_all(frame)?)
    }
}

/// The answer to an `R` in a frame without its length.
pub fn decode<R: Request>(frame: &Bytes, version: i16) -> Result<R::Response> {
    let (_, body) = frame::decode_response(frame, R::KEY, version)?;
    Ok(R::Response::from_bytes(&body, version)?)
}
