//! The classic protocol: the clients divide the work among themselves, the coordinator counts them and passes it on.

pub mod group;
pub mod join;
pub mod member;
pub mod rebalance;
pub mod subscription;
pub mod validate;
