//! Has the linker put what runs for every record side by side (ADR 20), if it is one that can.

use std::env::var;
use std::path::Path;
use std::process::{Command, Stdio};

fn main() {
    println!("cargo::rerun-if-changed=hot-functions.ld");
    let is = |name: &str, value: &str| var(name).is_ok_and(|found| found == value);
    if !is("CARGO_CFG_TARGET_OS", "linux") || !is("PROFILE", "release") {
        return;
    }
    let home = var("CARGO_MANIFEST_DIR").expect("cargo tells a build script where its package is");
    let argument = format!("-Wl,-T,{home}/hot-functions.ld");
    if links(&argument).unwrap_or(false) {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}

/// Whether a program can be linked so, with the compiler, the linker and the flags that this build uses: those of GNU and LLVM
/// know such scripts, others may not.
fn links(argument: &str) -> Option<bool> {
    let out = var("OUT_DIR").ok()?;
    let source = Path::new(&out).join("probe.rs");
    std::fs::write(&source, "fn main() {}").ok()?;
    let mut command = Command::new(var("RUSTC").ok()?);
    command
        .arg(&source)
        .args(["--target", &var("TARGET").ok()?, "--out-dir", &out]);
    command.args(
        var("CARGO_ENCODED_RUSTFLAGS")
            .unwrap_or_default()
            .split('\x1f')
            .filter(|flag| !flag.is_empty()),
    );
    if let Ok(linker) = var("RUSTC_LINKER") {
        command.arg(format!("-Clinker={linker}"));
    }
    command.arg(format!("-Clink-arg={argument}"));
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    Some(status.ok()?.success())
}
