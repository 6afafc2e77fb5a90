//! Flushing, and what decides how it is done. `msync` is not here: it is of mapped files, whose writes cannot be seen.

use crate::trace::{self, Event, Kind, Sort};
use libc::{c_int, c_long, c_uint, off64_t, timespec};

fn flushed(kind: Kind, argument: u64, begin: u64, descriptor: c_int, result: c_long) -> c_int {
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
            argument,
            ..Event::of(kind, begin).path(&path)
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
    flushed(Kind::Sync, 1, begin, descriptor, result)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fdatasync(descriptor: c_int) -> c_int {
    let begin = trace::now();
    // SAFETY: the caller's own argument.
    let result = unsafe { libc::syscall(libc::SYS_fdatasync, descriptor) };
    flushed(Kind::Sync, 0, begin, descriptor, result)
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

#[unsafe(no_mangle)]
unsafe extern "C" fn sync_file_range(descriptor: c_int, from: off64_t, len: off64_t, flags: c_uint) -> c_int {
    let begin = trace::now();
    // SAFETY: the caller's own arguments.
    let result = unsafe { libc::syscall(libc::SYS_sync_file_range, descriptor, from, len, flags) };
    let whole = libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    if from == 0 && len == 0 && flags == whole {
        return flushed(Kind::WriteOut, 0, begin, descriptor, result);
    }
    trace::result(result)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn futimens(descriptor: c_int, times: *const timespec) -> c_int {
    let begin = trace::now();
    // SAFETY: the caller's own arguments; without a path the descriptor's own file is meant.
    let result = unsafe {
        libc::syscall(
            libc::SYS_utimensat,
            descriptor,
            std::ptr::null::<libc::c_char>(),
            times,
            0,
        )
    };
    flushed(Kind::Touch, 0, begin, descriptor, result)
}

/// With `POWER_CUT_PLAIN` in the environment every file system is said to be of a kind that nobody knows, which promises
/// only what is the same everywhere.
#[unsafe(no_mangle)]
unsafe extern "C" fn fstatfs64(descriptor: c_int, answer: *mut libc::statfs64) -> c_int {
    // SAFETY: the caller's own arguments.
    let result = trace::result(unsafe { libc::syscall(libc::SYS_fstatfs, descriptor, answer) });
    // SAFETY: the name is a C string, and the answer was written if the call succeeded.
    unsafe {
        if result == 0 && !libc::getenv(c"POWER_CUT_PLAIN".as_ptr()).is_null() {
            (*answer).f_type = 0;
        }
    }
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fstatfs(descriptor: c_int, answer: *mut libc::statfs64) -> c_int {
    // SAFETY: on 64 bit the two structures are the same.
    unsafe { fstatfs64(descriptor, answer) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn statfs64(path: *const libc::c_char, answer: *mut libc::statfs64) -> c_int {
    // SAFETY: the caller's own arguments.
    let result = trace::result(unsafe { libc::syscall(libc::SYS_statfs, path, answer) });
    // SAFETY: as above.
    unsafe {
        if result == 0 && !libc::getenv(c"POWER_CUT_PLAIN".as_ptr()).is_null() {
            (*answer).f_type = 0;
        }
    }
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn statfs(path: *const libc::c_char, answer: *mut libc::statfs64) -> c_int {
    // SAFETY: on 64 bit the two structures are the same.
    unsafe { statfs64(path, answer) }
}
