//! A library to preload into a broker (`LD_PRELOAD`): it does every change of the file system as it was asked for, and
//! writes what was done, with the bytes and the time, to a trace. `testkit::power_cut` makes of a trace the disks that a
//! power cut at any moment could have left.
//!
//! The functions below have the names and signatures of the C library's, so that the dynamic linker takes them instead.
//! They make the system call themselves and need nothing of the functions that they hide. `POWER_CUT_TRACE` names the
//! trace; without it nothing is recorded.
#![allow(unsafe_code, reason = "standing in for functions of the C library is nothing else")]
#![allow(
    clippy::missing_safety_doc,
    reason = "what callers must hold to is what the C library's manual says of each function"
)]

mod data;
mod names;
mod sync;
mod trace;
