//! NATS with JetStream: published with a reply subject, confirmed there, and pushed to a consumer without acknowledgements.

use crate::publish::Protocol;
use crate::socket::Socket;
use anyhow::{Result, bail, ensure};

/// A connection and the stream of its queue's name.
pub struct Nats {
    socket: Socket,
    queue: String,
    inbox: String,
    /// Messages that came before the answer to a question.
    early: Vec<Vec<u8>>,
    confirmed: u64,
    /// Bytes to send, built anew each time.
    out: Vec<u8>,
}

/// Numbers of subscriptions.
const CONFIRMATIONS: u32 = 1;
const DELIVERIES: u32 = 2;
const HELLO: &str =
    "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"bench\",\"version\":\"1\",\"protocol\":1}\r\n";

impl Nats {
    /// Connects, makes the stream and listens for confirmations.
    pub fn connect(address: &str, queue: &str) -> Result<Self> {
        let mut socket = Socket::connect(address)?;
        ensure!(socket.line()?.starts_with("INFO"), "no NATS server");
        socket.send(HELLO.as_bytes())?;
        let inbox = format!("inbox.{}", socket.local_port()?);
        socket.send(format!("SUB {inbox} {CONFIRMATIONS}\r\n").as_bytes())?;
        let mut nats = Self {
            socket,
            queue: queue.to_owned(),
            inbox,
            early: Vec::new(),
            confirmed: 0,
            out: Vec::new(),
        };
        let stream = format!(
            "{{\"name\":\"{queue}\",\"subjects\":[\"{queue}\"],\"storage\":\"file\",\"retention\":\"limits\",\"num_replicas\":1}}"
        );
        nats.ask(&format!("$JS.API.STREAM.CREATE.{queue}"), &stream)?;
        Ok(nats)
    }

    fn ask(&mut self, subject: &str, body: &str) -> Result<()> {
        let request = format!("PUB {subject} {} {}\r\n{body}\r\n", self.inbox, body.len());
        self.socket.send(request.as_bytes())?;
        let answer = loop {
            match self.message()? {
                (CONFIRMATIONS, answer) => break answer,
                (_, payload) => self.early.push(payload),
            }
        };
        let answer = String::from_utf8_lossy(&answer).into_owned();
        // A stream or consumer of that name and shape may be there already.
        ensure!(
            !answer.contains("\"error\"") || answer.contains("already"),
            "{subject}: {answer}"
        );
        Ok(())
    }

    /// The next message: the number of its subscription and its payload.
    fn message(&mut self) -> Result<(u32, Vec<u8>)> {
        loop {
            let line = self.socket.line()?;
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["MSG", _, subscription, .., length] => {
                    let mut payload = self.socket.take(length.parse::<usize>()? + 2)?;
                    payload.truncate(payload.len() - 2);
                    return Ok((subscription.parse()?, payload));
                }
                ["PING"] => self.socket.send(b"PONG\r\n")?,
                ["PONG" | "+OK"] => {}
                _ => bail!("the server says {line}"),
            }
        }
    }
}

impl Protocol for Nats {
    fn publish(&mut self, _first: u64, values: &[&[u8]]) -> Result<()> {
        self.out.clear();
        for value in values {
            self.out.extend_from_slice(b"PUB ");
            self.out.extend_from_slice(self.queue.as_bytes());
            self.out.push(b' ');
            self.out.extend_from_slice(self.inbox.as_bytes());
            self.out.extend_from_slice(format!(" {}\r\n", value.len()).as_bytes());
            self.out.extend_from_slice(value);
            self.out.extend_from_slice(b"\r\n");
        }
        self.socket.send(&self.out)
    }

    fn confirmed(&mut self) -> Result<u64> {
        loop {
            let (_, answer) = self.message()?;
            ensure!(
                !answer.windows(7).any(|bytes| bytes == b"\"error\""),
                "{}",
                String::from_utf8_lossy(&answer)
            );
            self.confirmed += 1;
            if !self.socket.has_buffered() {
                return Ok(self.confirmed);
            }
        }
    }

    fn subscribe(&mut self) -> Result<()> {
        let (queue, deliver) = (self.queue.clone(), format!("deliver.{}", self.inbox));
        self.socket.send(format!("SUB {deliver} {DELIVERIES}\r\n").as_bytes())?;
        let consumer = format!(
            "{{\"stream_name\":\"{queue}\",\"config\":{{\"deliver_subject\":\"{deliver}\",\"deliver_policy\":\"all\",\
             \"ack_policy\":\"none\"}}}}"
        );
        self.ask(&format!("$JS.API.CONSUMER.CREATE.{queue}"), &consumer)
    }

    fn receive(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<u64> {
        let mut count = 0;
        for payload in self.early.drain(..) {
            each(&payload);
            count += 1;
        }
        loop {
            if count > 0 && !self.socket.has_buffered() {
                return Ok(count);
            }
            let (subscription, payload) = self.message()?;
            if subscription == DELIVERIES {
                each(&payload);
                count += 1;
            }
        }
    }
}
