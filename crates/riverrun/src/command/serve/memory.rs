//! What the process takes of the machine's memory while it has little to do.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// When what a start needed and nothing after it is given back.
const SETTLED: Duration = Duration::from_secs(3);
/// How long a thread that waited for the disk is kept for the next who does. It gives back what it has freed only when it ends: of
/// 10,000 partitions that are made, 5 MiB.
pub(super) const SPARE_THREAD: Duration = Duration::from_secs(2);
/// How often each thread gives back what it has freed, at most.
const EVERY: Duration = Duration::from_secs(2);

thread_local! {
    /// When this one did so last.
    static LAST: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Gives back the pages of code that the start ran through. Those that are used come back by themselves, out of the system's
/// cache: of 14 MiB ten.
pub(super) async fn forget_the_start() {
    tokio::time::sleep(SETTLED).await;
    if let Ok(maps) = std::fs::read_to_string("/proc/self/smaps") {
        code::stretches(&maps).iter().for_each(code::give_back);
    }
}

/// Gives back the memory that this thread has freed, now and then: the allocator does so only when more is asked for.
pub(super) fn give_back_what_is_free() {
    let now = Instant::now();
    let last = LAST.get();
    if last.is_none_or(|last| now.duration_since(last) >= EVERY) {
        LAST.set(Some(now));
        heap::collect();
    }
}

/// The allocator.
#[allow(unsafe_code, reason = "the allocator is in C")]
mod heap {
    // Linked for its C part, in tests too, where nothing names it.
    use mimalloc as _;

    unsafe extern "C" {
        fn mi_collect(force: bool);
    }

    /// Gives back what is free and was so for a moment.
    pub(super) fn collect() {
        // SAFETY: it may be called at any time, and looks at nothing but the calling thread's heap.
        unsafe { mi_collect(false) }
    }
}

/// The stretches of memory that files of code are mapped to.
#[allow(unsafe_code, reason = "unmapping memory is unsafe whatever lies there")]
mod code {
    use rustix::mm::{Advice, madvise};
    use std::ops::Range;
    use tracing::debug;

    /// Where the code of files and its constants lie, by `/proc/self/smaps`: what nobody can write to, and nobody has written to.
    pub(super) fn stretches(maps: &str) -> Vec<Range<usize>> {
        let (mut found, mut last) = (Vec::new(), None);
        for line in maps.lines() {
            match line.strip_prefix("Anonymous:") {
                Some(written) if written.trim() == "0 kB" => found.extend(last.take()),
                Some(_) => last = None,
                None if line
                    .split_ascii_whitespace()
                    .next()
                    .is_some_and(|word| !word.ends_with(':')) =>
                {
                    last = parse(line)
                }
                None => {}
            }
        }
        found
    }

    /// From the line that begins a stretch.
    fn parse(line: &str) -> Option<Range<usize>> {
        let mut fields = line.split_ascii_whitespace();
        let (range, rights) = (fields.next()?, fields.next()?);
        let (_offset, _device, inode, path) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        if !matches!(rights, "r-xp" | "r--p") || inode == "0" || !path.starts_with('/') {
            return None;
        }
        let (start, end) = range.split_once('-')?;
        let address = |text| usize::from_str_radix(text, 16).ok();
        Some(address(start)?..address(end)?)
    }

    /// Gives the pages back.
    pub(super) fn give_back(code: &Range<usize>) {
        let start = std::ptr::with_exposed_provenance_mut(code.start);
        // SAFETY: the range is one mapping of a file, which nobody has written to, as the kernel has just said, nor can: each page
        // is read from the file again when it is needed, and is the same.
        let done = unsafe { madvise(start, code.len(), Advice::LinuxDontNeed) };
        if let Err(error) = done {
            debug!(%error, "pages of code cannot be given back");
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn stretch(line: &str, written: u32) -> Option<Range<usize>> {
            let maps = format!("{line}\nSize:  4 kB\nAnonymous:  {written} kB\nVmFlags: rd ex mr\n");
            stretches(&maps).pop()
        }

        #[test]
        fn code_is_what_a_file_holds_and_nobody_writes_to() {
            let code = "5600-5a00 r-xp 005dc740 fe:00 1234   /usr/bin/riverrun";
            assert_eq!(stretch(code, 0), Some(0x5600..0x5a00));
            let constants = "5600-5a00 r--p 00000000 fe:00 1234   /usr/bin/riverrun";
            assert_eq!(stretch(constants, 0), Some(0x5600..0x5a00));
            assert_eq!(stretch(constants, 4), None, "the loader has put addresses there");
            for other in [
                "5600-5a00 rwxp 00000000 fe:00 1234   /usr/bin/riverrun",
                "5600-5a00 rw-p 00000000 00:00 0 ",
                "7ffe-7fff r-xp 00000000 00:00 0      [vdso]",
                "",
            ] {
                assert_eq!(stretch(other, 0), None, "{other}");
            }
        }

        #[test]
        fn what_was_given_back_is_there_when_it_is_needed() {
            let maps = std::fs::read_to_string("/proc/self/smaps").expect("read");
            let code = stretches(&maps);
            assert!(code.len() > 1, "{maps}");
            code.iter().for_each(give_back);
            assert_eq!(stretch("1-2 r-xp 0 0 5 /x", 0), Some(1..2));
        }
    }
}
