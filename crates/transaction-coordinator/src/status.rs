//! How far a transaction is.

/// The status of a transactional id, as the log has it.
///
/// Kafka has two more, Dead and PrepareEpochFence, that never stand in a log: an id that expires and a producer that is
/// being fenced. Here they are what an operation does, not a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransactionStatus {
    /// A producer, and no transaction yet.
    Empty,
    /// Partitions are being written.
    Ongoing,
    /// It is decided to commit; markers are being written.
    PrepareCommit,
    /// It is decided to abort; markers are being written.
    PrepareAbort,
    /// All markers of a commit are written.
    CompleteCommit,
    /// All markers of an abort are written.
    CompleteAbort,
}

/// The names of the statuses that clients may ask for though no transaction ever has them.
const NEVER_STORED: [&str; 2] = ["Dead", "PrepareEpochFence"];

impl TransactionStatus {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Empty,
        Self::Ongoing,
        Self::PrepareCommit,
        Self::PrepareAbort,
        Self::CompleteCommit,
        Self::CompleteAbort,
    ];

    /// As records have it.
    pub fn id(self) -> i8 {
        match self {
            Self::Empty => 0,
            Self::Ongoing => 1,
            Self::PrepareCommit => 2,
            Self::PrepareAbort => 3,
            Self::CompleteCommit => 4,
            Self::CompleteAbort => 5,
        }
    }

    /// The status that records mean by `id`.
    pub fn of_id(id: i8) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.id() == id)
    }

    /// As clients read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
        }
    }

    /// Whether Kafka has a status of that name, with the case it gives it.
    pub fn is_known_name(name: &str) -> bool {
        NEVER_STORED.contains(&name) || Self::ALL.iter().any(|status| status.name() == name)
    }

    /// Whether it is decided and not yet done.
    pub fn is_prepared(self) -> bool {
        matches!(self, Self::PrepareCommit | Self::PrepareAbort)
    }

    /// Whether nothing is under way.
    pub fn is_idle(self) -> bool {
        matches!(self, Self::Empty | Self::CompleteCommit | Self::CompleteAbort)
    }
}
