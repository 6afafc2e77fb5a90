//! A sign of life on a terminal for what takes longer than a second.

use std::future::Future;
use std::io::{IsTerminal, Write};
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, interval_at};

const QUIET: Duration = Duration::from_secs(1);

/// Waits for `work`; if it takes longer than a second and stderr is a terminal, shows there what is going on.
pub async fn shown<T>(what: &str, work: impl Future<Output = T>) -> T {
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    let started = Instant::now();
    let mut ticks = interval_at(started + QUIET, Duration::from_millis(500));
    let mut work = pin!(work);
    let mut seen = false;
    loop {
        tokio::select! {
            done = &mut work => {
                if seen {
                    show("\r\x1b[K");
                }
                return done;
            }
            _ = ticks.tick() => {
                seen = true;
                show(&format!("\r\x1b[K{what}: {} s", started.elapsed().as_secs()));
            }
        }
    }
}

/// A terminal that cannot be written to is no reason to stop the work.
fn show(text: &str) {
    let mut terminal = std::io::stderr();
    drop(terminal.write_all(text.as_bytes()));
    drop(terminal.flush());
}
