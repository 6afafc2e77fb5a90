//! Doing something when it is due, and not when a timer gets round to it.
//!
//! A timer of an ordinary thread may be 50 us late so that wake-ups can be done together, and a processor of a virtual machine
//! that was halted takes 20 us to come back. Both would be added to every broker's times alike, and hide what is between them.

use anyhow::Result;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// What is waited for awake: a little more than it takes to wake up. More would take processors from brokers and readers.
const AWAKE: Duration = Duration::from_micros(30);

/// Has the timers of this thread come as soon as they can.
pub fn have_prompt_timers() -> Result<()> {
    Ok(rustix::thread::set_current_timer_slack(Some(NonZeroU64::MIN))?)
}

/// Waits, asleep and at last awake, until something is due, and gives back how late it is by then.
pub fn wait_for(due: Instant) -> Duration {
    let early = due.saturating_duration_since(Instant::now());
    if early > AWAKE {
        std::thread::sleep(early - AWAKE);
    }
    while Instant::now() < due {
        std::hint::spin_loop();
    }
    due.elapsed()
}
