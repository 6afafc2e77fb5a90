//! All metrics of a process.

use super::descriptor::{Descriptor, Labels, label_text};
use super::family::{Asked, AskedMany, Family, Metric, Show};
use super::histogram::Unit;
use super::{Counter, Gauge, Histogram, text};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

type Families = BTreeMap<String, Family>;

/// All metrics of a process. Asking twice for the same name and labels gives the same metric.
#[derive(Debug, Default)]
pub struct Registry {
    families: Mutex<Families>,
}

impl Registry {
    /// The counter of that name and those labels.
    ///
    /// # Panics
    /// As the others: if the name and labels are those of a metric of another kind.
    pub fn counter(&self, descriptor: &Descriptor, labels: &Labels<'_>) -> Arc<Counter> {
        match self.of(descriptor, labels, || Metric::Counter(Arc::default())) {
            Metric::Counter(counter) => counter,
            other => panic!("{descriptor:?} is no counter: {other:?}"),
        }
    }

    /// The gauge of that name and those labels.
    pub fn gauge(&self, descriptor: &Descriptor, labels: &Labels<'_>) -> Arc<Gauge> {
        match self.of(descriptor, labels, || Metric::Gauge(Arc::default())) {
            Metric::Gauge(gauge) => gauge,
            other => panic!("{descriptor:?} is no gauge: {other:?}"),
        }
    }

    /// A gauge whose value is asked for whenever the page is read; it replaces one of the same name and labels.
    ///
    /// `read` must not touch the registry, and must not wait long.
    pub fn asked_gauge(
        &self,
        descriptor: &Descriptor,
        labels: &Labels<'_>,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        let mut families = self.lock();
        let family = family_of(&mut families, descriptor);
        let asked = Metric::Asked(Asked(Arc::new(read)));
        family.metrics.insert(label_text(labels), asked);
    }

    /// Gauges of one name whose labels, too, are asked for whenever the page is read, but for those that all of them have: nothing is
    /// kept for what comes and goes in great numbers. `read` hands each to what it is given, and must not touch the registry, nor
    /// wait long. They replace those with the same labels in common.
    pub fn asked_gauges(
        &self,
        descriptor: &Descriptor,
        common: &Labels<'_>,
        read: impl Fn(&mut Show<'_>) + Send + Sync + 'static,
    ) {
        let mut families = self.lock();
        let family = family_of(&mut families, descriptor);
        let asked = Metric::AskedMany(AskedMany(Arc::new(read)));
        family.metrics.insert(label_text(common), asked);
    }

    /// The histogram of that name and those labels.
    pub fn histogram(&self, descriptor: &Descriptor, labels: &Labels<'_>, unit: Unit) -> Arc<Histogram> {
        match self.of(descriptor, labels, || Metric::Histogram(Arc::new(Histogram::new(unit)))) {
            Metric::Histogram(histogram) => histogram,
            other => panic!("{descriptor:?} is no histogram: {other:?}"),
        }
    }

    /// Forgets a metric: what it measured is no more. Who holds it may go on, unseen.
    pub fn forget(&self, descriptor: &Descriptor, labels: &Labels<'_>) {
        let mut families = self.lock();
        if let Some(family) = families.get_mut(&descriptor.text_name()) {
            family.metrics.remove(&label_text(labels));
        }
    }

    /// Begins a new turn of every histogram; the host calls it every minute, say.
    pub fn turn(&self) {
        for family in self.lock().values() {
            for metric in family.metrics.values() {
                if let Metric::Histogram(histogram) = metric {
                    histogram.turn();
                }
            }
        }
    }

    /// All metrics as text, in Prometheus' format (version 0.0.4).
    pub fn text(&self) -> String {
        // What is asked for may take a while, or a lock: not under ours.
        let families: Vec<_> = {
            let families = self.lock();
            let family = |(name, family): (&String, &Family)| (name.clone(), family.help, family.metrics.clone());
            families.iter().map(family).collect()
        };
        let mut page = String::new();
        for (name, help, metrics) in families {
            text::family(&mut page, &name, help, &metrics);
        }
        page
    }

    fn of(&self, descriptor: &Descriptor, labels: &Labels<'_>, new: impl FnOnce() -> Metric) -> Metric {
        let mut families = self.lock();
        let family = family_of(&mut families, descriptor);
        family.metrics.entry(label_text(labels)).or_insert_with(new).clone()
    }

    fn lock(&self) -> MutexGuard<'_, Families> {
        self.families.lock().expect("no code panics while it looks up a metric")
    }
}

fn family_of<'a>(families: &'a mut Families, descriptor: &Descriptor) -> &'a mut Family {
    families.entry(descriptor.text_name()).or_insert_with(|| Family {
        help: descriptor.help,
        metrics: BTreeMap::new(),
    })
}
