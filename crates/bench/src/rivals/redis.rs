//! Redis Streams: XADD, answered with the entry's id, and XREAD, which waits for more.

use crate::publish::Protocol;
use crate::socket::Socket;
use anyhow::{Context, Result, bail, ensure};

/// A connection and the stream it is for.
pub struct Redis {
    socket: Socket,
    stream: String,
    confirmed: u64,
    /// The last entry that was read.
    last: String,
    /// Bytes to send, built anew each time.
    out: Vec<u8>,
}

/// Entries of one answer, at most.
const AT_ONCE: &str = "1000";
/// How long the server waits for an entry before it says that there is none.
const WAIT_MS: &str = "10000";

/// An answer.
enum Answer {
    Text(Vec<u8>),
    List(Vec<Answer>),
    Nothing,
}

impl Redis {
    /// Connects; the stream makes itself.
    pub fn connect(address: &str, stream: &str) -> Result<Self> {
        let mut redis = Self {
            socket: Socket::connect(address)?,
            stream: stream.to_owned(),
            confirmed: 0,
            last: "0-0".to_owned(),
            out: Vec::new(),
        };
        redis.send(&[b"PING"])?;
        let Answer::Text(pong) = redis.answer()? else {
            bail!("no Redis server");
        };
        ensure!(pong == b"PONG", "no Redis server");
        Ok(redis)
    }

    fn send(&mut self, words: &[&[u8]]) -> Result<()> {
        self.out.clear();
        command(&mut self.out, words);
        self.socket.send(&self.out)
    }

    fn answer(&mut self) -> Result<Answer> {
        let line = self.socket.line()?;
        let (kind, rest) = line.split_at_checked(1).context("an empty answer")?;
        Ok(match kind {
            "+" | ":" => Answer::Text(rest.as_bytes().to_vec()),
            "$" | "*" if rest == "-1" => Answer::Nothing,
            "$" => {
                let mut text = self.socket.take(rest.parse::<usize>()? + 2)?;
                text.truncate(text.len() - 2);
                Answer::Text(text)
            }
            "*" => {
                let count: usize = rest.parse()?;
                Answer::List((0..count).map(|_| self.answer()).collect::<Result<_>>()?)
            }
            _ => bail!("the server says {line}"),
        })
    }

    fn ask_for_more(&mut self) -> Result<()> {
        let (stream, last) = (self.stream.clone(), self.last.clone());
        let words = ["XREAD", "COUNT", AT_ONCE, "BLOCK", WAIT_MS, "STREAMS", &stream, &last];
        self.send(&words.map(str::as_bytes))
    }
}

/// A command as the protocol has it.
fn command(out: &mut Vec<u8>, words: &[&[u8]]) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

impl Protocol for Redis {
    fn publish(&mut self, _first: u64, values: &[&[u8]]) -> Result<()> {
        self.out.clear();
        for value in values {
            command(&mut self.out, &[b"XADD", self.stream.as_bytes(), b"*", b"v", value]);
        }
        self.socket.send(&self.out)
    }

    fn confirmed(&mut self) -> Result<u64> {
        loop {
            let Answer::Text(_) = self.answer()? else {
                bail!("an entry has an id");
            };
            self.confirmed += 1;
            if !self.socket.has_buffered() {
                return Ok(self.confirmed);
            }
        }
    }

    fn subscribe(&mut self) -> Result<()> {
        self.ask_for_more()
    }

    fn receive(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<u64> {
        let answer = self.answer()?;
        let mut count = 0;
        if let Answer::List(streams) = answer {
            let Some(Answer::List(mut stream)) = streams.into_iter().next() else {
                bail!("an answer of one stream");
            };
            let Some(Answer::List(entries)) = stream.pop() else {
                bail!("a stream has entries");
            };
            for entry in &entries {
                let Answer::List(entry) = entry else {
                    bail!("an entry has an id and fields");
                };
                let [Answer::Text(id), Answer::List(fields)] = entry.as_slice() else {
                    bail!("an entry has an id and fields");
                };
                if let [_, Answer::Text(value)] = fields.as_slice() {
                    each(value);
                }
                self.last = String::from_utf8_lossy(id).into_owned();
                count += 1;
            }
        }
        self.ask_for_more()?;
        Ok(count)
    }
}
