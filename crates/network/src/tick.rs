//! Pauses of what is done again and again: they end at common moments, so that a process with nothing to do wakes once for all of
//! them.
//!
//! The runtime keeps timers in a wheel: the next 64 ms in steps of 1 ms, the next 4,096 in steps of 64, and so on. One that ends
//! within a step wakes a thread where the step begins, to be moved into the finer steps, and again at its own time. One that ends
//! where a coarse step begins wakes it once, together with all others that do.

use std::sync::OnceLock;
use std::time::Duration;
use tokio::time::Instant;

/// When the wheel began to turn.
static BEGUN: OnceLock<Instant> = OnceLock::new();

/// Shorter pauses end when they are said to, and so do longer ones, which are few.
const LEAST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(60);

/// To be called right before the process's one runtime is built: a millisecond later pauses end at moments that are common,
/// but none of the wheel's. Without it, as in a simulation, they end when they are said to.
pub fn begin() {
    // The first to say it is the program's own start.
    _ = BEGUN.set(Instant::now());
}

/// Waits for about as long as `interval` says: up to a quarter less, or a thirty-second more. The first of many pauses may be as
/// short as it takes for the others to fall in with everybody else's.
pub async fn pause(interval: Duration) {
    let now = Instant::now();
    let until = match BEGUN.get() {
        Some(begun) if (LEAST..=MOST).contains(&interval) => {
            let passed = millis(now.duration_since(*begun));
            *begun + Duration::from_millis(end(passed, millis(interval)))
        }
        // Too far away to be told counts as never.
        _ => match now.checked_add(interval) {
            Some(until) => until,
            None => return std::future::pending().await,
        },
    };
    tokio::time::sleep_until(until).await;
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 4)
}

/// The coarsest steps that pauses end with: those of the wheel's third row.
const COARSEST: u64 = 4096;

/// When a pause ends that begins at `now`: where a step begins, the coarsest of which it takes no more than a quarter off the pause
/// if that begins with a step, too. One that does not is shorter, once.
fn end(now: u64, interval: u64) -> u64 {
    let most = interval + interval / 32;
    let steps = std::iter::successors(Some(COARSEST), |step| Some(step / 2));
    let mut fitting = steps
        .take_while(|step| *step > 1)
        .filter(|step| most / step * step >= interval - interval / 4);
    let step = fitting.next().unwrap_or(1);
    ((now + most) / step * step).max(now + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_that_begin_at_different_times_come_to_end_together() {
        for begun in [1, 700, 4_000, 4_095, 262_143, 1_000_003] {
            for (interval, step) in [
                (2_000, 2_048),
                (5_000, 4_096),
                (15_000, 12_288),
                (60_000, 61_440),
                (3_900, 3_072),
            ] {
                let first = end(begun, interval);
                assert!(
                    first > begun && first <= begun + interval + interval / 32,
                    "{begun} {interval}: {first}"
                );
                assert_eq!(first % 1_024, 0, "{begun} {interval}");
                // A moment after it has ended the next begins.
                assert_eq!(end(first + 3, interval), first + step, "{begun} {interval}");
            }
        }
        assert_eq!(end(4_096, 1_000), 5_120);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_wheel_to_go_by_a_pause_is_as_long_as_it_is_said_to_be() {
        let begun = Instant::now();
        pause(Duration::from_secs(5)).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(5));
    }
}
