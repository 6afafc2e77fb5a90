//! Riverrun: one program that is a Kafka broker and Kafka's everyday tools.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    take_small_pages();
    riverrun::command::main()
}

/// No transparent huge pages: the allocator asks for them, and where they may be had on request (as they come with most
/// distributions) each of its 2 MiB stretches is memory taken as soon as a byte in it is: 15 MiB of an idle broker's, whose
/// heap is 2 MiB. Before anything else, for what is touched stays as it is.
fn take_small_pages() {
    // A kernel that cannot do it gives no huge pages either.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
