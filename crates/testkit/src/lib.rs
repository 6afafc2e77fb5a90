//! What the tests of whole brokers share: Apache Kafka and Riverrun as processes that a test starts, kills and restarts,
//! a raw wire client, record batches made by hand, and the stock clients' programs.
//!
//! Nothing here uses the product's own client or record code: what judges must not share the judged one's mistakes.

pub mod ailments;
pub mod batch;
pub mod chosen;
pub mod cluster;
pub mod committed;
pub mod crc32c;
pub mod dependencies;
pub mod java;
pub mod maker;
pub mod network;
pub mod nodes;
pub mod port;
pub mod power_cut;
pub mod process;
pub mod ready;
pub mod single_node;
pub mod suite;
pub mod talk;
pub mod three;
pub mod wire;

pub use cluster::{Cluster, Settings};
pub use maker::Maker;
pub use nodes::{Node, Nodes, Plan, Voters};
pub use single_node::SingleNode;
pub use talk::Talk;
pub use three::ThreeNodes;
pub use wire::Wire;
