//! AMQP 0-9-1: one channel, publisher confirms, a durable queue of a type, persistent messages.

use crate::publish::Protocol;
use crate::socket::{Bytes, Socket, number};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeSet;

/// Kinds of frame, and what every frame ends with.
const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;
const END: u8 = 0xce;

/// Methods, by class and number.
type Name = (u16, u16);
const START: Name = (10, 10);
const START_OK: Name = (10, 11);
const TUNE: Name = (10, 30);
const TUNE_OK: Name = (10, 31);
const OPEN: Name = (10, 40);
const OPEN_OK: Name = (10, 41);
const CHANNEL_OPEN: Name = (20, 10);
const CHANNEL_OPEN_OK: Name = (20, 11);
const DECLARE: Name = (50, 10);
const DECLARE_OK: Name = (50, 11);
const CONSUME: Name = (60, 20);
const CONSUME_OK: Name = (60, 21);
const PUBLISH: Name = (60, 40);
const DELIVER: Name = (60, 60);
const ACK: Name = (60, 80);
const SELECT: Name = (85, 10);
const SELECT_OK: Name = (85, 11);

/// A header that says: a body of so many bytes, delivery mode 2 (persistent).
const PERSISTENT: u16 = 0x1000;

/// A connection with one channel.
pub struct Amqp {
    socket: Socket,
    queue: String,
    /// All messages up to this one are confirmed, and these beyond it.
    confirmed: u64,
    beyond: BTreeSet<u64>,
}

struct Frame {
    kind: u8,
    payload: Vec<u8>,
}

impl Amqp {
    /// Connects, opens the channel, makes the queue and asks for confirms.
    pub fn connect(address: &str, queue: &str, kind: &str) -> Result<Self> {
        let mut amqp = Self {
            socket: Socket::connect(address)?,
            queue: queue.to_owned(),
            confirmed: 0,
            beyond: BTreeSet::new(),
        };
        amqp.socket.send(b"AMQP\0\0\x09\x01")?;
        amqp.expect(START)?;
        let login = "\0guest\0guest";
        let start = Bytes::default()
            .u32(0)
            .raw(&short("PLAIN"))
            .raw(&long(login))
            .raw(&short("en_US"));
        amqp.method(0, START_OK, start)?;
        let tune = amqp.expect(TUNE)?;
        // Its own limits, without heartbeats.
        amqp.method(
            0,
            TUNE_OK,
            Bytes::default().raw(tune.get(..6).context("limits")?).u16(0),
        )?;
        amqp.method(0, OPEN, Bytes::default().raw(&short("/")).raw(&short("")).u8(0))?;
        amqp.expect(OPEN_OK)?;
        amqp.method(1, CHANNEL_OPEN, Bytes::default().raw(&short("")))?;
        amqp.expect(CHANNEL_OPEN_OK)?;
        let arguments = Bytes::default().raw(&short("x-queue-type")).u8(b'S').raw(&long(kind)).0;
        let length = u32::try_from(arguments.len())?;
        let durable = 2;
        let declare = Bytes::default()
            .u16(0)
            .raw(&short(queue))
            .u8(durable)
            .u32(length)
            .raw(&arguments);
        amqp.method(1, DECLARE, declare)?;
        amqp.expect(DECLARE_OK)?;
        amqp.method(1, SELECT, Bytes::default().u8(0))?;
        amqp.expect(SELECT_OK)?;
        Ok(amqp)
    }

    fn method(&mut self, channel: u16, name: Name, arguments: Bytes) -> Result<()> {
        let payload = Bytes::default().u16(name.0).u16(name.1).raw(&arguments.0).0;
        let mut out = Vec::new();
        frame(&mut out, METHOD, channel, &payload);
        self.socket.send(&out)
    }

    /// The arguments of the next method, which must be this.
    fn expect(&mut self, name: Name) -> Result<Vec<u8>> {
        let frame = self.frame()?;
        let found = frame.method()?;
        ensure!(
            found == name,
            "{found:?} instead of {name:?}: {}",
            String::from_utf8_lossy(&frame.payload)
        );
        Ok(frame.payload[4..].to_vec())
    }

