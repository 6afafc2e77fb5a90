//! A blocking socket with bytes that are read ahead, and words to write protocols in.

use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const READ_AHEAD: usize = 256 * 1024;
/// How long a broker may say nothing before the load has failed.
const SILENCE: Duration = Duration::from_secs(60);
/// How long a broker may take until it listens.
const PATIENCE: Duration = Duration::from_secs(120);
/// No frame is longer.
const LONGEST: usize = 64 * 1024 * 1024;

/// A connection.
pub struct Socket {
    input: BufReader<TcpStream>,
}

impl Socket {
    /// Connects, as soon as somebody listens.
    pub fn connect(address: &str) -> Result<Self> {
        let begun = Instant::now();
        let stream = loop {
            match TcpStream::connect(address) {
                Ok(stream) => break stream,
                Err(error) if begun.elapsed() > PATIENCE => return Err(error).context(address.to_owned()),
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        Ok(Self {
            input: BufReader::with_capacity(READ_AHEAD, stream),
        })
    }

    /// The port of our end, which no other connection has.
    pub fn local_port(&self) -> Result<u16> {
        Ok(self.input.get_ref().local_addr()?.port())
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.input.get_mut().write_all(bytes)?)
    }

    /// Fills `into`.
    pub fn read(&mut self, into: &mut [u8]) -> Result<()> {
        self.input.read_exact(into).context("no answer")
    }

    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Result<Vec<u8>> {
        ensure!(length <= LONGEST, "{length} bytes at once");
        let mut bytes = vec![0; length];
        self.read(&mut bytes)?;
        Ok(bytes)
    }

    /// A frame behind the four bytes of its length.
    pub fn frame(&mut self) -> Result<Vec<u8>> {
        let mut length = [0; 4];
        self.read(&mut length)?;
        self.take(u32::from_be_bytes(length) as usize)
    }

    /// Bytes up to `end`, which is taken off.
    pub fn until(&mut self, end: u8) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.input.by_ref().take(LONGEST as u64).read_until(end, &mut bytes)?;
        ensure!(bytes.pop() == Some(end), "the broker hung up");
        Ok(bytes)
    }

    /// A line without its end.
    pub fn line(&mut self) -> Result<String> {
        let mut line = self.until(b'\n')?;
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    /// Passes over such bytes as far as they are there without waiting for them.
    pub fn skip(&mut self, byte: u8) {
        let many = self.input.buffer().iter().take_while(|next| **next == byte).count();
        self.input.consume(many);
    }

    /// Whether something is there to be read without waiting for it.
    pub fn has_buffered(&self) -> bool {
        !self.input.buffer().is_empty()
    }
}

/// Bytes in the making; numbers are big-endian.
#[derive(Default)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    /// A byte.
    pub fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    /// Two.
    pub fn u16(mut self, value: u16) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    /// Four.
    pub fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    /// Eight.
    pub fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    /// As they are.
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

/// A number at the beginning of `bytes`, of as many bytes as `N`.
pub fn number<const N: usize>(bytes: &[u8]) -> Result<u64> {
    let bytes = bytes.first_chunk::<N>().context("it is longer")?;
    Ok(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}
