//! STOMP 1.2, as ActiveMQ Artemis speaks it: persistent messages to an anycast queue, a receipt for each.

use crate::publish::Protocol;
use crate::socket::Socket;
use anyhow::{Result, ensure};

/// A connection.
pub struct Stomp {
    socket: Socket,
    queue: String,
    confirmed: u64,
}

struct Frame {
    command: String,
    body: Vec<u8>,
}

impl Stomp {
    /// Connects; the queue makes itself.
    pub fn connect(address: &str, queue: &str) -> Result<Self> {
        let mut stomp = Self {
            socket: Socket::connect(address)?,
            queue: queue.to_owned(),
            confirmed: 0,
        };
        let hello = b"CONNECT\naccept-version:1.2\nhost:/\nlogin:bench\npasscode:bench\nheart-beat:0,0\n\n\0";
        stomp.socket.send(hello)?;
        stomp.expect("CONNECTED")?;
        Ok(stomp)
    }

    fn expect(&mut self, command: &str) -> Result<Vec<u8>> {
        let frame = self.frame()?;
        let text = String::from_utf8_lossy(&frame.body);
        ensure!(
            frame.command == command,
            "{} instead of {command}: {text}",
            frame.command
        );
        Ok(frame.body)
    }

    fn frame(&mut self) -> Result<Frame> {
        let mut command = self.socket.line()?;
        // Frames may have ends of lines between them.
        while command.is_empty() {
            command = self.socket.line()?;
        }
        let mut length = None;
        loop {
            let line = self.socket.line()?;
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = Some(value.parse::<usize>()?);
            }
        }
        let body = match length {
            None => self.socket.until(0)?,
            Some(length) => {
                let mut body = self.socket.take(length + 1)?;
                body.pop();
                body
            }
        };
        // Or they would look as if there were a frame to read.
        self.socket.skip(b'\n');
        Ok(Frame { command, body })
    }
}

impl Protocol for Stomp {
    fn publish(&mut self, first: u64, values: &[&[u8]]) -> Result<()> {
        let mut out = Vec::new();
        for (number, value) in (first..).zip(values) {
            let head = format!(
                "SEND\ndestination:{}\ndestination-type:ANYCAST\npersistent:true\nreceipt:{number}\ncontent-length:{}\n\n",
                self.queue,
                value.len()
            );
            out.extend_from_slice(head.as_bytes());
            out.extend_from_slice(value);
            out.push(0);
        }
        self.socket.send(&out)
    }

    fn confirmed(&mut self) -> Result<u64> {
        loop {
            self.expect("RECEIPT")?;
            self.confirmed += 1;
            if !self.socket.has_buffered() {
                return Ok(self.confirmed);
            }
        }
    }

    fn subscribe(&mut self) -> Result<()> {
        let subscribe = format!(
            "SUBSCRIBE\nid:1\ndestination:{}\nsubscription-type:ANYCAST\nack:auto\n\n\0",
            self.queue
        );
        self.socket.send(subscribe.as_bytes())
    }

    fn receive(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<u64> {
        let mut count = 0;
        loop {
            each(&self.expect("MESSAGE")?);
            count += 1;
            if !self.socket.has_buffered() {
                return Ok(count);
            }
        }
    }
}
