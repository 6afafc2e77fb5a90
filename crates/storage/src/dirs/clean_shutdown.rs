//! `.kafka_cleanshutdown`: the broker closed the directory's logs, so that their recovery can be skipped (KIP-966).

use base::fs::Fs;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// The file's name in the log directory.
pub const FILE_NAME: &str = ".kafka_cleanshutdown";
const VERSION: i32 = 0;
/// No broker epoch: the broker was not registered, or the file is from before 3.7.
const NO_EPOCH: i64 = -1;

/// What the marker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanShutdown {
    /// The broker's epoch when it shut down, if the marker tells.
    pub broker_epoch: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct Content {
    version: i32,
    #[serde(rename = "brokerEpoch")]
    broker_epoch: i64,
}

impl CleanShutdown {
    /// Reads the marker; `None` if there is none, so that the logs are to be recovered.
    ///
    /// A marker with strange content still is one: Kafka takes its presence for clean and its epoch for unknown.
    pub fn read(fs: &dyn Fs, log_dir: &Path) -> io::Result<Option<Self>> {
        let bytes = match fs.read(&log_dir.join(FILE_NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let content: Option<Content> = serde_json::from_slice(&bytes).ok();
        let epoch = content
            .filter(|content| content.version == VERSION)
            .map(|content| content.broker_epoch);
        Ok(Some(Self {
            broker_epoch: epoch.filter(|epoch| *epoch != NO_EPOCH),
        }))
    }

    /// Writes the marker, after everything else in the directory is on stable storage.
    pub fn write(&self, fs: &dyn Fs, log_dir: &Path) -> io::Result<()> {
        let broker_epoch = self.broker_epoch.unwrap_or(NO_EPOCH);
        let content = Content {
            version: VERSION,
            broker_epoch,
        };
        let text = serde_json::to_vec(&content).expect("two numbers are always JSON");
        fs.replace(&log_dir.join(FILE_NAME), &text)
    }

    /// Removes the marker, durably: from now on a crash needs recovery.
    pub fn remove(fs: &dyn Fs, log_dir: &Path) -> io::Result<()> {
        match fs.remove_file(&log_dir.join(FILE_NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.and_then(|()| fs.sync_dir(log_dir)),
        }
    }
}
