//! Riverrun: one program that is a Kafka broker and Kafka's everyday tools.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    riverrun::command::main()
}
