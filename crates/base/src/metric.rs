//! Metrics: counters, gauges and histograms under the names that Kafka's users know, and the text Prometheus reads.
//!
//! A metric is looked up or made once, by whoever owns what it measures, and its handle kept: what happens on a hot path
//! is an addition to an atomic, without lock or allocation. ADR 10 says why the names are what they are.

mod counter;
mod descriptor;
mod family;
mod gauge;
mod histogram;
mod registry;
mod text;

pub use counter::Counter;
pub use descriptor::{Descriptor, Labels};
pub use family::Show;
pub use gauge::Gauge;
pub use histogram::{Histogram, QUANTILES, Summary, Unit};
pub use registry::Registry;
