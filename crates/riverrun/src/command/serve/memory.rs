//! What the process takes of the machine's memory while it has little to do.

use std::time::Duration;

/// When what a start needed and nothing after it is given back.
const SETTLED: Duration = Duration::from_secs(3);

/// Gives back the pages of code that the start ran through. Those that are used come back by themselves, out of the system's
/// cache: of 14 MiB ten.
pub(super) async fn forget_the_start() {
    tokio::time::sleep(SETTLED).await;
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else {
        return;
    };
    for code in maps.lines().filter_map(code::parse) {
        code::give_back(&code);
    }
}

/// The stretches of memory that files of code are mapped to.
#[allow(unsafe_code, reason = "unmapping memory is unsafe whatever lies there")]
mod code {
    use rustix::mm::{Advice, madvise};
    use std::ops::Range;
    use tracing::debug;

    /// Where the code of a file lies, from a line of `/proc/self/maps`: what can be run and not be written to.
    pub(super) fn parse(line: &str) -> Option<Range<usize>> {
        let mut fields = line.split_ascii_whitespace();
        let (range, rights) = (fields.next()?, fields.next()?);
        let (_offset, _device, inode, path) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        if rights != "r-xp" || inode == "0" || !path.starts_with('/') {
            return None;
        }
        let (start, end) = range.split_once('-')?;
        let address = |text| usize::from_str_radix(text, 16).ok();
        Some(address(start)?..address(end)?)
    }

    /// Gives the pages back.
    pub(super) fn give_back(code: &Range<usize>) {
        let start = std::ptr::with_exposed_provenance_mut(code.start);
        // SAFETY: the range is one mapping of a file, which nobody can have written to, as the kernel has just said: each page
        // is read from the file again when it is needed, and is the same.
        let done = unsafe { madvise(start, code.len(), Advice::LinuxDontNeed) };
        if let Err(error) = done {
            debug!(%error, "pages of code cannot be given back");
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn code_is_what_a_file_holds_and_nobody_writes_to() {
            let code = "5600-5a00 r-xp 005dc740 fe:00 1234   /usr/bin/riverrun";
            assert_eq!(parse(code), Some(0x5600..0x5a00));
            for other in [
                "5600-5a00 r--p 00000000 fe:00 1234   /usr/bin/riverrun",
                "5600-5a00 rwxp 00000000 fe:00 1234   /usr/bin/riverrun",
                "5600-5a00 rw-p 00000000 00:00 0 ",
                "7ffe-7fff r-xp 00000000 00:00 0      [vdso]",
                "",
            ] {
                assert_eq!(parse(other), None, "{other}");
            }
        }

        #[test]
        fn what_was_given_back_is_there_when_it_is_needed() {
            let maps = std::fs::read_to_string("/proc/self/maps").expect("read");
            let code: Vec<_> = maps.lines().filter_map(parse).collect();
            assert!(!code.is_empty(), "{maps}");
            code.iter().for_each(give_back);
            assert_eq!(parse("1-2 r-xp 0 0 5 /x"), Some(1..2));
        }
    }
}
