//! A process that a test started: its output goes to a file, and it dies with the test whatever happens to the test.

use std::fs::File;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};

/// How long a process may take to end after SIGTERM.
const STOP_DEADLINE: Duration = Duration::from_secs(60);

/// A child process with its output in a file.
pub struct Process {
    child: Child,
    output: PathBuf,
    watchdog: Watchdog,
}

impl Process {
    /// Starts `command`, both of its output streams appended to the file `output`.
    pub fn start(command: &mut Command, output: &Path) -> Result<Process> {
        let file = append_to(output)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        Process::spawn(command, output)
    }

    /// Starts a `command` that is told what to do on its standard input, which is answered too. What it prints is
    /// appended to the file `printed`, each write whole and in order even when several processes share the file; what it
    /// complains of to the file `output`.
    pub fn start_told(command: &mut Command, printed: &Path, output: &Path) -> Result<(Process, ChildStdin)> {
        command
            .stdin(Stdio::piped())
            .stdout(append_to(printed)?)
            .stderr(append_to(output)?);
        let mut process = Process::spawn(command, output)?;
        let input = process.child.stdin.take().context("its input is a pipe")?;
        Ok((process, input))
    }

    fn spawn(command: &mut Command, output: &Path) -> Result<Process> {
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let watchdog = Watchdog::over(child.id())?;
        Ok(Process {
            child,
            output: output.to_owned(),
            watchdog,
        })
    }

    /// The operating system's number of it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, when it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Stops the process where it is (SIGSTOP): alive for its peers' sockets, dead for everything else.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets a frozen process go on.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.pid())?).context("a child has a positive pid")?;
        Ok(rustix::process::kill_process(pid, signal)?)
    }

    /// SIGKILL, and waits for the end.
    pub fn kill9(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.watchdog.dismiss();
        Ok(())
    }

    /// SIGTERM, and waits for the end: 0 or "ended by SIGTERM" (143), as a JVM ends, are fine.
    pub fn terminate(mut self) -> Result<()> {
        self.signal(Signal::TERM)?;
        let deadline = Instant::now() + STOP_DEADLINE;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                bail!(
                    "still running {STOP_DEADLINE:?} after SIGTERM; it wrote:\n{}",
                    tail(&self.output)
                );
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        self.watchdog.dismiss();
        if status.code() == Some(0) || status.code() == Some(143) || status.signal() == Some(15) {
            return Ok(());
        }
        bail!("ended with {status} after SIGTERM; it wrote:\n{}", tail(&self.output))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.watchdog.dismiss();
    }
}

fn append_to(file: &Path) -> Result<File> {
    Ok(File::options().create(true).append(true).open(file)?)
}

/// The last part of a file, for messages.
#[must_use]
pub fn tail(file: &Path) -> String {
    let mut text = Vec::new();
    if let Ok(mut file) = File::open(file) {
        // What cannot be read is not shown.
        let _ = file.read_to_end(&mut text);
    }
    let from = text.len().saturating_sub(6_000);
    String::from_utf8_lossy(&text[from..]).into_owned()
}

/// A shell that kills a process once this program has ended without doing so: its input closes with us.
struct Watchdog {
    shell: Child,
    input: Option<ChildStdin>,
}

impl Watchdog {
    fn over(pid: u32) -> Result<Watchdog> {
        let mut shell = Command::new("sh")
            .args([
                "-c",
                &format!("read -r word; test \"$word\" = dismissed || kill -9 {pid}"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let input = shell.stdin.take();
        Ok(Watchdog { shell, input })
    }

    fn dismiss(&mut self) {
        if let Some(mut input) = self.input.take() {
            // A shell that is gone needs no word.
            let _ = std::io::Write::write_all(&mut input, b"dismissed\n");
            drop(input);
            let _ = self.shell.wait();
        }
    }
}
