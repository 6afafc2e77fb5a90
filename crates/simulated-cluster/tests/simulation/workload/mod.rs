//! Clients, on a host of their own.

pub mod committer;
pub mod group;
pub mod offsets;
pub mod operator;
pub mod producer;
pub mod reader;
pub mod transactor;

use crate::history::{History, Place};
use base::Rng;
use client::consume::Chunk;
use client::{Cluster, Settings};
use operator::Wish;
use std::time::Duration;
use tokio::sync::watch;

/// What idempotent producers write.
pub const PLAIN: &str = "plain";
/// What transactions write.
pub const ATOMIC: &str = "atomic";
/// Partitions of each.
pub const PARTITIONS: i32 = 2;

/// Who writes in transactions.
pub const TRANSACTORS: [&str; 2] = ["t1", "t2"];

/// What is still to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    All,
    Reading,
    Nothing,
}

/// What every client knows.
#[derive(Clone, Debug)]
pub struct Work {
    pub bootstrap: String,
    pub history: History,
    pub stage: watch::Receiver<Stage>,
    pub wish: watch::Receiver<Wish>,
}

impl Work {
    /// A client's connections.
    pub fn cluster(&self, who: &str) -> Cluster {
        let settings = Settings::new(&self.bootstrap).unwrap();
        Cluster::new(Settings {
            client_id: who.to_owned(),
            connect_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(4),
            metadata_max_age: Duration::from_secs(5),
            ..settings
        })
    }

    pub fn stage(&self) -> Stage {
        *self.stage.borrow()
    }

    pub fn wish(&self) -> Wish {
        *self.wish.borrow()
    }
}

pub fn topic(name: &str) -> &'static str {
    if name == PLAIN { PLAIN } else { ATOMIC }
}

/// What a consumer was handed: offset and value of each record.
pub fn records(chunk: &Chunk) -> (Place, Vec<(i64, String)>) {
    let place = (topic(&chunk.partition.topic), chunk.partition.partition);
    let records = chunk.blocks.iter().flat_map(client::consume::Block::records);
    let value = |value: Option<&[u8]>| String::from_utf8(value.unwrap_or(b"").to_vec()).unwrap();
    (
        place,
        records.map(|record| (record.offset.0, value(record.value))).collect(),
    )
}

/// Waits a little while, each time another.
pub async fn pause(rng: &mut Rng, most: u64) {
    tokio::time::sleep(Duration::from_millis(1 + rng.below(most))).await;
}
