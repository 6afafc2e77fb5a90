//! The operating system's randomness, from a seed.
//!
//! Which branch of a `select!` comes first, and in which order a `HashMap` of the standard library is walked, is drawn from numbers
//! that the process asks the operating system for. In this program they follow from the seed: it has a `getrandom` of its own, which
//! the linker prefers.

#![allow(unsafe_code, reason = "to take the place of a function of the C library")]

use base::Rng;
use std::ffi::{c_uint, c_void};
use std::sync::{Mutex, PoisonError};

static CHANCE: Mutex<Option<Rng>> = Mutex::new(None);

/// From now on, what this process draws follows from `seed`.
pub fn choose(seed: u64) {
    *CHANCE.lock().unwrap_or_else(PoisonError::into_inner) = Some(Rng::from_seed(seed ^ 0x5eed));
}

/// Fills `buffer`, as the C library's function does.
///
/// # Safety
/// `buffer` has room for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(buffer: *mut c_void, length: usize, _flags: c_uint) -> isize {
    // SAFETY: the caller says that there is so much room; bytes have no other demands.
    let bytes = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length) };
    let mut chance = CHANCE.lock().unwrap_or_else(PoisonError::into_inner);
    chance.get_or_insert_with(|| Rng::from_seed(0)).fill(bytes);
    isize::try_from(length).unwrap_or(isize::MAX)
}
