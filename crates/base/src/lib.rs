//! The few words everyone shares: identifiers, offsets, epochs, time, randomness, metrics and the seam to the file system.
//!
//! Nothing here knows Kafka's formats. The only code that touches the real clock, the real random source and the real
//! file system below the socket layer lives here, behind [`clock::Clock`], [`rng::Rng`] and [`fs::Fs`].

pub mod clock;
pub mod epoch;
pub mod fs;
pub mod id;
pub mod metric;
pub mod offset;
pub mod rate;
pub mod rng;
pub mod uuid;

pub use clock::{Clock, Instant, Timestamp};
pub use epoch::{BrokerEpoch, LeaderEpoch, PartitionEpoch, ProducerEpoch};
pub use id::{NodeId, ProducerId, TopicPartition};
pub use offset::Offset;
pub use rate::{Rate, Windows};
pub use rng::Rng;
pub use uuid::Uuid;
