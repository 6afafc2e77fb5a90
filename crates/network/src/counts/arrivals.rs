//! How fast connections come: to all listeners that are counted together, to each of them, and from each address (KIP-612).

use super::{IpRates, Share};
use base::{Instant, Rate, Windows};
use rustc_hash::FxHashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Of how many addresses the rate is remembered; of more, those longest unheard of are forgotten.
const MOST_ADDRESSES: usize = 10_000;

/// What listeners share that are counted together.
#[derive(Debug)]
pub(super) struct Shared {
    zero: tokio::time::Instant,
    windows: Windows,
    all: Mutex<Rate>,
    by_ip: Mutex<FxHashMap<IpAddr, Rate>>,
}

impl Shared {
    pub(super) fn new(windows: Windows) -> Self {
        Self {
            zero: tokio::time::Instant::now(),
            windows,
            all: Mutex::new(Rate::new(windows)),
            by_ip: Mutex::default(),
        }
    }

    fn now(&self) -> Instant {
        Instant::from_zero(self.zero.elapsed())
    }

    /// How many came in a second of late, of those that share the limit.
    pub(super) fn rate(&self) -> f64 {
        lock(&self.all).per_second(self.now())
    }

    /// Likewise of each address that has a limit.
    pub(super) fn each_ip(&self, mut show: impl FnMut(IpAddr, f64)) {
        let now = self.now();
        for (ip, rate) in &mut *lock(&self.by_ip) {
            show(*ip, rate.per_second(now));
        }
    }
}

/// The connections that have come of late to one listener, and to all that are counted with it.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    all: Arc<Shared>,
    own: Arc<Mutex<Own>>,
    share: Share,
}

/// A listener's own.
#[derive(Debug)]
struct Own {
    came: Rate,
    /// In milliseconds, how long those waited that came too fast for their listener, or for all.
    waited: Rate,
    /// Likewise those that were closed for their address.
    refused: Rate,
}

/// A listener's figures of late.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    /// Connections a second.
    pub(super) rate: f64,
    /// In milliseconds, how long those waited on average that had to; none if none had.
    pub(super) waited: Option<f64>,
    /// Likewise those that were closed for their address.
    pub(super) refused: Option<f64>,
}

impl Arrivals {
    pub(super) fn new(all: Arc<Shared>, share: Share) -> Self {
        let none = || Rate::new(all.windows);
        let own = Own {
            came: none(),
            waited: none(),
            refused: none(),
        };
        Self {
            all,
            own: Arc::new(Mutex::new(own)),
            share,
        }
    }

    /// A connection has come. Answers how long it is to wait before it is accepted, which is no longer than a sample.
    pub(super) fn come(&self, of_all: Option<u32>, of_listener: Option<u32>) -> Option<Duration> {
        let now = self.all.now();
        let of_all = match self.share {
            Share::WithOthers => self.count(&mut lock(&self.all.all), of_all.map(f64::from), now),
            Share::Apart => None,
        };
        let mut own = lock(&self.own);
        let wait = of_all.max(self.count(&mut own.came, of_listener.map(f64::from), now));
        if let Some(wait) = wait {
            own.waited.count(millis(wait), now);
        }
        wait
    }

    /// It is to be accepted. If its address comes too fast it is not, as if it had never come, and this is how long its client
    /// is to be kept from knowing.
    pub(super) fn come_from(&self, ip: IpAddr, rates: &IpRates) -> Option<Duration> {
        let limit = rates.of(ip)?;
        let now = self.all.now();
        let mut by_ip = lock(&self.all.by_ip);
        if by_ip.len() >= MOST_ADDRESSES && !by_ip.contains_key(&ip) {
            make_room(&mut by_ip, now);
        }
        let rate = by_ip.entry(ip).or_insert_with(|| Rate::new(self.all.windows));
        let too_fast = self.count(rate, Some(limit), now)?;
        rate.count(-1.0, now);
        if self.share == Share::WithOthers {
            lock(&self.all.all).count(-1.0, now);
        }
        let mut own = lock(&self.own);
        own.came.count(-1.0, now);
        own.refused.count(millis(too_fast), now);
        Some(too_fast)
    }

    /// Counts one more. If it came too fast, answers by how much, in time.
    fn count(&self, rate: &mut Rate, limit: Option<f64>, now: Instant) -> Option<Duration> {
        rate.count(1.0, now);
        let time = rate.excess(limit?, now).min(self.all.windows.each());
        (!time.is_zero()).then_some(time)
    }

