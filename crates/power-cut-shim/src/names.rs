//! Directories and names.

use crate::trace::{self, Event, Kind};
use libc::{c_char, c_int, c_long, c_uint};

/// Records a call that succeeded, with the paths as they were before it.
fn done(kind: Kind, begin: u64, result: c_long, path: &[u8], other: &[u8]) -> c_int {
    if result == 0 {
        let event = Event {
            other,
            ..Event::of(kind, begin).path(path)
        };
        trace::record(&event, &[], 0);
    }
    trace::result(result)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkdirat(dir: c_int, path: *const c_char, mode: c_uint) -> c_int {
    let (begin, name) = (trace::now(), trace::absolute(dir, path));
    // SAFETY: the caller's own arguments.
    let result = unsafe { libc::syscall(libc::SYS_mkdirat, dir, path, mode) };
    done(Kind::MakeDir, begin, result, &name, b"")
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkdir(path: *const c_char, mode: c_uint) -> c_int {
    // SAFETY: the caller's own arguments.
    unsafe { mkdirat(libc::AT_FDCWD, path, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlinkat(dir: c_int, path: *const c_char, flags: c_int) -> c_int {
    let (begin, name) = (trace::now(), trace::absolute(dir, path));
    // SAFETY: the caller's own arguments.
    let result = unsafe { libc::syscall(libc::SYS_unlinkat, dir, path, flags) };
    done(Kind::Remove, begin, result, &name, b"")
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: the caller's own arguments.
    unsafe { unlinkat(libc::AT_FDCWD, path, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    // SAFETY: the caller's own arguments.
    unsafe { unlinkat(libc::AT_FDCWD, path, libc::AT_REMOVEDIR) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn remove(path: *const c_char) -> c_int {
    // SAFETY: the caller's own arguments.
    let result = unsafe { unlinkat(libc::AT_FDCWD, path, 0) };
    // SAFETY: the C library's errno of this thread.
    if result == 0 || unsafe { *libc::__errno_location() } != libc::EISDIR {
        return result;
    }
    // SAFETY: the caller's own arguments.
    unsafe { rmdir(path) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn renameat2(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: c_uint,
) -> c_int {
    let (begin, old, new) = (
        trace::now(),
        trace::absolute(from_dir, from),
        trace::absolute(to_dir, to),
    );
    assert!(
        flags & libc::RENAME_EXCHANGE == 0 || !trace::is_on(),
        "exchanges are not recorded"
    );
    // SAFETY: the caller's own arguments.
    let result = unsafe { libc::syscall(libc::SYS_renameat2, from_dir, from, to_dir, to, flags) };
    done(Kind::Rename, begin, result, &old, &new)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn renameat(from_dir: c_int, from: *const c_char, to_dir: c_int, to: *const c_char) -> c_int {
    // SAFETY: the caller's own arguments.
    unsafe { renameat2(from_dir, from, to_dir, to, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: the caller's own arguments.
    unsafe { renameat2(libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn linkat(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    let (begin, old, new) = (
        trace::now(),
        trace::absolute(from_dir, from),
        trace::absolute(to_dir, to),
    );
    // SAFETY: the caller's own arguments.
    let result = unsafe { libc::syscall(libc::SYS_linkat, from_dir, from, to_dir, to, flags) };
    done(Kind::Link, begin, result, &old, &new)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn link(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: the caller's own arguments.
    unsafe { linkat(libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0) }
}
