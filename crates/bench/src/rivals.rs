//! The same loads for other makes of broker, each in its own protocol: AMQP 0-9-1, RabbitMQ's streams, NATS JetStream, Redis
//! Streams, and STOMP for ActiveMQ Artemis. Blocking sockets and bytes built once, as `bench-load` has it, so that the broker is what is
//! measured.
//!
//! `cargo xtask bench table` runs it as it runs `bench-load`: `--paced`, then one line of JSON.

#[path = "rivals/amqp.rs"]
mod amqp;
#[path = "load/due.rs"]
mod due;
#[path = "rivals/nats.rs"]
mod nats;
#[path = "rivals/publish.rs"]
mod publish;
#[path = "rivals/redis.rs"]
mod redis;
#[path = "load/report.rs"]
mod report;
#[path = "rivals/socket.rs"]
mod socket;
#[path = "rivals/stomp.rs"]
mod stomp;
#[path = "rivals/stream.rs"]
mod stream;

use anyhow::Result;
use clap::{Args, Parser, ValueEnum};
use publish::Protocol;

/// Loads a broker that does not speak Kafka's protocol.
#[derive(Parser)]
enum Command {
    /// Sends as fast as confirmations come.
    Publish(publish::Options),
    /// Reads from the first message on until so many came.
    Consume(publish::Consumption),
    /// Sends on a schedule, and tells how long after a message was due it was received.
    Latency(publish::Latency),
}

/// Whom the load is for.
#[derive(Args, Clone)]
struct Target {
    /// The broker, HOST:PORT.
    #[arg(long)]
    bootstrap: String,
    /// How it is spoken to, and what kind of queue is wanted.
    #[arg(long)]
    kind: Kind,
    /// The queue or stream; it is made if it is not there.
    #[arg(long, default_value = "load")]
    queue: String,
    /// Prints `ready` before it begins and waits for a line on stdin.
    #[arg(long)]
    paced: bool,
}

/// A protocol, and what stands behind it.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// AMQP 0-9-1 to a durable classic queue, persistent messages.
    Classic,
    /// AMQP 0-9-1 to a quorum queue.
    Quorum,
    /// RabbitMQ's own stream protocol.
    Stream,
    /// NATS with JetStream's file store.
    Jetstream,
    /// Redis Streams.
    Redis,
    /// STOMP to a durable queue, persistent messages.
    Stomp,
}

impl Target {
    /// A connection that can publish to the queue and consume from it.
    fn connect(&self) -> Result<Box<dyn Protocol>> {
        Ok(match self.kind {
            Kind::Classic => Box::new(amqp::Amqp::connect(&self.bootstrap, &self.queue, "classic")?),
            Kind::Quorum => Box::new(amqp::Amqp::connect(&self.bootstrap, &self.queue, "quorum")?),
            Kind::Stream => Box::new(stream::Stream::connect(&self.bootstrap, &self.queue)?),
            Kind::Jetstream => Box::new(nats::Nats::connect(&self.bootstrap, &self.queue)?),
            Kind::Redis => Box::new(redis::Redis::connect(&self.bootstrap, &self.queue)?),
            Kind::Stomp => Box::new(stomp::Stomp::connect(&self.bootstrap, &self.queue)?),
        })
    }
}

fn main() -> Result<()> {
    match Command::parse() {
        Command::Publish(options) => publish::publish(&options),
        Command::Consume(options) => publish::consume(&options),
        Command::Latency(options) => publish::latency(&options),
    }
}
