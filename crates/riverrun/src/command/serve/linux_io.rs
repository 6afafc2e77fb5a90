//! What the process reads from disks and writes to them, as Linux counts it (KIP-551).

use base::metric::{Descriptor, Registry};

/// The operating system's own account of this process.
const ACCOUNT: &str = "/proc/self/io";

const fn server(name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new("kafka.server", "KafkaServer", name, help)
}

/// Each with the name that Linux has for it.
const FIGURES: [(Descriptor, &str); 2] = [
    (
        server(
            "linux-disk-read-bytes",
            "Bytes that the process has had read from disks, and not from memory.",
        ),
        "read_bytes",
    ),
    (
        server(
            "linux-disk-write-bytes",
            "Bytes that the process has had written to disks, or that are to be.",
        ),
        "write_bytes",
    ),
];

/// Shows them when the page is read; nothing where there is no such account, or this process may not see it.
pub(super) fn show(metrics: &Registry) {
    for (descriptor, name) in FIGURES {
        if figure(name).is_some() {
            metrics.asked_gauges(&descriptor, &[], move |show| {
                if let Some(bytes) = figure(name) {
                    show(&[], bytes as f64);
                }
            });
        }
    }
}

fn figure(name: &str) -> Option<u64> {
    find(&std::fs::read_to_string(ACCOUNT).ok()?, name)
}

fn find(account: &str, name: &str) -> Option<u64> {
    let mut lines = account.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(field, _)| *field == name)?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let account = "rchar: 5\nread_bytes: 4096\nwrite_bytes: 18446744073709551615\ncancelled_write_bytes: 1\nodd\n";
        assert_eq!(find(account, "read_bytes"), Some(4096));
        assert_eq!(find(account, "write_bytes"), Some(u64::MAX));
        assert_eq!(find(account, "bytes"), None);
        assert_eq!(find("read_bytes: many", "read_bytes"), None);
    }
}
