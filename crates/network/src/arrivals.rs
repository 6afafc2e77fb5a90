//! How fast connections may come (KIP-612): all of them together, and those of each address.
//!
//! One that comes too fast for all waits to be accepted, and all behind it; one that comes too fast from its address is closed, after
//! as long as it should have waited, so that its client does not come again at once.

use base::{Instant, Rate, Windows};
use rustc_hash::FxHashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Of how many addresses the rate is remembered; of more, those longest unheard of are forgotten.
const MOST_ADDRESSES: usize = 10_000;

/// How many connections may come in a second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArrivalRates {
    /// `max.connection.creation.rate`; none for any number.
    pub all: Option<u32>,
    /// From each address that has none of its own: the default quota `connection_creation_rate` of addresses.
    pub per_ip: Option<u32>,
    /// The quotas of single addresses.
    pub overrides: FxHashMap<IpAddr, u32>,
}

impl ArrivalRates {
    fn of(&self, ip: IpAddr) -> Option<f64> {
        self.overrides.get(&ip).copied().or(self.per_ip).map(f64::from)
    }
}

/// The connections that have come of late to listeners that are counted together.
#[derive(Clone, Debug)]
pub struct Arrivals {
    zero: tokio::time::Instant,
    windows: Windows,
    all: Arc<Mutex<Rate>>,
    by_ip: Arc<Mutex<FxHashMap<IpAddr, Rate>>>,
}

impl Arrivals {
    /// None has come. Rates are measured over these samples.
    pub fn new(windows: Windows) -> Self {
        Self {
            zero: tokio::time::Instant::now(),
            windows,
            all: Arc::new(Mutex::new(Rate::new(windows))),
            by_ip: Arc::default(),
        }
    }

    /// For a listener that is counted by itself, as that of the brokers among themselves is: clients cannot hold up those. Addresses are
    /// counted all the same.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self {
            all: Arc::new(Mutex::new(Rate::new(self.windows))),
            ..self.clone()
        }
    }

    /// A connection has come. Answers how long it is to wait before it is accepted, which is no longer than a sample.
    pub(crate) fn come(&self, rates: &ArrivalRates) -> Option<Duration> {
        let limit = f64::from(rates.all?);
        let now = self.now();
        let mut all = lock(&self.all);
        all.count(1.0, now);
        self.excess(&mut all, limit, now)
    }

    /// It is to be accepted. If its address comes too fast it is not, as if it had never come, and this is how long its client
    /// is to be kept from knowing.
    pub(crate) fn come_from(&self, ip: IpAddr, rates: &ArrivalRates) -> Option<Duration> {
        let ip = ip.to_canonical();
        let limit = rates.of(ip)?;
        let now = self.now();
        let mut by_ip = lock(&self.by_ip);
        if by_ip.len() >= MOST_ADDRESSES && !by_ip.contains_key(&ip) {
            make_room(&mut by_ip, now);
        }
        let rate = by_ip.entry(ip).or_insert_with(|| Rate::new(self.windows));
        rate.count(1.0, now);
        let too_fast = self.excess(rate, limit, now)?;
        rate.count(-1.0, now);
        if rates.all.is_some() {
            lock(&self.all).count(-1.0, now);
        }
        Some(too_fast)
    }

    fn excess(&self, rate: &mut Rate, limit: f64, now: Instant) -> Option<Duration> {
        let time = rate.excess(limit, now).min(self.windows.each());
        (!time.is_zero()).then_some(time)
    }

    fn now(&self) -> Instant {
        Instant::from_zero(self.zero.elapsed())
    }
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
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn arrivals() -> Arrivals {
        Arrivals::new(Windows::new(11, Duration::from_secs(1)))
    }

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_too_fast_waits_no_longer_than_a_sample() {
        let arrivals = arrivals();
        let rates = ArrivalRates {
            all: Some(2),
            ..Default::default()
        };
        for _ in 0..20 {
            assert_eq!(arrivals.come(&rates), None, "ten seconds' worth");
        }
        assert_eq!(arrivals.come(&rates), Some(Duration::from_millis(500)));
        for _ in 0..20 {
            arrivals.come(&rates);
        }
        assert_eq!(arrivals.come(&rates), Some(Duration::from_secs(1)));
        assert_eq!(arrivals.apart().come(&rates), None, "another listener's do not count");
        assert_eq!(arrivals.come(&ArrivalRates::default()), None);
        tokio::time::advance(Duration::from_secs(12)).await;
        assert_eq!(arrivals.come(&rates), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_comes_too_fast_costs_the_others_nothing() {
        let arrivals = arrivals();
        let mut rates = ArrivalRates {
            all: Some(2),
            per_ip: Some(1),
            ..Default::default()
        };
        rates.overrides.insert(address(2), 1_000);
        for _ in 0..10 {
            assert_eq!(arrivals.come(&rates), None);
            assert_eq!(arrivals.come_from(address(1), &rates), None);
        }
        for _ in 0..100 {
            assert_eq!(arrivals.come(&rates), None);
            let mapped = Ipv4Addr::from(1).to_ipv6_mapped();
            let refused = arrivals.come_from(IpAddr::V6(mapped), &rates);
            assert_eq!(refused, Some(Duration::from_secs(1)), "the same address");
            assert_eq!(
                arrivals.apart().come_from(address(1), &rates),
                refused,
                "over whatever listener"
            );
        }
        assert_eq!(arrivals.come_from(address(2), &rates), None);
        assert_eq!(arrivals.come_from(IpAddr::V6(Ipv6Addr::LOCALHOST), &rates), None);
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_that_never_come_back_take_no_memory() {
        let arrivals = arrivals();
        let rates = ArrivalRates {
            per_ip: Some(1),
            ..Default::default()
        };
        for number in 0..25_000 {
            assert_eq!(arrivals.come_from(address(number), &rates), None);
        }
        assert!(lock(&arrivals.by_ip).len() <= MOST_ADDRESSES);
    }
}
