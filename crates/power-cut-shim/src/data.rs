//! Writing and cutting files.

use crate::trace::{self, Event, Kind, Sort};
use libc::{c_char, c_int, c_void, iovec, off64_t, size_t, ssize_t};

/// Records what was written at `position`.
fn wrote(begin: u64, descriptor: c_int, position: off64_t, data: &[iovec], written: ssize_t) {
    let Ok(len) = usize::try_from(written) else { return };
    if len == 0 || !trace::is_on() {
        return;
    }
    if let (Some((inode, Sort::File)), Ok(argument)) = (trace::inode(descriptor), u64::try_from(position)) {
        let event = Event {
            inode,
            argument,
            ..Event::of(Kind::Write, begin)
        };
        trace::record(&event, data, len);
    }
}

fn one(bytes: *const c_void, len: size_t) -> [iovec; 1] {
    [iovec {
        iov_base: bytes.cast_mut(),
        iov_len: len,
    }]
}

/// # Safety
/// `vector` points to `count` parts, as the manual demands.
unsafe fn parts<'a>(vector: *const iovec, count: c_int) -> &'a [iovec] {
    match usize::try_from(count) {
        // SAFETY: as promised.
        Ok(count) if count > 0 => unsafe { std::slice::from_raw_parts(vector, count) },
        _ => &[],
    }
}

/// Where a sequential write of this many bytes, now done, began.
fn began(descriptor: c_int, written: ssize_t) -> off64_t {
    // SAFETY: asks only for the position.
    let end = unsafe { libc::lseek64(descriptor, 0, libc::SEEK_CUR) };
    end - off64_t::try_from(written).unwrap_or(0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn write(descriptor: c_int, bytes: *const c_void, len: size_t) -> ssize_t {
    let begin = trace::now();
    // SAFETY: the caller's own arguments.
    let written = unsafe { libc::syscall(libc::SYS_write, descriptor, bytes, len) } as ssize_t;
    if written > 0 && trace::is_on() && trace::inode(descriptor).is_some() {
        wrote(begin, descriptor, began(descriptor, written), &one(bytes, len), written);
    }
    written
}

#[unsafe(no_mangle)]
unsafe extern "C" fn writev(descriptor: c_int, vector: *const iovec, count: c_int) -> ssize_t {
    let begin = trace::now();
    // SAFETY: the caller's own arguments.
    let written = unsafe { libc::syscall(libc::SYS_writev, descriptor, vector, count) } as ssize_t;
    if written > 0 && trace::is_on() && trace::inode(descriptor).is_some() {
        // SAFETY: the caller's own arguments.
        let parts = unsafe { parts(vector, count) };
        wrote(begin, descriptor, began(descriptor, written), parts, written);
    }
    written
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite64(descriptor: c_int, bytes: *const c_void, len: size_t, position: off64_t) -> ssize_t {
    let begin = trace::now();
    // SAFETY: the caller's own arguments.
    let written = unsafe { libc::syscall(libc::SYS_pwrite64, descriptor, bytes, len, position) } as ssize_t;
    wrote(begin, descriptor, position, &one(bytes, len), written);
    written
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite(descriptor: c_int, bytes: *const c_void, len: size_t, position: off64_t) -> ssize_t {
    // SAFETY: the same function by its older name.
    unsafe { pwrite64(descriptor, bytes, len, position) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwritev64(descriptor: c_int, vector: *const iovec, count: c_int, position: off64_t) -> ssize_t {
    let begin = trace::now();
    // SAFETY: the caller's own arguments; the position's upper half is not used on 64 bit.
    let written = unsafe { libc::syscall(libc::SYS_pwritev, descriptor, vector, count, position, 0) } as ssize_t;
    // SAFETY: the caller's own arguments.
    wrote(begin, descriptor, position, unsafe { parts(vector, count) }, written);
    written
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwritev(descriptor: c_int, vector: *const iovec, count: c_int, position: off64_t) -> ssize_t {
    // SAFETY: the same function by its older name.
    unsafe { pwritev64(descriptor, vector, count, position) }
}

fn set_len(begin: u64, descriptor: c_int, len: off64_t) {
    if let (Some((inode, _)), Ok(argument)) = (trace::inode(descriptor), u64::try_from(len)) {
        let event = Event {
            inode,
            argument,
            ..Event::of(Kind::SetLen, begin)
        };
        trace::record(&event, &[], 0);
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate64(descriptor: c_int, len: off64_t) -> c_int {
    let begin = trace::now();
    // SAFETY: the caller's own arguments.
    let done = trace::result(unsafe { libc::syscall(libc::SYS_ftruncate, descriptor, len) });
    if done == 0 {
        set_len(begin, descriptor, len);
    }
    done
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate(descriptor: c_int, len: off64_t) -> c_int {
    // SAFETY: the same function by its older name.
    unsafe { ftruncate64(descriptor, len) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fallocate64(descriptor: c_int, mode: c_int, from: off64_t, len: off64_t) -> c_int {
    let begin = trace::now();
    // SAFETY: all zero is a valid stat to be overwritten.
    let mut before: libc::stat64 = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live stat.
    unsafe { libc::fstat64(descriptor, &raw mut before) };
    // SAFETY: the caller's own arguments.
    let done = trace::result(unsafe { libc::syscall(libc::SYS_fallocate, descriptor, mode, from, len) });
    assert!(
        mode & !libc::FALLOC_FL_KEEP_SIZE == 0 || !trace::is_on(),
        "holes and the like are not recorded"
    );
    if done == 0 && mode == 0 && from + len > before.st_size {
        set_len(begin, descriptor, from + len);
    }
    done
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fallocate(descriptor: c_int, mode: c_int, from: off64_t, len: off64_t) -> c_int {
    // SAFETY: the same function by its older name.
    unsafe { fallocate64(descriptor, mode, from, len) }
}

/// # Safety
/// As for `openat`.
unsafe fn open_at(dir: c_int, path: *const c_char, flags: c_int, mode: c_int) -> c_int {
    let begin = trace::now();
    if crate::sync::is_hidden(path) {
        // SAFETY: the address of this thread's error number.
        unsafe { *libc::__errno_location() = libc::ENOENT };
        return -1;
    }
    // SAFETY: the caller's own arguments.
    let opened = trace::result(unsafe { libc::syscall(libc::SYS_openat, dir, path, flags, mode) });
    let changes = flags & (libc::O_CREAT | libc::O_TRUNC) != 0 && flags & libc::O_TMPFILE != libc::O_TMPFILE;
    if opened >= 0
        && changes
        && trace::is_on()
        && let Some((inode, Sort::File)) = trace::inode(opened)
    {
        let event = Event {
            inode,
            argument: u64::try_from(flags).unwrap_or(0),
            path: &trace::absolute(dir, path),
            ..Event::of(Kind::Open, begin)
        };
        trace::record(&event, &[], 0);
    }
    opened
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_int) -> c_int {
    // SAFETY: the caller's own arguments.
    unsafe { open_at(libc::AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: c_int) -> c_int {
    // SAFETY: the caller's own arguments.
    unsafe { open_at(libc::AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn openat(dir: c_int, path: *const c_char, flags: c_int, mode: c_int) -> c_int {
    // SAFETY: the caller's own arguments.
    unsafe { open_at(dir, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn openat64(dir: c_int, path: *const c_char, flags: c_int, mode: c_int) -> c_int {
    // SAFETY: the caller's own arguments.
    unsafe { open_at(dir, path, flags, mode) }
}
