//! What is shown of who has partitions made and deleted: how fast, how much more is free, and how long they were told to wait.

use base::metric::{Descriptor, Registry};
use base::{Clock, Instant, Rate, Windows};
use controller::mutation_quota::Standing;
use metadata::image::QuotaOwner;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Of how many owners of a quota something is remembered; of more, those are forgotten of whom nothing was heard of late.
const MOST_OWNERS: usize = 10_000;

const fn quota(name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new("kafka.server", "quota", name, help)
}

const TOKENS: Descriptor = quota(
    "tokens",
    "Partitions that the clients of a quota may have made or deleted at once; less than none is a debt.",
);
const MUTATION_RATE: Descriptor = quota(
    "mutation-rate",
    "Partitions that the clients of a quota had made or deleted in a second of late.",
);
const THROTTLE_TIME: Descriptor = quota(
    "throttle-time",
    "Milliseconds that the clients of a quota were told to wait of late, on average.",
);

/// An owner's figures.
#[derive(Debug)]
struct Figures {
    last: Standing,
    at: Instant,
    charged: Rate,
    waited: Rate,
}

impl Figures {
    /// How many tokens there are by now.
    fn tokens(&self, now: Instant) -> f64 {
        let gained = now.since(self.at).as_secs_f64() * self.last.rate;
        (self.last.tokens + gained).min(self.last.burst)
    }

    fn is_forgotten(&self, now: Instant) -> bool {
        self.charged.is_forgotten(now) && self.waited.is_forgotten(now) && self.tokens(now) >= self.last.burst
    }
}

/// The figures of all owners of a quota whose requests this node decided on of late, as the active controller.
#[derive(Debug)]
pub(crate) struct MutationFigures {
    windows: Windows,
    clock: Arc<dyn Clock>,
    owners: Mutex<BTreeMap<QuotaOwner, Figures>>,
}

impl MutationFigures {
    /// Nobody has asked for anything. Rates are measured over these samples.
    pub(crate) fn new(windows: Windows, clock: Arc<dyn Clock>) -> Self {
        Self {
            windows,
            clock,
            owners: Mutex::default(),
        }
    }

    /// A request has been charged, and its client told to wait for so many milliseconds.
    pub(crate) fn note(&self, standing: Standing, wait: i32, now: Instant) {
        let mut owners = self.lock();
        if !owners.contains_key(&standing.owner) && owners.len() >= MOST_OWNERS {
            owners.retain(|_, figures| !figures.is_forgotten(now));
            if owners.len() >= MOST_OWNERS {
                return;
            }
        }
        let figures = owners.entry(standing.owner.clone()).or_insert_with(|| Figures {
            last: standing.clone(),
            at: now,
            charged: Rate::new(self.windows),
            waited: Rate::new(self.windows),
        });
        figures.charged.count(standing.charged as f64, now);
        if wait > 0 {
            figures.waited.count(f64::from(wait), now);
        }
        (figures.last, figures.at) = (standing, now);
    }

    /// Shows them when the page is read. The labels are those of the rules that come with the JMX exporter.
    pub(crate) fn show(self: &Arc<Self>, metrics: &Registry) {
        self.shown(metrics, &TOKENS, |figures, now| Some(figures.tokens(now)));
        self.shown(metrics, &MUTATION_RATE, |figures, now| {
            Some(figures.charged.per_second(now))
        });
        self.shown(metrics, &THROTTLE_TIME, |figures, now| figures.waited.mean(now));
    }

    fn shown(
        self: &Arc<Self>,
        metrics: &Registry,
        descriptor: &Descriptor,
        figure: fn(&mut Figures, Instant) -> Option<f64>,
    ) {
        let all = Arc::clone(self);
        metrics.asked_gauges(descriptor, &[("resource", "ControllerMutation")], move |show| {
            let now = all.clock.now();
            let mut owners = all.lock();
            owners.retain(|_, figures| !figures.is_forgotten(now));
            for (owner, figures) in &mut *owners {
                let labels = [("user", &*owner.user), ("clientId", &*owner.client_id)];
                let named: Vec<_> = labels.into_iter().filter(|(_, value)| !value.is_empty()).collect();
                if let Some(value) = figure(figures, now) {
                    show(&named, value);
                }
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<QuotaOwner, Figures>> {
        // What a panic could leave behind is a figure that is a little off.
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Timestamp;
    use expect_test::expect;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    /// A clock that stands where it is put, in seconds.
    #[derive(Debug, Default)]
    struct Stopped(AtomicU64);

    impl Clock for Stopped {
        fn now(&self) -> Instant {
            Instant::from_zero(Duration::from_secs(self.0.load(Ordering::Relaxed)))
        }

        fn wall(&self) -> Timestamp {
            Timestamp(0)
        }
    }

    fn standing(client_id: &str, charged: usize, tokens: f64) -> Standing {
        let owner = QuotaOwner {
            user: String::new(),
            client_id: client_id.to_owned(),
        };
        Standing {
            owner,
            charged,
            tokens,
            rate: 2.0,
            burst: 20.0,
        }
    }

    #[test]
    fn tokens_come_back_and_who_is_not_heard_of_is_forgotten() {
        let clock = Arc::new(Stopped::default());
        let windows = Windows::new(11, Duration::from_secs(1));
        let figures = Arc::new(MutationFigures::new(windows, Arc::clone(&clock) as Arc<dyn Clock>));
        let metrics = Registry::default();
        figures.show(&metrics);
        figures.note(standing("a", 24, -4.0), 0, clock.now());
        figures.note(standing("a", 0, -4.0), 2_000, clock.now());
        figures.note(standing("b", 5, 15.0), 0, clock.now());
        clock.0.store(1, Ordering::Relaxed);
        let page = || {
            let text = metrics.text();
            let values = text.lines().filter(|line| !line.starts_with('#'));
            values.map(|line| format!("{line}\n")).collect::<String>()
        };
        expect![[r#"
            kafka_server_quota_mutation_rate{resource="ControllerMutation",clientId="a"} 2.4
            kafka_server_quota_mutation_rate{resource="ControllerMutation",clientId="b"} 0.5
            kafka_server_quota_throttle_time{resource="ControllerMutation",clientId="a"} 2000
            kafka_server_quota_tokens{resource="ControllerMutation",clientId="a"} -2
            kafka_server_quota_tokens{resource="ControllerMutation",clientId="b"} 17
        "#]]
        .assert_eq(&page());
        clock.0.store(11, Ordering::Relaxed);
        expect![[r#"
            kafka_server_quota_mutation_rate{resource="ControllerMutation",clientId="a"} 0
            kafka_server_quota_tokens{resource="ControllerMutation",clientId="a"} 18
        "#]]
        .assert_eq(&page());
        clock.0.store(22, Ordering::Relaxed);
        expect![""].assert_eq(&page());
    }

    #[test]
    fn only_so_many_are_remembered() {
        let windows = Windows::new(11, Duration::from_secs(1));
        let figures = MutationFigures::new(windows, Arc::new(Stopped::default()));
        for client in 0..MOST_OWNERS + 5 {
            figures.note(standing(&client.to_string(), 1, 19.0), 0, Instant::ZERO);
        }
        assert_eq!(figures.lock().len(), MOST_OWNERS);
        let later = Instant::from_zero(Duration::from_secs(11));
        figures.note(standing("late", 1, 19.0), 0, later);
        assert_eq!(figures.lock().len(), 1);
    }
}
