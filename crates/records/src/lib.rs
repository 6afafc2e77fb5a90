//! records

pub mod compression;