    fn frame(&mut self) -> Result<Frame> {
        loop {
            let mut head = [0; 7];
            self.socket.read(&mut head)?;
            let mut payload = self.socket.take(usize::try_from(number::<4>(&head[3..])?)? + 1)?;
            ensure!(payload.pop() == Some(END), "a frame without its end");
            if head[0] != HEARTBEAT {
                return Ok(Frame { kind: head[0], payload });
            }
        }
    }

    fn acknowledged(&mut self, arguments: &[u8]) -> Result<()> {
        let tag = number::<8>(arguments)?;
        if arguments.get(8) == Some(&1) {
            self.confirmed = self.confirmed.max(tag);
        } else {
            self.beyond.insert(tag);
        }
        while let Some(next) = self.beyond.first().copied().filter(|next| *next <= self.confirmed + 1) {
            self.beyond.remove(&next);
            self.confirmed = self.confirmed.max(next);
        }
        Ok(())
    }
}

impl Frame {
    fn method(&self) -> Result<Name> {
        ensure!(
            self.kind == METHOD,
            "a frame of kind {} where a method belongs",
            self.kind
        );
        Ok((
            number::<2>(&self.payload)? as u16,
            number::<2>(&self.payload[2..])? as u16,
        ))
    }
}

impl Protocol for Amqp {
    fn publish(&mut self, _first: u64, values: &[&[u8]]) -> Result<()> {
        let to = Bytes::default()
            .u16(PUBLISH.0)
            .u16(PUBLISH.1)
            .u16(0)
            .raw(&short(""))
            .raw(&short(&self.queue))
            .u8(0)
            .0;
        let mut out = Vec::new();
        for value in values {
            let header = Bytes::default()
                .u16(60)
                .u16(0)
                .u64(value.len() as u64)
                .u16(PERSISTENT)
                .u8(2)
                .0;
            frame(&mut out, METHOD, 1, &to);
            frame(&mut out, HEADER, 1, &header);
            frame(&mut out, BODY, 1, value);
        }
        self.socket.send(&out)
    }

    fn confirmed(&mut self) -> Result<u64> {
        loop {
            let frame = self.frame()?;
            match frame.method()? {
                ACK => self.acknowledged(&frame.payload[4..])?,
                other => bail!("{other:?}: {}", String::from_utf8_lossy(&frame.payload)),
            }
            if !self.socket.has_buffered() {
                return Ok(self.confirmed + self.beyond.len() as u64);
            }
        }
    }

    fn subscribe(&mut self) -> Result<()> {
        let without_acknowledgements = 2;
        let consume = Bytes::default()
            .u16(0)
            .raw(&short(&self.queue))
            .raw(&short(""))
            .u8(without_acknowledgements)
            .u32(0);
        self.method(1, CONSUME, consume)?;
        self.expect(CONSUME_OK)?;
        Ok(())
    }

    fn receive(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<u64> {
        let mut count = 0;
        loop {
            let deliver = self.frame()?.method()?;
            ensure!(deliver == DELIVER, "{deliver:?} instead of a delivery");
            let header = self.frame()?;
            let length = number::<8>(header.payload.get(4..).context("a length")?)?;
            let mut value = Vec::new();
            while (value.len() as u64) < length {
                value.extend(self.frame()?.payload);
            }
            each(&value);
            count += 1;
            if !self.socket.has_buffered() {
                return Ok(count);
            }
        }
    }
}

fn frame(out: &mut Vec<u8>, kind: u8, channel: u16, payload: &[u8]) {
    out.push(kind);
    out.extend(channel.to_be_bytes());
    out.extend((payload.len() as u32).to_be_bytes());
    out.extend_from_slice(payload);
    out.push(END);
}

fn short(text: &str) -> Vec<u8> {
    let mut bytes = vec![text.len() as u8];
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

fn long(text: &str) -> Vec<u8> {
    Bytes::default().u32(text.len() as u32).raw(text.as_bytes()).0
}
