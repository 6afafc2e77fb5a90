//! Flushing. `sync_file_range` and `msync` are not here: the one promises nothing, the other is of mapped files, whose
//! writes cannot be seen either.

use crate::trace::{self, Event, Kind, Sort};
use libc::{c_int, c_long};

fn flushed(begin: u64, descriptor: c_int, result: c_long) -> c_int {
    if result == 0
        && trace::is_on()
        && let Some((inode, sort)) = trace::inode(descriptor)
    {
        let path = match sort {
            Sort::File => Vec::new(),
            Sort::Dir => trace::path_of(descriptor),
        };
        let event = Event {
            inode,
            ..Event::of(Kind::Sync, begin).path(&path)
        };
        trace::record(&event, &[], 0);
    }
    trace::result(result)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fsync(descriptor: c_int) -> c_int {
    let begin = trace::now();
    // SAFETY: the caller's own argument.
    let result = unsafe { libc::syscall(libc::SYS_fsync, descriptor) };
    flushed(begin, descriptor, result)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fdatasync(descriptor: c_int) -> c_int {
    let begin = trace::now();
    // SAFETY: the caller's own argument.
    let result = unsafe { libc::syscall(libc::SYS_fdatasync, descriptor) };
    flushed(begin, descriptor, result)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn syncfs(descriptor: c_int) -> c_int {
    let begin = trace::now();
    // SAFETY: the caller's own argument.
    let result = unsafe { libc::syscall(libc::SYS_syncfs, descriptor) };
    if result == 0 {
        trace::record(&Event::of(Kind::SyncAll, begin), &[], 0);
    }
    trace::result(result)
}
