//! A loop that does the system calls of a broker and next to nothing else: what this machine asks for them.
//!
//! One thread receives, compares checksums, writes and answers, with a file for each partition. It speaks as much of Kafka's
//! protocol as `bench-load` asks of a broker (its versions of Produce, Fetch, ListOffsets, Metadata, and the making of topics), and is none: it
//! looks at no record, remembers no producer, replicates nothing, checks nobody, counts nothing, and forgets all when it ends.
//! `cargo xtask bench table` shows it beside the brokers, as the floor under them.

#[path = "bare/admin.rs"]
mod admin;
#[path = "bare/fetch.rs"]
mod fetch;
#[path = "bare/partition.rs"]
mod partition;
#[path = "bare/peer.rs"]
mod peer;
#[path = "bare/produce.rs"]
mod produce;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::Parser;
use fetch::Asked;
use partition::Topics;
use peer::Peer;
use protocol::ApiKey;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::retry_on_intr;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Instant;

/// Where it listens, and where its files go.
#[derive(Parser)]
struct Options {
    /// HOST:PORT.
    #[arg(long)]
    listen: String,
    /// A folder, which is created.
    #[arg(long)]
    data_dir: PathBuf,
}

/// What the listener is called among those that are waited for.
const LISTENER: u64 = 0;
/// How many events are taken at a time.
const EVENTS: usize = 256;
/// How often those are looked at who wait for records, in nanoseconds.
const LOOK: i64 = 20_000_000;

fn main() -> Result<()> {
    let options = Options::parse();
    let listener = TcpListener::bind(&options.listen).with_context(|| options.listen.clone())?;
    let mut bare = Loop {
        epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
        address: options.listen,
        topics: Topics::new(options.data_dir)?,
        peers: BTreeMap::new(),
        waiting: Vec::new(),
        next: LISTENER + 1,
    };
    let listening = epoll::EventData::new_u64(LISTENER);
    epoll::add(&bare.epoll, &listener, listening, epoll::EventFlags::IN)?;
    let mut events = Vec::with_capacity(EVENTS);
    loop {
        let look = Timespec {
            tv_sec: 0,
            tv_nsec: LOOK,
        };
        let timeout = (!bare.waiting.is_empty()).then_some(&look);
        // A tracer that begins interrupts it.
        retry_on_intr(|| epoll::wait(&bare.epoll, spare_capacity(&mut events), timeout))?;
        for event in events.drain(..) {
            match event.data.u64() {
                LISTENER => bare.accept(&listener)?,
                peer => bare.serve(peer)?,
            }
        }
        bare.answer_waiting()?;
    }
}

/// All there is.
struct Loop {
    epoll: OwnedFd,
    address: String,
    topics: Topics,
    peers: BTreeMap<u64, Peer>,
    /// Who asked for records that are not there yet.
    waiting: Vec<(u64, Asked)>,
    next: u64,
}

impl Loop {
    fn accept(&mut self, listener: &TcpListener) -> Result<()> {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let data = epoll::EventData::new_u64(self.next);
        epoll::add(&self.epoll, &stream, data, epoll::EventFlags::IN)?;
        self.peers.insert(self.next, Peer::new(stream));
        self.next += 1;
        Ok(())
    }

    /// Reads once and answers what came whole.
    fn serve(&mut self, number: u64) -> Result<()> {
        let Some(mut peer) = self.peers.remove(&number) else {
            return Ok(());
        };
        if !peer.read()? {
            self.waiting.retain(|(waits, _)| *waits != number);
            return Ok(());
        }
        while let Some(frame) = peer.next() {
            if produce::is_one(&peer.input[frame.clone()]) {
                produce::answer(&mut peer.input[frame], &mut self.topics, &mut peer.output)?;
                continue;
            }
            let frame = Bytes::copy_from_slice(&peer.input[frame]);
            let request = protocol::frame::decode_request(&frame)?;
            match request.key {
                ApiKey::Fetch => {
                    let asked = Asked::new(&request, Instant::now())?;
                    if !asked.answer(&self.topics, &mut peer)? {
                        self.waiting.push((number, asked));
                    }
                }
                ApiKey::Produce => bail!("bench-load speaks another version of Produce"),
                _ => peer
                    .output
                    .extend(admin::answer(&request, &mut self.topics, &self.address)?),
            }
        }
        peer.flush()?;
        self.peers.insert(number, peer);
        Ok(())
    }

    /// Those for whom there is something now, or who have waited long enough.
    fn answer_waiting(&mut self) -> Result<()> {
        let mut at = 0;
        while let Some((number, asked)) = self.waiting.get(at) {
            let peer = self.peers.get_mut(number).context("who waits is connected")?;
            if asked.answer(&self.topics, peer)? {
                peer.flush()?;
                self.waiting.swap_remove(at);
            } else {
                at += 1;
            }
        }
        Ok(())
    }
}
