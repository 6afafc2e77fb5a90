//! Riverrun: one program that is a Kafka broker and Kafka's everyday tools.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    take_small_pages();
    riverrun::command::main()
}

/// No transparent huge pages, where they come without being asked for: each stretch of 2 MiB is memory taken as soon as a byte
/// in it is, and an idle broker's heap is less than one. Before anything else, for what is touched stays as it is. The allocator
/// itself is built not to ask for them (`no_thp`): it would do so before this runs.
fn take_small_pages() {
    // A kernel that cannot do it gives no huge pages either.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
