//! The metrics of one name.

use super::descriptor::Labels;
use super::{Counter, Gauge, Histogram};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The metrics of one name.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) help: &'static str,
    /// By the text of their labels.
    pub(super) metrics: BTreeMap<String, Metric>,
}

/// One metric.
#[derive(Clone, Debug)]
pub(super) enum Metric {
    Counter(Arc<Counter>),
    Gauge(Arc<Gauge>),
    Asked(Asked),
    AskedMany(AskedMany),
    Histogram(Arc<Histogram>),
}

/// A value that is asked for when the page is read.
#[derive(Clone)]
pub(super) struct Asked(pub(super) Arc<dyn Fn() -> f64 + Send + Sync>);

impl fmt::Debug for Asked {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Asked")
    }
}

/// Takes a value with its labels.
pub type Show<'a> = dyn FnMut(&Labels<'_>, f64) + 'a;

/// Values that are asked for, with their labels, when the page is read.
#[derive(Clone)]
pub(super) struct AskedMany(pub(super) Arc<dyn Fn(&mut Show<'_>) + Send + Sync>);

impl fmt::Debug for AskedMany {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("AskedMany")
    }
}