    pub(super) fn figures(&self) -> Figures {
        let now = self.all.now();
        let mut own = lock(&self.own);
        Figures {
            rate: own.came.per_second(now),
            waited: own.waited.mean(now),
            refused: own.refused.mean(now),
        }
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Forgets those from where nothing has come of late, or else the half from where nothing has come for longest.
fn make_room(by_ip: &mut FxHashMap<IpAddr, Rate>, now: Instant) {
    by_ip.retain(|_, rate| !rate.is_forgotten(now));
    if by_ip.len() >= MOST_ADDRESSES {
        let mut heard: Vec<(Instant, IpAddr)> = by_ip.iter().map(|(ip, rate)| (rate.last(), *ip)).collect();
        heard.sort_unstable();
        for (_, ip) in heard.drain(..MOST_ADDRESSES / 2) {
            by_ip.remove(&ip);
        }
    }
}

fn lock<T>(count: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic could leave behind is a count that is a little off.
    count.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn shared() -> Arc<Shared> {
        Arc::new(Shared::new(Windows::new(11, Duration::from_secs(1))))
    }

    fn arrivals() -> Arrivals {
        Arrivals::new(shared(), Share::WithOthers)
    }

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_too_fast_waits_no_longer_than_a_sample() {
        let shared = shared();
        let arrivals = Arrivals::new(Arc::clone(&shared), Share::WithOthers);
        for _ in 0..20 {
            assert_eq!(arrivals.come(Some(2), None), None, "ten seconds' worth");
        }
        assert_eq!(arrivals.come(Some(2), None), Some(Duration::from_millis(500)));
        for _ in 0..20 {
            arrivals.come(Some(2), None);
        }
        assert_eq!(arrivals.come(Some(2), None), Some(Duration::from_secs(1)));
        let other = |share| Arrivals::new(Arc::clone(&shared), share);
        assert_eq!(
            other(Share::Apart).come(Some(2), Some(2)),
            None,
            "what comes to the others does not count"
        );
        assert_eq!(
            other(Share::WithOthers).come(Some(2), Some(2)),
            Some(Duration::from_secs(1)),
            "here it does"
        );
        assert_eq!(arrivals.come(None, None), None);
        tokio::time::advance(Duration::from_secs(12)).await;
        assert_eq!(arrivals.come(Some(2), None), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_listener_has_a_rate_of_its_own() {
        let shared = shared();
        let [slow, other] = [(); 2].map(|()| Arrivals::new(Arc::clone(&shared), Share::WithOthers));
        for _ in 0..10 {
            assert_eq!(slow.come(Some(100), Some(1)), None);
        }
        assert_eq!(slow.come(Some(100), Some(1)), Some(Duration::from_secs(1)));
        assert_eq!(other.come(Some(100), Some(1)), None);
        assert_eq!(slow.figures().waited, Some(1_000.0));
        assert_eq!(other.figures().waited, None);
        assert!((slow.figures().rate - 1.1).abs() < 1e-9, "{:?}", slow.figures());
        assert!((shared.rate() - 1.2).abs() < 1e-9, "{}", shared.rate());
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_comes_too_fast_costs_the_others_nothing() {
        let shared = shared();
        let arrivals = Arrivals::new(Arc::clone(&shared), Share::WithOthers);
        let mut rates = IpRates {
            default: Some(1),
            ..Default::default()
        };
        rates.overrides.insert(address(2), 1_000);
        for _ in 0..10 {
            assert_eq!(arrivals.come(Some(2), Some(2)), None);
            assert_eq!(arrivals.come_from(address(1), &rates), None);
        }
        for _ in 0..100 {
            assert_eq!(arrivals.come(Some(2), Some(2)), None);
            let refused = arrivals.come_from(address(1), &rates);
            assert_eq!(refused, Some(Duration::from_secs(1)));
            let apart = Arrivals::new(Arc::clone(&shared), Share::Apart);
            assert_eq!(apart.come_from(address(1), &rates), refused, "over whatever listener");
        }
        assert_eq!(arrivals.come_from(address(2), &rates), None);
        assert_eq!(arrivals.come_from(address(3), &rates), None);
        assert_eq!(arrivals.figures().refused, Some(1_000.0));
        let mut shown = Vec::new();
        shared.each_ip(|ip, rate| shown.push((ip, rate)));
        shown.sort_by_key(|(ip, _)| *ip);
        assert_eq!(shown, [(address(1), 1.0), (address(2), 0.1), (address(3), 0.1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_that_never_come_back_take_no_memory() {
        let arrivals = arrivals();
        let rates = IpRates {
            default: Some(1),
            ..Default::default()
        };
        for number in 0..25_000 {
            assert_eq!(arrivals.come_from(address(number), &rates), None);
        }
        assert!(lock(&arrivals.all.by_ip).len() <= MOST_ADDRESSES);
    }
}
