//! A library to preload into a node (`LD_PRELOAD`) whose disk and clock a test wants to ail: calls on the node's own data
//! are slow, find no room or fail, and the wall clock is off, as a small file says that the test may write at any time.
//!
//! `FAULT_SHIM` names that file: what ails the disk (u64: 0 nothing, 1 slow, 2 full, 3 failing), how slow it is (u64,
//! microseconds a call), and how far the wall clock is ahead (i64, nanoseconds), in the machine's byte order. Without it
//! everything is well. `FAULT_SHIM_PART` is what the paths of the node's data have in common.
//!
//! The functions below have the names and signatures of the C library's, so that the dynamic linker takes them instead.
//! What is written through a memory map does not pass here.
#![allow(unsafe_code, reason = "standing in for functions of the C library is nothing else")]
#![allow(
    clippy::missing_safety_doc,
    reason = "what callers must hold to is what the C library's manual says of each function"
)]

mod clock;
mod disk;
mod orders;
