//! RabbitMQ's stream protocol: many messages in one frame, confirmed by number, delivered in chunks against credit.

use crate::publish::Protocol;
use crate::socket::{Bytes, Socket, number};
use anyhow::{Context, Result, bail, ensure};

const DECLARE_PUBLISHER: u16 = 1;
const PUBLISH: u16 = 2;
const CONFIRM: u16 = 3;
const SUBSCRIBE: u16 = 7;
const DELIVER: u16 = 8;
const CREDIT: u16 = 9;
const CREATE: u16 = 13;
const PEER_PROPERTIES: u16 = 17;
const SASL_HANDSHAKE: u16 = 18;
const SASL_AUTHENTICATE: u16 = 19;
const TUNE: u16 = 20;
const OPEN: u16 = 21;
const HEARTBEAT: u16 = 23;
/// Set in the keys of answers.
const ANSWER: u16 = 0x8000;
const OK: u64 = 1;
const ALREADY_EXISTS: u64 = 5;

/// Chunks that may be under way.
const CREDITS: u16 = 10;
/// What stands before the messages of a delivery, and where in it their number is.
const CHUNK: usize = 5 + 48;
const RECORDS: usize = 5 + 4;

/// A connection with a publisher.
pub struct Stream {
    socket: Socket,
    stream: String,
    confirmed: u64,
    out: Vec<u8>,
}

impl Stream {
    /// Connects, makes the stream and declares a publisher.
    pub fn connect(address: &str, stream: &str) -> Result<Self> {
        let mut made = Self {
            socket: Socket::connect(address)?,
            stream: stream.to_owned(),
            confirmed: 0,
            out: Vec::new(),
        };
        made.ask(PEER_PROPERTIES, &Bytes::default().u32(0).0)?;
        made.ask(SASL_HANDSHAKE, &[])?;
        let login = b"\0guest\0guest";
        let login = Bytes::default()
            .raw(&string("PLAIN"))
            .u32(login.len() as u32)
            .raw(login)
            .0;
        made.ask(SASL_AUTHENTICATE, &login)?;
        let tune = made.wait_for(TUNE)?;
        let frame_max = u32::try_from(number::<4>(tune.get(4..).context("a frame's size")?)?)?;
        made.send(TUNE | ANSWER, &Bytes::default().u32(frame_max).u32(0).0)?;
        made.ask(OPEN, &string("/"))?;
        made.ask(CREATE, &Bytes::default().raw(&string(stream)).u32(0).0)?;
        // Without a name: nothing is deduplicated.
        made.ask(
            DECLARE_PUBLISHER,
            &Bytes::default().u8(0).raw(&string("")).raw(&string(stream)).0,
        )?;
        Ok(made)
    }

    fn send(&mut self, key: u16, content: &[u8]) -> Result<()> {
        let length = u32::try_from(4 + content.len())?;
        let frame = Bytes::default().u32(length).u16(key).u16(1).raw(content).0;
        self.socket.send(&frame)
    }

    /// Sends a request and waits until it is granted.
    fn ask(&mut self, key: u16, content: &[u8]) -> Result<()> {
        let correlation = Bytes::default().u32(u32::from(key));
        self.send(key, &correlation.raw(content).0)?;
        let answer = self.wait_for(key | ANSWER)?;
        let code = number::<2>(answer.get(8..).context("a code")?)?;
        ensure!(
            code == OK || (key == CREATE && code == ALREADY_EXISTS),
            "request {key}: code {code}"
        );
        Ok(())
    }

    /// The next frame with this key; heartbeats are passed over.
    fn wait_for(&mut self, key: u16) -> Result<Vec<u8>> {
        loop {
            let frame = self.socket.frame()?;
            match number::<2>(&frame)? {
                found if found == u64::from(key) => return Ok(frame),
                found if found == u64::from(HEARTBEAT) => {}
                other => bail!("a frame with key {other} instead of {key}"),
            }
        }
    }
}

impl Protocol for Stream {
    fn publish(&mut self, first: u64, values: &[&[u8]]) -> Result<()> {
        let mut out = Bytes(std::mem::take(&mut self.out));
        out.0.clear();
        out = out.u32(0).u16(PUBLISH).u16(1).u8(0).u32(values.len() as u32);
        for (number, value) in (first..).zip(values) {
            out = out.u64(number).u32(value.len() as u32).raw(value);
        }
        let length = u32::try_from(out.0.len() - 4)?;
        out.0[..4].copy_from_slice(&length.to_be_bytes());
        self.out = out.0;
        self.socket.send(&self.out)
    }

    fn confirmed(&mut self) -> Result<u64> {
        loop {
            let frame = self.wait_for(CONFIRM)?;
            self.confirmed += number::<4>(frame.get(5..).context("a count")?)?;
            if !self.socket.has_buffered() {
                return Ok(self.confirmed);
            }
        }
    }

    fn subscribe(&mut self) -> Result<()> {
        let from_first = 1;
        let stream = string(&self.stream);
        self.ask(
            SUBSCRIBE,
            &Bytes::default().u8(0).raw(&stream).u16(from_first).u16(CREDITS).0,
        )
    }

    fn receive(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<u64> {
        let frame = self.wait_for(DELIVER)?;
        let count = number::<4>(frame.get(RECORDS..).context("a count")?)?;
        let mut rest = frame.get(CHUNK..).context("messages")?;
        for _ in 0..count {
            let length = usize::try_from(number::<4>(rest)?)?;
            each(rest.get(4..4 + length).context("a message")?);
            rest = &rest[4 + length..];
        }
        self.send(CREDIT, &Bytes::default().u8(0).u16(1).0)?;
        Ok(count)
    }
}

fn string(text: &str) -> Vec<u8> {
    Bytes::default().u16(text.len() as u16).raw(text.as_bytes()).0
}
