//! Where `cargo xtask test` put what the tests need.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// The workspace's own folder.
#[must_use]
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .expect("testkit is crates/testkit of the workspace")
        .to_owned()
}

/// The folder of one installed part; an error says how to install it.
pub fn part(name: &str) -> Result<PathBuf> {
    let all = std::env::var_os("RIVERRUN_TEST_DEPS").map_or_else(|| target_dir().join("test-deps"), PathBuf::from);
    let folder = all.join(name);
    ensure!(
        folder.join("installed-from").exists(),
        "{name} is not installed: run `cargo xtask test --install-only`"
    );
    Ok(folder)
}

/// The `riverrun` program: the one named by `RIVERRUN_BIN`, else the newest one that cargo built.
pub fn riverrun() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("RIVERRUN_BIN") {
        return Ok(named.into());
    }
    let built = ["debug", "release"].map(|profile| target_dir().join(profile).join("riverrun"));
    let newest = built
        .into_iter()
        .filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file)))
        .max();
    ensure!(newest.is_some(), "no riverrun built: run `cargo build -p riverrun`");
    Ok(newest.map(|(_, file)| file).unwrap_or_default())
}

fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}
