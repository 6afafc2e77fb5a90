//! A broker with two log directories, for the stories about them.

use anyhow::{Context, Result};
use protocol::messages::describe_log_dirs_request::DescribeLogDirsRequest;
use protocol::messages::describe_log_dirs_response::DescribeLogDirsResult;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use testkit::{Cluster, Settings, Talk};

/// The most partitions that `t` has.
pub(super) const PARTITIONS: i32 = 6;

/// A broker with two directories; the metadata log lies in a third.
pub(super) struct TwoDirs {
    pub(super) broker: Box<dyn Cluster>,
    pub(super) home: TempDir,
}

impl TwoDirs {
    pub(super) fn start() -> Result<TwoDirs> {
        TwoDirs::start_with(|settings| settings)
    }

    pub(super) fn start_with(more: impl FnOnce(Settings) -> Settings) -> Result<TwoDirs> {
        TwoDirs::start_in(TempDir::with_prefix("riverrun-dirs-")?, more)
    }

    pub(super) fn start_in(home: TempDir, more: impl FnOnce(Settings) -> Settings) -> Result<TwoDirs> {
        let dirs = format!(
            "{},{}",
            home.path().join("a").display(),
            home.path().join("b").display()
        );
        let settings = Settings::default()
            .on(home.path().join("a"))
            .with("log.dirs", dirs)
            .with("metadata.log.dir", home.path().join("metadata").display())
            .with("broker.heartbeat.interval.ms", 50);
        Ok(TwoDirs {
            broker: super::broker(&more(settings))?,
            home,
        })
    }

    /// A directory's path: `a` or `b`.
    pub(super) fn dir(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Where each partition of `t` lies.
    pub(super) fn places(&self) -> Result<BTreeMap<i32, &'static str>> {
        let mut places = BTreeMap::new();
        for name in ["a", "b"] {
            for index in 0..PARTITIONS {
                if self.dir(name).join(format!("t-{index}")).is_dir() {
                    let other = places.insert(index, name);
                    anyhow::ensure!(other.is_none(), "t-{index} lies twice");
                }
            }
        }
        Ok(places)
    }
}

pub(super) fn describe(talk: &mut Talk) -> Result<Vec<DescribeLogDirsResult>> {
    Ok(talk.ask(&DescribeLogDirsRequest { topics: None }, 5)?.results)
}

pub(super) fn described<'a>(results: &'a [DescribeLogDirsResult], dir: &Path) -> Result<&'a DescribeLogDirsResult> {
    results
        .iter()
        .find(|result| Path::new(&result.log_dir) == dir)
        .with_context(|| format!("{} is described: {results:?}", dir.display()))
}
