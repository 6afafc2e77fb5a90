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
    if flags != whole {
        return trace::result(result);
    }
    if from == 0 && len == 0 {
        return flushed(Kind::WriteOut, 0, begin, descriptor, result);
    }
    if let (0, Some((inode, Sort::File)), Ok(argument)) = (result, trace::inode(descriptor), u64::try_from(from)) {
        let end = (from + len).to_le_bytes();
        let event = Event {
            inode,
            argument,
            ..Event::of(Kind::WriteOutPart, begin)
        };
        let data = libc::iovec {
            iov_base: end.as_ptr().cast_mut().cast(),
            iov_len: end.len(),
        };
        trace::record(&event, &[data], end.len());
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

/// What is told of every volume, if `POWER_CUT_VOLUME` says so.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// A file system of a kind that nobody knows, which promises only what is the same everywhere.
    Unknown,
    /// One that commits all metadata in one order, XFS.
    Ordered,
    /// One that writes in place and promises no order: ext4 without a journal.
    InPlace,
}

fn told() -> Option<Told> {
    // SAFETY: the name is a C string; the answer is null or one, and nobody changes the environment of a broker.
    let value = unsafe { libc::getenv(c"POWER_CUT_VOLUME".as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: not null, so it is a C string.
    match unsafe { std::ffi::CStr::from_ptr(value) }.to_bytes() {
        b"unknown" => Some(Told::Unknown),
        b"ordered" => Some(Told::Ordered),
        b"in-place" => Some(Told::InPlace),
        _ => None,
    }
}

/// Whether a file that is about to be opened is said not to be there: the one that tells of a journal.
pub(crate) fn is_hidden(path: *const libc::c_char) -> bool {
    // SAFETY: the path is the caller's own argument of `open`.
    !path.is_null()
        && unsafe { std::ffi::CStr::from_ptr(path) }
            .to_bytes()
            .ends_with(b"/journal_task")
        && told() == Some(Told::InPlace)
}

/// Says of what kind the file system is.
///
/// # Safety
/// `answer` was written by the system.
unsafe fn tell(result: c_int, answer: *mut libc::statfs64) -> c_int {
    const XFS: libc::__fsword_t = 0x5846_5342;
    const EXT4: libc::__fsword_t = 0xef53;
    if let (0, Some(told)) = (result, told()) {
        // SAFETY: as promised.
        unsafe {
            (*answer).f_type = match told {
                Told::Unknown => 0,
                Told::Ordered => XFS,
                Told::InPlace => EXT4,
            };
        }
    }
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fstatfs64(descriptor: c_int, answer: *mut libc::statfs64) -> c_int {
    // SAFETY: the caller's own arguments, and the answer was written if the call succeeded.
    unsafe {
        let result = trace::result(libc::syscall(libc::SYS_fstatfs, descriptor, answer));
        tell(result, answer)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fstatfs(descriptor: c_int, answer: *mut libc::statfs64) -> c_int {
    // SAFETY: on 64 bit the two structures are the same.
    unsafe { fstatfs64(descriptor, answer) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn statfs64(path: *const libc::c_char, answer: *mut libc::statfs64) -> c_int {
    // SAFETY: as for `fstatfs64`.
    unsafe {
        let result = trace::result(libc::syscall(libc::SYS_statfs, path, answer));
        tell(result, answer)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn statfs(path: *const libc::c_char, answer: *mut libc::statfs64) -> c_int {
    // SAFETY: on 64 bit the two structures are the same.
    unsafe { statfs64(path, answer) }
}
