//! Everything that happened, as one number.

use std::fmt::{Arguments, Write};

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// A hash of what happened, in order: equal for two runs of one seed. With `RIVERRUN_SIM_TRACE` set it is told as well.
#[derive(Debug)]
pub struct Trace {
    hash: u64,
    is_told: bool,
}

impl Trace {
    /// Nothing has happened.
    pub fn begin() -> Self {
        Self {
            hash: FNV_OFFSET,
            is_told: std::env::var_os("RIVERRUN_SIM_TRACE").is_some(),
        }
    }

    /// Takes note of what happened at `at`.
    pub fn note(&mut self, at: u64, what: Arguments<'_>) {
        if self.is_told {
            eprintln!("{at} {what}");
        }
        // Hashing never fails, and neither does formatting into it.
        _ = write!(self, "{at} {what}");
    }

    /// The history as a number.
    pub fn finish(&self) -> u64 {
        self.hash
    }
}

impl Write for Trace {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for byte in text.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
        Ok(())
    }
}
