//! What the test wants to go wrong, from the file that it writes.

use libc::{c_int, c_void};
use std::ffi::CStr;
use std::sync::atomic::{AtomicI64, AtomicPtr, AtomicU64, Ordering};

/// The file, as it lies in memory.
#[repr(C)]
pub(crate) struct Orders {
    disk: AtomicU64,
    delay_micros: AtomicU64,
    clock_nanos: AtomicI64,
}

static WELL: Orders = Orders {
    disk: AtomicU64::new(0),
    delay_micros: AtomicU64::new(0),
    clock_nanos: AtomicI64::new(0),
};

static ORDERS: AtomicPtr<Orders> = AtomicPtr::new(std::ptr::null_mut());

/// What ails the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disk {
    Well,
    Slow { micros: u64 },
    Full,
    Failing,
}

impl Orders {
    pub(crate) fn disk(&self) -> Disk {
        match self.disk.load(Ordering::Relaxed) {
            1 => Disk::Slow {
                micros: self.delay_micros.load(Ordering::Relaxed),
            },
            2 => Disk::Full,
            3 => Disk::Failing,
            _ => Disk::Well,
        }
    }

    pub(crate) fn clock_nanos(&self) -> i64 {
        self.clock_nanos.load(Ordering::Relaxed)
    }
}

/// The orders; the file is mapped at the first use, and stays so. Two threads that come first at once map it twice.
pub(crate) fn orders() -> &'static Orders {
    let known = ORDERS.load(Ordering::Acquire);
    // SAFETY: only ever set to what lives until the process ends.
    if let Some(orders) = unsafe { known.as_ref() } {
        return orders;
    }
    let found = map().unwrap_or(&raw const WELL);
    ORDERS.store(found.cast_mut(), Ordering::Release);
    // SAFETY: a whole mapping that is never taken away, or the constant.
    unsafe { &*found }
}

fn map() -> Option<*const Orders> {
    // SAFETY: the name ends in a zero; nobody changes the environment of a process that just starts.
    let path = unsafe { libc::getenv(c"FAULT_SHIM".as_ptr()) };
    if path.is_null() {
        return None;
    }
    // SAFETY: the variable's value, a string.
    let file = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, libc::O_RDONLY | libc::O_CLOEXEC) };
    let file = c_int::try_from(file).ok().filter(|file| *file >= 0)?;
    let len = size_of::<Orders>();
    // SAFETY: a new mapping of a file that the test made as long as this.
    let mapped = unsafe {
        libc::mmap(
            std::ptr::null_mut::<c_void>(),
            len,
            libc::PROT_READ,
            libc::MAP_SHARED,
            file,
            0,
        )
    };
    // SAFETY: our own descriptor.
    unsafe { libc::syscall(libc::SYS_close, file) };
    (mapped != libc::MAP_FAILED).then_some(mapped.cast_const().cast())
}

/// Whether a descriptor is of a file of the node's data.
pub(crate) fn is_data(descriptor: c_int) -> bool {
    let mut link = [0_u8; 32];
    let mut at = link.len() - 1;
    let mut rest = descriptor;
    // Written by hand: the allocator may be the caller.
    loop {
        at -= 1;
        link[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let before = b"/proc/self/fd/";
    at -= before.len();
    link[at..at + before.len()].copy_from_slice(before);
    let mut path = [0_u8; 1024];
    // SAFETY: a path that ends in a zero, and a buffer of the length told.
    let len = unsafe { libc::readlink(link[at..].as_ptr().cast(), path.as_mut_ptr().cast(), path.len()) };
    usize::try_from(len).is_ok_and(|len| is_data_path(&path[..len]))
}

/// Whether a path is one of the node's data.
pub(crate) fn is_data_path(path: &[u8]) -> bool {
    // SAFETY: the name ends in a zero.
    let part = unsafe { libc::getenv(c"FAULT_SHIM_PART".as_ptr()) };
    if part.is_null() {
        return false;
    }
    // SAFETY: the variable's value, a string.
    let part = unsafe { CStr::from_ptr(part) }.to_bytes();
    !part.is_empty() && path.windows(part.len()).any(|window| window == part)
}
