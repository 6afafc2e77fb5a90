//! `riverrun serve`: runs a broker, a controller, or both, until it is told to stop.

mod connection_limits;
mod controller_route;
mod dir_locks;
mod identity;
mod linux_io;
mod memory;
pub mod node;
mod open_files;
mod settings;
mod signals;

pub use settings::FormatNew;

use anyhow::Result;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Instant;
use tracing_subscriber::EnvFilter;

const USAGE: &str = "\
riverrun serve [--config FILE] [--data-dir DIR] [--listen HOST:PORT] [--set KEY=VALUE]...

Runs a Kafka broker and its controller. With nothing configured: node 1, data in ./riverrun-data (formatted on the first
start), clients on 127.0.0.1:9092.

  --config FILE       Kafka's server.properties (also as the first argument, as kafka-server-start.sh takes it)
  --data-dir DIR      where the data lies (log.dirs)
  --listen HOST:PORT  where clients are served
  --set KEY=VALUE     any key of server.properties; --override is the same

A key comes from --set, else from the environment (RIVERRUN_LOG_DIRS for log.dirs), else from the file.
RIVERRUN_LOG chooses what is logged to stderr: error, warn (the default), info, debug, or per module.
";

/// Runs the command.
pub fn run(args: Vec<String>) -> Result<ExitCode> {
    let started = Instant::now();
    let options = match settings::parse(args)? {
        settings::Parsed::Serve(options) => options,
        settings::Parsed::Help => {
            print!("{USAGE}");
            return Ok(ExitCode::SUCCESS);
        }
    };
    let filter = EnvFilter::try_from_env("RIVERRUN_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    network::thread::at_rest(memory::give_back_what_is_free);
    let settings = settings::resolve(options)?;
    network::tick::begin();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("riverrun")
        .on_thread_park(network::thread::rests)
        .thread_keep_alive(memory::SPARE_THREAD)
        .build()?;
    runtime.spawn(memory::forget_the_start());
    runtime.block_on(node::run(settings, started))?;
    Ok(ExitCode::SUCCESS)
}
