//! The names of partition directories, in use and on their way out.

use base::{Rng, TopicPartition, Uuid};

/// File systems allow no longer name.
const LONGEST_NAME: usize = 255;

/// What a partition directory is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DirKind {
    /// The log in use.
    Current,
    /// A log being moved here from another log directory.
    Future,
    /// A deleted log that is still to be removed.
    Delete,
    /// A log that the cluster's metadata does not place here; kept for a human.
    Stray,
}

impl DirKind {
    fn suffix(self) -> &'static str {
        match self {
            Self::Current => "",
            Self::Future => "-future",
            Self::Delete => "-delete",
            Self::Stray => "-stray",
        }
    }
}

/// A partition directory's name, understood. The topic in a `-delete` or `-stray` name may have been cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionDirName {
    /// The partition.
    pub partition: TopicPartition,
    /// What the directory is for.
    pub kind: DirKind,
}

impl PartitionDirName {
    /// Understands `topic-0`, `topic-0.<id>-delete` and so on; `None` for any other name.
    pub fn parse(name: &str) -> Option<Self> {
        let suffixed = [DirKind::Delete, DirKind::Future, DirKind::Stray];
        let kind = suffixed
            .into_iter()
            .find(|kind| name.ends_with(kind.suffix()))
            .unwrap_or(DirKind::Current);
        let base = match kind {
            DirKind::Current => name,
            DirKind::Future | DirKind::Delete | DirKind::Stray => {
                let (base, id) = name.strip_suffix(kind.suffix())?.rsplit_once('.')?;
                if id.is_empty() || id.contains(char::is_whitespace) {
                    return None;
                }
                base
            }
        };
        let (topic, partition) = base.rsplit_once('-')?;
        let digits = !partition.is_empty() && partition.bytes().all(|digit| digit.is_ascii_digit());
        let partition = partition.parse().ok().filter(|_| digits)?;
        if topic.is_empty() {
            return None;
        }
        Some(Self {
            partition: TopicPartition::new(topic, partition),
            kind,
        })
    }
}

/// The name of a partition's directory while it is in use.
pub fn current(partition: &TopicPartition) -> String {
    partition.to_string()
}

/// A fresh name that marks a partition's directory as deleted; the topic is cut so that the name fits.
pub fn delete(partition: &TopicPartition, rng: &mut Rng) -> String {
    capped(partition, DirKind::Delete, rng)
}

/// A fresh name that marks a partition's directory as stray; the topic is cut so that the name fits.
pub fn stray(partition: &TopicPartition, rng: &mut Rng) -> String {
    capped(partition, DirKind::Stray, rng)
}

/// A fresh name for a partition's directory that is being filled from another log directory. It is not cut, since the
/// partition must be known from it.
pub fn future(partition: &TopicPartition, rng: &mut Rng) -> String {
    format!("{partition}.{}{}", Uuid::random(rng).to_hex(), DirKind::Future.suffix())
}

fn capped(partition: &TopicPartition, kind: DirKind, rng: &mut Rng) -> String {
    let tail = format!(
        "-{}.{}{}",
        partition.partition,
        Uuid::random(rng).to_hex(),
        kind.suffix()
    );
    let mut cut = partition.topic.len().min(LONGEST_NAME - tail.len());
    while !partition.topic.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}{tail}", &partition.topic[..cut])
}
