//! The wall clock, which may be off; the monotonic one is what it is.

use super::orders::orders;
use libc::{c_int, c_void, clockid_t, time_t, timespec, timeval};

const BILLION: i64 = 1_000_000_000;

fn shifted(time: timespec) -> timespec {
    let nanos = time.tv_nsec + orders().clock_nanos() % BILLION;
    timespec {
        tv_sec: time.tv_sec + orders().clock_nanos() / BILLION + nanos.div_euclid(BILLION),
        tv_nsec: nanos.rem_euclid(BILLION),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: clockid_t, into: *mut timespec) -> c_int {
    // SAFETY: the caller's own arguments.
    let done = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, into) };
    let wall = clock == libc::CLOCK_REALTIME || clock == libc::CLOCK_REALTIME_COARSE;
    if done == 0 && wall && orders().clock_nanos() != 0 {
        // SAFETY: the call has just written there.
        unsafe { *into = shifted(*into) };
    }
    c_int::try_from(done).unwrap_or(-1)
}

fn wall() -> timespec {
    let mut time = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec.
    unsafe { clock_gettime(libc::CLOCK_REALTIME, &raw mut time) };
    time
}

#[unsafe(no_mangle)]
unsafe extern "C" fn gettimeofday(into: *mut timeval, _zone: *mut c_void) -> c_int {
    let time = wall();
    if !into.is_null() {
        // SAFETY: the caller's own argument.
        unsafe {
            *into = timeval {
                tv_sec: time.tv_sec,
                tv_usec: time.tv_nsec / 1_000,
            };
        }
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn time(into: *mut time_t) -> time_t {
    let seconds = wall().tv_sec;
    if !into.is_null() {
        // SAFETY: the caller's own argument.
        unsafe { *into = seconds };
    }
    seconds
}
