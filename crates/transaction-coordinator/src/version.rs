//! How transactions work, as the feature `transaction.version` counts it.

/// A level of the feature `transaction.version`: the cluster's, or the one that a client's request stands for (EndTxn from
/// version 5 and AddPartitionsToTxn from version 4 stand for [`TransactionVersion::V2`], everything older for
/// [`TransactionVersion::V0`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransactionVersion {
    /// As they began (KIP-98).
    #[default]
    V0,
    /// Records of `__transaction_state` are written with tagged fields.
    V1,
    /// The producer's epoch is bumped at every end of a transaction, and partitions are added by the brokers that lead
    /// them (KIP-890).
    V2,
}

/// How a record's value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueFormat {
    /// Version 0.
    Rigid,
    /// Version 1.
    Flexible,
}

impl TransactionVersion {
    /// The version with that feature level.
    pub fn of_level(level: i16) -> Option<Self> {
        match level {
            0 => Some(Self::V0),
            1 => Some(Self::V1),
            2 => Some(Self::V2),
            _ => None,
        }
    }

    /// Its feature level.
    pub fn level(self) -> i16 {
        match self {
            Self::V0 => 0,
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    /// Whether each end of a transaction bumps the producer's epoch.
    pub fn bumps_epoch(self) -> bool {
        match self {
            Self::V0 | Self::V1 => false,
            Self::V2 => true,
        }
    }

    /// How a cluster of this version writes records.
    pub fn value_format(self) -> ValueFormat {
        match self {
            Self::V0 => ValueFormat::Rigid,
            Self::V1 | Self::V2 => ValueFormat::Flexible,
        }
    }
}
