//! The trace file: one event after the other, each written by one system call, so that threads do not mix.
//!
//! An event: its length after this field (u32), kind (u8), when the call began and ended (u64 nanoseconds of the
//! monotonic clock each), the file's inode (u64), an argument (u64), then three byte strings, each after its length
//! (u32): a path, another path, data. All little endian.

use libc::{c_int, c_long, c_void, iovec};
use std::ffi::CStr;
use std::sync::atomic::{AtomicI32, Ordering};

/// What happened; the numbers are the trace's.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A file was opened with O_CREAT or O_TRUNC; the argument holds the flags.
    Open = 1,
    /// Bytes were written; the argument is their position.
    Write = 2,
    /// A file's length was set; the argument is the length.
    SetLen = 3,
    /// A directory was made.
    MakeDir = 4,
    /// A file's name, or an empty directory, was removed.
    Remove = 5,
    /// The first path became the second.
    Rename = 6,
    /// A file or directory was flushed; directories are named by path. The argument is 1 if its metadata was too.
    Sync = 7,
    /// Everything was flushed.
    SyncAll = 8,
    /// The second path became another name of the first.
    Link = 9,
    /// A file's written pages were waited for, without emptying the drive's cache or committing metadata.
    WriteOut = 10,
    /// The same of a part of the file; the argument is where it begins, the data where it ends (u64).
    WriteOutPart = 12,
    /// A file's times were set, so that the next flush has metadata to commit.
    Touch = 11,
}

/// An event to be.
pub(crate) struct Event<'a> {
    pub(crate) kind: Kind,
    pub(crate) begin: u64,
    pub(crate) inode: u64,
    pub(crate) argument: u64,
    pub(crate) path: &'a [u8],
    pub(crate) other: &'a [u8],
}

impl<'a> Event<'a> {
    pub(crate) fn of(kind: Kind, begin: u64) -> Self {
        Self {
            kind,
            begin,
            inode: 0,
            argument: 0,
            path: b"",
            other: b"",
        }
    }

    pub(crate) fn path(mut self, path: &'a [u8]) -> Self {
        self.path = path;
        self
    }
}

/// Nanoseconds of the monotonic clock.
pub(crate) fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

const UNKNOWN: c_int = -2;
const OFF: c_int = -1;
static TRACE: AtomicI32 = AtomicI32::new(UNKNOWN);

/// The trace's descriptor, opened at the first use; none without a trace.
fn descriptor() -> Option<c_int> {
    let known = TRACE.load(Ordering::Acquire);
    if known != UNKNOWN {
        return (known != OFF).then_some(known);
    }
    // SAFETY: the name is a C string; the answer is null or one, and nobody changes the environment of a broker.
    let name = unsafe { libc::getenv(c"POWER_CUT_TRACE".as_ptr()) };
    let opened = if name.is_null() {
        OFF
    } else {
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND | libc::O_CLOEXEC;
        // SAFETY: a path that is a C string, as above.
        let opened = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, name, flags, 0o644) };
        c_int::try_from(opened).unwrap_or(OFF).max(OFF)
    };
    match TRACE.compare_exchange(UNKNOWN, opened, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => (opened != OFF).then_some(opened),
        // Another thread was first: a second descriptor of the same file stays open, which harms nobody.
        Err(first) => (first != OFF).then_some(first),
    }
}

/// Whether anything is recorded.
pub(crate) fn is_on() -> bool {
    descriptor().is_some()
}

/// Appends an event that ends now, with the bytes of `data` up to `len`.
pub(crate) fn record(event: &Event<'_>, data: &[iovec], len: usize) {
    let Some(trace) = descriptor() else { return };
    let mut head = Vec::with_capacity(64 + event.path.len() + event.other.len());
    let after = 1 + 8 * 4 + 4 * 3 + event.path.len() + event.other.len() + len;
    push_len(&mut head, after);
    head.push(event.kind as u8);
    for number in [event.begin, now(), event.inode, event.argument] {
        head.extend_from_slice(&number.to_le_bytes());
    }
    for path in [event.path, event.other] {
        push_len(&mut head, path.len());
        head.extend_from_slice(path);
    }
    push_len(&mut head, len);
    let mut left = len;
    // One contiguous buffer: a vector of more than 1,024 parts would not go in one call.
    for part in data {
        let take = left.min(part.iov_len);
        if take > 0 {
            // SAFETY: the caller of the hidden function promised that these bytes are readable, and the call is not over.
            head.extend_from_slice(unsafe { std::slice::from_raw_parts(part.iov_base.cast::<u8>(), take) });
        }
        left -= take;
    }
    // SAFETY: the buffer lives until the call returns.
    let written = unsafe { libc::syscall(libc::SYS_write, trace, head.as_ptr().cast::<c_void>(), head.len()) };
    assert_eq!(
        usize::try_from(written),
        Ok(head.len()),
        "the trace of a power cut must be whole"
    );
}

fn push_len(out: &mut Vec<u8>, len: usize) {
    let len = u32::try_from(len).expect("one write is less than 4 GiB");
    out.extend_from_slice(&len.to_le_bytes());
}

/// The inode behind a descriptor, if it is a regular file or a directory.
pub(crate) fn inode(descriptor: c_int) -> Option<(u64, Sort)> {
    // SAFETY: all zero is a valid stat to be overwritten.
    let mut stat: libc::stat64 = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live stat.
    if unsafe { libc::fstat64(descriptor, &raw mut stat) } != 0 {
        return None;
    }
    match stat.st_mode & libc::S_IFMT {
        libc::S_IFREG => Some((stat.st_ino, Sort::File)),
        libc::S_IFDIR => Some((stat.st_ino, Sort::Dir)),
        _ => None,
    }
}

/// What a descriptor is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// A regular file.
    File,
    /// A directory.
    Dir,
}

/// The absolute path that a C string means, seen from an open directory.
pub(crate) fn absolute(dir: c_int, path: *const libc::c_char) -> Vec<u8> {
    // SAFETY: callers of the hidden functions promise a C string.
    let path = unsafe { CStr::from_ptr(path) }.to_bytes();
    if path.first() == Some(&b'/') {
        return path.to_vec();
    }
    let mut whole = if dir == libc::AT_FDCWD {
        link_target(c"/proc/self/cwd")
    } else {
        path_of(dir)
    };
    whole.push(b'/');
    whole.extend_from_slice(path);
    whole
}

/// The path that a descriptor was opened by.
pub(crate) fn path_of(descriptor: c_int) -> Vec<u8> {
    let name = format!("/proc/self/fd/{descriptor}\0");
    link_target(CStr::from_bytes_with_nul(name.as_bytes()).expect("it ends with the only zero byte"))
}

fn link_target(link: &CStr) -> Vec<u8> {
    let mut buffer = vec![0u8; 4096];
    // SAFETY: the buffer is as long as is said.
    let len = unsafe { libc::readlink(link.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    buffer.truncate(usize::try_from(len).unwrap_or(0));
    buffer
}

/// The result of a system call in the type of the hidden function.
pub(crate) fn result(value: c_long) -> c_int {
    c_int::try_from(value).expect("descriptors and 0 or -1 fit")
}
