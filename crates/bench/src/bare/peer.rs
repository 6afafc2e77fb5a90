//! A connection: what came of a frame, and what is to be sent.

use anyhow::{Context, Result};
use protocol::wire::{Segment, Segments};
use rustix::fs::sendfile;
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::io::Write;
use std::net::TcpStream;
use std::ops::Range;

/// What is read at a time, at least.
const READ: usize = 256 * 1024;
/// Up to so many bytes a copy costs less than a call for each piece.
const COPIED: u64 = 16 * 1024;

/// One of them.
pub struct Peer {
    stream: TcpStream,
    /// What came.
    pub input: Vec<u8>,
    at: usize,
    have: usize,
    /// Answers.
    pub output: Vec<u8>,
}

impl Peer {
    /// One that was accepted.
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            input: vec![0; READ],
            at: 0,
            have: 0,
            output: Vec::new(),
        }
    }

    /// Reads what is there; whether the other side is.
    pub fn read(&mut self) -> Result<bool> {
        if self.at > 0 {
            self.input.copy_within(self.at..self.have, 0);
            self.have -= self.at;
            self.at = 0;
        }
        let wanted = self.length().map_or(0, |length| length + 4);
        if self.input.len() < wanted.max(self.have + READ / 4) {
            self.input.resize(wanted + READ, 0);
        }
        match retry_on_intr(|| recv(&self.stream, &mut self.input[self.have..], RecvFlags::empty())) {
            Ok((0, _)) | Err(Errno::CONNRESET) => Ok(false),
            Ok((count, _)) => {
                self.have += count;
                Ok(true)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The next frame that came whole, without its length.
    pub fn next(&mut self) -> Option<Range<usize>> {
        let frame = self.at + 4..self.at + 4 + self.length()?;
        (frame.end <= self.have).then(|| {
            self.at = frame.end;
            frame
        })
    }

    /// The length of the frame that comes next.
    fn length(&self) -> Option<usize> {
        let bytes = self.input[self.at..self.have].first_chunk()?;
        usize::try_from(u32::from_be_bytes(*bytes)).ok()
    }

    /// Sends an answer with parts in files after what was there before it.
    pub fn send(&mut self, answer: Segments) -> Result<()> {
        if answer.len() <= COPIED {
            self.output.extend_from_slice(&answer.read_all()?);
            return Ok(());
        }
        for segment in answer.iter() {
            match segment {
                Segment::Bytes(bytes) => self.output.extend_from_slice(bytes),
                Segment::File(region) => {
                    self.send_all(SendFlags::MORE)?;
                    let file = region.file.fd().context("the file is open")?;
                    let (mut position, end) = (region.position, region.position + u64::from(region.len));
                    while position < end {
                        let left = usize::try_from(end - position)?;
                        retry_on_intr(|| sendfile(&self.stream, file, Some(&mut position), left))?;
                    }
                }
            }
        }
        Ok(())
    }

    fn send_all(&mut self, flags: SendFlags) -> Result<()> {
        let mut sent = 0;
        while sent < self.output.len() {
            sent += retry_on_intr(|| send(&self.stream, &self.output[sent..], flags))?;
        }
        self.output.clear();
        Ok(())
    }

    /// Sends what is to be sent.
    pub fn flush(&mut self) -> Result<()> {
        if !self.output.is_empty() {
            self.stream.write_all(&self.output)?;
            self.output.clear();
        }
        Ok(())
    }
}
