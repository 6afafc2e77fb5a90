//! A node's part in the quorum on real files: started, asked, stopped, killed, started again.

mod controller;
mod kafka_directory;
mod restart;
mod setup;
