//! Attempts of one operation: pauses that double, and an end.

use crate::error::ClientError;
use crate::settings::Settings;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The attempts of one operation.
#[derive(Debug)]
pub(crate) struct Retry {
    what: &'static str,
    until: Instant,
    pause: Duration,
    longest: Duration,
}

impl Retry {
    /// The attempts of `what`, which may take the settings' `default.api.timeout.ms`.
    pub fn new(what: &'static str, settings: &Settings) -> Self {
        Self {
            what,
            until: Instant::now() + settings.api_timeout,
            pause: settings.retry_backoff,
            longest: settings.retry_backoff_max,
        }
    }

    /// Pauses before the next attempt; fails with `error` if another cannot help, or with a timeout if time is up.
    pub async fn pause(&mut self, error: ClientError) -> Result<(), ClientError> {
        if !error.is_retriable() {
            return Err(error);
        }
        if Instant::now() + self.pause >= self.until {
            return Err(match error {
                ClientError::Refused { .. } => error,
                other => ClientError::TimedOut {
                    what: self.what,
                    last: other.to_string(),
                },
            });
        }
        tracing::debug!(%error, what = self.what, "trying again");
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(self.longest);
        Ok(())
    }
}
