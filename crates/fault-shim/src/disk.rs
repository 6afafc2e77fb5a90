//! The disk, which may be slow, full or failing.

use super::orders::{Disk, is_data, is_data_path, orders};
use libc::{c_char, c_int, c_long, c_uint, c_void, iovec, off64_t, size_t, ssize_t};
use std::ffi::CStr;

/// What a call asks of the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    /// To give what it holds.
    Read,
    /// To hold more.
    Room,
    /// To have what it was given on its plates.
    Sync,
}

fn refuse(errno: c_int) -> c_long {
    // SAFETY: the calling thread's own error number.
    unsafe { *libc::__errno_location() = errno };
    -1
}

/// What the disk makes of a call: nothing when the call is to be made.
fn suffers(disk: Disk, asks: Asks) -> Option<c_long> {
    match (disk, asks) {
        (Disk::Slow { micros }, Asks::Room | Asks::Sync) => {
            let time = libc::timespec {
                tv_sec: (micros / 1_000_000).cast_signed(),
                tv_nsec: (micros % 1_000_000).cast_signed() * 1_000,
            };
            // SAFETY: the pointer is to a live timespec.
            unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) };
            None
        }
        (Disk::Full, Asks::Room) => Some(refuse(libc::ENOSPC)),
        (Disk::Failing, _) => Some(refuse(libc::EIO)),
        (Disk::Well | Disk::Slow { .. } | Disk::Full, _) => None,
    }
}

fn suffers_at(descriptor: c_int, asks: Asks) -> Option<c_long> {
    let disk = orders().disk();
    if disk == Disk::Well || descriptor <= 2 || !is_data(descriptor) {
        return None;
    }
    suffers(disk, asks)
}

/// Makes the system call unless the disk has it otherwise.
macro_rules! call {
    ($descriptor:expr, $asks:expr, $number:expr $(, $argument:expr)*) => {{
        let descriptor: c_int = $descriptor;
        match suffers_at(descriptor, $asks) {
            Some(refused) => refused,
            // SAFETY: the caller's own arguments.
            None => unsafe { libc::syscall($number, descriptor $(, $argument)*) },
        }
    }};
}

fn small(result: c_long) -> c_int {
    c_int::try_from(result).unwrap_or(-1)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn write(descriptor: c_int, bytes: *const c_void, len: size_t) -> ssize_t {
    call!(descriptor, Asks::Room, libc::SYS_write, bytes, len) as ssize_t
}

#[unsafe(no_mangle)]
unsafe extern "C" fn writev(descriptor: c_int, vector: *const iovec, count: c_int) -> ssize_t {
    call!(descriptor, Asks::Room, libc::SYS_writev, vector, count) as ssize_t
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite64(descriptor: c_int, bytes: *const c_void, len: size_t, position: off64_t) -> ssize_t {
    call!(descriptor, Asks::Room, libc::SYS_pwrite64, bytes, len, position) as ssize_t
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite(descriptor: c_int, bytes: *const c_void, len: size_t, position: off64_t) -> ssize_t {
    // SAFETY: the same function by its older name.
    unsafe { pwrite64(descriptor, bytes, len, position) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwritev64(descriptor: c_int, vector: *const iovec, count: c_int, position: off64_t) -> ssize_t {
    // The position's upper half is not used on 64 bit.
    call!(descriptor, Asks::Room, libc::SYS_pwritev, vector, count, position, 0) as ssize_t
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwritev(descriptor: c_int, vector: *const iovec, count: c_int, position: off64_t) -> ssize_t {
    // SAFETY: the same function by its older name.
    unsafe { pwritev64(descriptor, vector, count, position) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fallocate64(descriptor: c_int, mode: c_int, from: off64_t, len: off64_t) -> c_int {
    small(call!(descriptor, Asks::Room, libc::SYS_fallocate, mode, from, len))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fallocate(descriptor: c_int, mode: c_int, from: off64_t, len: off64_t) -> c_int {
    // SAFETY: the same function by its older name.
    unsafe { fallocate64(descriptor, mode, from, len) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fsync(descriptor: c_int) -> c_int {
    small(call!(descriptor, Asks::Sync, libc::SYS_fsync))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fdatasync(descriptor: c_int) -> c_int {
    small(call!(descriptor, Asks::Sync, libc::SYS_fdatasync))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sync_file_range(descriptor: c_int, from: off64_t, len: off64_t, flags: c_uint) -> c_int {
    small(call!(
        descriptor,
        Asks::Sync,
        libc::SYS_sync_file_range,
        from,
        len,
        flags
    ))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pread64(descriptor: c_int, bytes: *mut c_void, len: size_t, position: off64_t) -> ssize_t {
    call!(descriptor, Asks::Read, libc::SYS_pread64, bytes, len, position) as ssize_t
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pread(descriptor: c_int, bytes: *mut c_void, len: size_t, position: off64_t) -> ssize_t {
    // SAFETY: the same function by its older name.
    unsafe { pread64(descriptor, bytes, len, position) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sendfile64(to: c_int, from: c_int, position: *mut off64_t, len: size_t) -> ssize_t {
    match suffers_at(from, Asks::Read) {
        Some(refused) => refused as ssize_t,
        // SAFETY: the caller's own arguments.
        None => unsafe { libc::syscall(libc::SYS_sendfile, to, from, position, len) as ssize_t },
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sendfile(to: c_int, from: c_int, position: *mut off64_t, len: size_t) -> ssize_t {
    // SAFETY: the same function by its older name.
    unsafe { sendfile64(to, from, position, len) }
}

/// A new file takes room, though a small one.
///
/// # Safety
/// As for `openat`.
unsafe fn open_at(dir: c_int, path: *const c_char, flags: c_int, mode: c_int) -> c_int {
    let disk = orders().disk();
    if disk != Disk::Well && flags & libc::O_CREAT != 0 && !path.is_null() {
        // SAFETY: the caller's own argument, a string.
        let path = unsafe { CStr::from_ptr(path) }.to_bytes();
        if let Some(refused) = Some(path)
            .filter(|path| is_data_path(path))
            .and_then(|_| suffers(disk, Asks::Room))
        {
            return small(refused);
        }
    }
    // SAFETY: the caller's own arguments.
    small(unsafe { libc::syscall(libc::SYS_openat, dir, path, flags, mode) })
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
