//! SIGTERM and Ctrl-C: the first asks to stop, a second ends the process at once.

use anyhow::Result;
use std::pin::pin;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What to do on a second signal: as a shell reports a process ended by a signal.
const IMPATIENT: i32 = 130;
/// A signal so soon after the first is not a second wish.
const ECHO: Duration = Duration::from_millis(250);

/// The signals that end the process.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches them from now on.
    pub(super) fn catch() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the first.
    pub(super) async fn first(&mut self) {
        self.next().await;
    }

    /// From now on another signal ends the process without further ado.
    pub(super) fn end_at_next(mut self) {
        tokio::spawn(async move {
            self.let_echoes_pass().await;
            self.next().await;
            eprintln!("stopped at once; the next start checks the logs");
            std::process::exit(IMPATIENT);
        });
    }

    /// One wish may arrive as two signals: `timeout` and some shells signal the process and then its group.
    async fn let_echoes_pass(&mut self) {
        let mut passed = pin!(tokio::time::sleep(ECHO));
        loop {
            tokio::select! {
                biased;
                () = &mut passed => return,
                () = self.next() => {}
            }
        }
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
