//! How many partitions clients may have created and deleted in a second (KIP-599): `controller_mutation_rate`, counted in a
//! bucket of tokens per user, client id or both. Not in the log: a new leader begins with full buckets, as Kafka's does.

use crate::api_error::ApiError;
use base::Instant;
use metadata::image::{BindingQuota, ClientQuotasImage, QuotaOwner};
use protocol::ErrorCode;
use std::collections::BTreeMap;
use std::time::Duration;

/// The quota's key.
const RATE: &str = "controller_mutation_rate";
/// From so many buckets on, those that are full again are forgotten: they are as good as new ones.
const MANY_BUCKETS: usize = 1_000;

/// Who asks for a change of topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The name of the principal.
    pub user: String,
    /// As the client calls itself.
    pub client_id: String,
    /// What becomes of what is too much.
    pub excess: Excess,
}

/// What becomes of changes beyond the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// They are refused: the client's version of the request has a word for it.
    Refused,
    /// They are made, and the client is told to wait.
    Allowed,
}

/// Tokens, one for each partition, that come back at the quota's rate.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    rate: f64,
    burst: f64,
    counted: Instant,
}

impl Bucket {
    fn refill(&mut self, now: Instant) {
        let gained = now.since(self.counted).as_secs_f64() * self.rate;
        self.tokens = (self.tokens + gained).min(self.burst);
        self.counted = now;
    }

    /// How long until there is no debt any more.
    fn wait(&self) -> Duration {
        let seconds = -self.tokens / self.rate;
        if self.tokens >= 0.0 || !seconds.is_finite() {
            return Duration::ZERO;
        }
        // As Kafka rounds it.
        Duration::from_millis((seconds * 1_000.0).round().min(f64::from(i32::MAX)) as u64)
    }
}

/// What the request that is being decided on is charged to.
#[derive(Clone, Debug)]
struct Account {
    owner: QuotaOwner,
    excess: Excess,
    charged: usize,
    wait: Duration,
}

/// How whoever is being charged stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// With whom the quota is shared.
    pub owner: QuotaOwner,
    /// How many partitions the request has been charged for.
    pub charged: usize,
    /// How many more are free; less than none is a debt.
    pub tokens: f64,
    /// How many come back in a second.
    pub rate: f64,
    /// How many can be saved up.
    pub burst: f64,
}

/// The buckets, as the active controller keeps them.
#[derive(Clone, Debug)]
pub struct MutationQuotas {
    /// For how long a rate can be saved up.
    window: Duration,
    buckets: BTreeMap<QuotaOwner, Bucket>,
    account: Option<Account>,
}

impl MutationQuotas {
    /// With full buckets, which hold what comes in within the window.
    pub fn new(window: Duration) -> Self {
        Self {
            window,
            buckets: BTreeMap::new(),
            account: None,
        }
    }

    /// What is charged from now on is this client's, which may have no quota.
    pub fn open(&mut self, quotas: &ClientQuotasImage, asker: Asker, now: Instant) {
        self.account = None;
        let Some(BindingQuota { owner, limit: rate }) = quotas.binding(RATE, &asker.user, &asker.client_id) else {
            return;
        };
        if self.buckets.len() >= MANY_BUCKETS && !self.buckets.contains_key(&owner) {
            self.forget_full(now);
        }
        let burst = rate * self.window.as_secs_f64();
        let full = Bucket {
            tokens: burst,
            rate,
            burst,
            counted: now,
        };
        let bucket = self.buckets.entry(owner.clone()).or_insert(full);
        bucket.refill(now);
        (bucket.rate, bucket.burst) = (rate, burst);
        bucket.tokens = bucket.tokens.min(burst);
        self.account = Some(Account {
            owner,
            excess: asker.excess,
            charged: 0,
            wait: Duration::ZERO,
        });
    }

    /// Takes tokens for a topic's partitions. Who is in debt gets nothing more until the debt is paid; who is not may run into
    /// it with one topic of any size.
    pub(crate) fn charge(&mut self, partitions: usize) -> Result<(), ApiError> {
        let Some(account) = &mut self.account else {
            return Ok(());
        };
        let bucket = self.buckets.get_mut(&account.owner);
        let bucket = bucket.expect("an account is opened together with its bucket");
        if account.excess == Excess::Refused && bucket.tokens < 0.0 {
            account.wait = bucket.wait();
            return Err(ApiError::silent(ErrorCode::ThrottlingQuotaExceeded));
        }
        bucket.tokens -= partitions as f64;
        account.charged += partitions;
        if account.excess == Excess::Allowed {
            account.wait = bucket.wait();
        }
        Ok(())
    }

    /// How whoever is being charged stands now; none who has no quota.
    pub fn standing(&self) -> Option<Standing> {
        let account = self.account.as_ref()?;
        let bucket = self.buckets.get(&account.owner)?;
        Some(Standing {
            owner: account.owner.clone(),
            charged: account.charged,
            tokens: bucket.tokens,
            rate: bucket.rate,
            burst: bucket.burst,
        })
    }

    /// Nothing more is charged; answers how long the client is to wait, in milliseconds.
    pub fn close(&mut self) -> i32 {
        let wait = self.account.take().map_or(Duration::ZERO, |account| account.wait);
        i32::try_from(wait.as_millis()).unwrap_or(i32::MAX)
    }

    fn forget_full(&mut self, now: Instant) {
        self.buckets.retain(|_, bucket| {
            bucket.refill(now);
            bucket.tokens < bucket.burst
        });
    }
}

#[cfg(test)]
mod tests;
