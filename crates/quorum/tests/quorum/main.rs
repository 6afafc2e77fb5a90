//! A node's part in the quorum on real files: started, asked, stopped, killed, started again.

#![allow(clippy::unwrap_used, reason = "a test's helpers are tests too")]

mod configs;
mod controller;
mod crash;
mod cut;
mod election;
mod format;
mod kafka_directory;
mod lagging;
mod listener;
mod members;
mod observer;
mod restart;
mod setup;
mod storms;
mod voters;
