//! What has been used of the quotas of one kind.

use base::{Instant, Rate, Windows};
use metadata::image::{BindingQuota, ClientQuotasImage, QuotaOwner};
use network::RequestContext;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::time::Duration;

/// How many clients, and owners of quotas, are remembered; of more, those longest unheard of are forgotten.
const MOST: usize = 10_000;
/// Who has not been heard of for so long is shown no more, as in Kafka.
const SHOWN_FOR: Duration = Duration::from_hours(1);
/// Over how long times to wait are averaged, as all of Kafka's averages are.
const WAITS: (u32, Duration) = (2, Duration::from_secs(30));

/// See the module.
#[derive(Debug)]
pub(super) struct Uses {
    key: &'static str,
    windows: Windows,
    quotas: ClientQuotasImage,
    /// Which quota binds whom, by user and client id; none for who has none.
    bound: FxHashMap<String, FxHashMap<Arc<str>, Option<BindingQuota>>>,
    /// How many there are.
    bound_count: usize,
    uses: FxHashMap<QuotaOwner, Use>,
}

/// What one owner of a quota has used.
#[derive(Debug)]
struct Use {
    rate: Rate,
    /// Milliseconds that it was told to wait.
    waits: Rate,
}

impl Uses {
    pub(super) fn new(key: &'static str, windows: Windows) -> Self {
        Self {
            key,
            windows,
            quotas: ClientQuotasImage::default(),
            bound: FxHashMap::default(),
            bound_count: 0,
            uses: FxHashMap::default(),
        }
    }

    /// Other quotas are in force, or none. What was used of late counts for those that remain.
    pub(super) fn replace(&mut self, quotas: Option<&ClientQuotasImage>) {
        if quotas.is_none() {
            self.uses.clear();
        }
        self.quotas = quotas.cloned().unwrap_or_default();
        self.unbind();
    }

    fn unbind(&mut self) {
        self.bound.clear();
        self.bound_count = 0;
    }

    /// How much a second the client may use; none without a quota.
    pub(super) fn limit(&mut self, client: &RequestContext) -> Option<f64> {
        self.binding(client).map(|bound| bound.limit)
    }

    pub(super) fn charge(&mut self, client: &RequestContext, amount: f64, now: Instant) -> Duration {
        let Some((limit, used)) = self.of(client, now) else {
            return Duration::ZERO;
        };
        used.rate.count(amount, now);
        used.rate.excess(limit, now)
    }

    pub(super) fn take_back(&mut self, client: &RequestContext, amount: f64, now: Instant) {
        if let Some((_, used)) = self.of(client, now) {
            used.rate.count(-amount, now);
        }
    }

    pub(super) fn waits(&mut self, client: &RequestContext, time: Duration, now: Instant) {
        if let Some((_, used)) = self.of(client, now) {
            used.waits.count(time.as_secs_f64() * 1_000.0, now);
        }
    }

    /// Hands over every owner with its rate and the mean of its waits.
    pub(super) fn show(&mut self, now: Instant, mut each: impl FnMut(&QuotaOwner, f64, Option<f64>)) {
        self.uses.retain(|_, used| now.since(used.rate.last()) < SHOWN_FOR);
        for (owner, used) in &mut self.uses {
            each(owner, used.rate.per_second(now), used.waits.mean(now));
        }
    }

    /// The client's limit, and what its owner has used.
    fn of(&mut self, client: &RequestContext, now: Instant) -> Option<(f64, &mut Use)> {
        let bound = self.binding(client)?;
        let (owner, limit) = (bound.owner.clone(), bound.limit);
        if self.uses.len() >= MOST && !self.uses.contains_key(&owner) {
            self.make_room(now);
        }
        let new = || Use {
            rate: Rate::new(self.windows),
            waits: Rate::new(Windows::new(WAITS.0, WAITS.1)),
        };
        Some((limit, self.uses.entry(owner).or_insert_with(new)))
    }

    /// Forgets those whose use of late is nothing, or else the half that was not heard of for longest.
    fn make_room(&mut self, now: Instant) {
        self.uses.retain(|_, used| !used.rate.is_forgotten(now));
        if self.uses.len() >= MOST {
            let heard = self.uses.iter().map(|(owner, used)| (used.rate.last(), owner.clone()));
            let mut heard: Vec<(Instant, QuotaOwner)> = heard.collect();
            heard.sort_unstable();
            for (_, owner) in heard.drain(..MOST / 2) {
                self.uses.remove(&owner);
            }
        }
    }

    fn binding(&mut self, client: &RequestContext) -> Option<&BindingQuota> {
        let user = client.connection.principal.name.as_str();
        let id = &client.client_id;
        let known = self.bound.get(user).is_some_and(|ids| ids.contains_key(id));
        if !known {
            if self.bound_count >= MOST {
                self.unbind();
            }
            let binding = self.quotas.binding(self.key, user, id);
            self.bound
                .entry(user.to_owned())
                .or_default()
                .insert(Arc::clone(id), binding);
            self.bound_count += 1;
        }
        self.bound.get(user)?.get(id)?.as_ref()
    }
}

#[cfg(test)]
pub(super) mod tests;
