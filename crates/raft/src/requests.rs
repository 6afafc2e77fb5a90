//! The requests under way: one for a destination, each with a timeout, and a pause after a failure.

use crate::message::{Destination, Request, RequestId};
use base::Instant;
use std::collections::BTreeMap;
use std::time::Duration;

/// The pause doubles with every failure in a row, up to so many times the first.
const LONGEST_PAUSE: u32 = 32;

/// What goes on with a destination.
#[derive(Debug)]
enum Connection {
    /// A request was sent.
    Waiting {
        id: RequestId,
        request: Request,
        deadline: Instant,
        failures: u32,
    },
    /// The last attempt failed.
    Pausing { until: Instant, failures: u32 },
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Requests {
    next: u64,
    timeout: Duration,
    pause: Duration,
    connections: BTreeMap<Destination, Connection>,
}

impl Requests {
    pub(crate) fn new(timeout: Duration, pause: Duration) -> Self {
        Self {
            next: 0,
            timeout,
            pause,
            connections: BTreeMap::new(),
        }
    }

    /// Until when nothing can be sent to `to`; `None` if it can now.
    pub(crate) fn busy_until(&self, to: &Destination, now: Instant) -> Option<Instant> {
        let until = match self.connections.get(to)? {
            Connection::Waiting { deadline, .. } => *deadline,
            Connection::Pausing { until, .. } => *until,
        };
        Some(until).filter(|until| *until > now)
    }

    /// Whether the last attempt to reach `to` failed and the next is not due.
    pub(crate) fn is_pausing(&self, to: &Destination, now: Instant) -> bool {
        let connection = self.connections.get(to);
        matches!(connection, Some(Connection::Pausing { until, .. }) if *until > now)
    }

    /// Gives up what was not answered in time, as if it had failed.
    pub(crate) fn expire(&mut self, now: Instant) {
        let late = self.connections.values().filter_map(|connection| match connection {
            Connection::Waiting { id, deadline, .. } if *deadline <= now => Some(*id),
            Connection::Waiting { .. } | Connection::Pausing { .. } => None,
        });
        for id in late.collect::<Vec<_>>() {
            _ = self.fail(id, now);
        }
    }

    /// When the first of the requests under way times out; `None` if there is none.
    pub(crate) fn under_way_until(&self, now: Instant) -> Option<Instant> {
        let deadlines = self.connections.values().filter_map(|connection| match connection {
            Connection::Waiting { deadline, .. } => Some(*deadline),
            Connection::Pausing { .. } => None,
        });
        deadlines.filter(|deadline| *deadline > now).min()
    }

    /// Notes a request to `to`, which must not be busy.
    pub(crate) fn sent(&mut self, to: &Destination, request: Request, now: Instant) -> RequestId {
        self.next += 1;
        let id = RequestId(self.next);
        let failures = match self.connections.get(to) {
            Some(Connection::Pausing { failures, .. } | Connection::Waiting { failures, .. }) => *failures,
            None => 0,
        };
        let deadline = now.plus(self.timeout);
        let waiting = Connection::Waiting {
            id,
            request,
            deadline,
            failures,
        };
        self.connections.insert(to.clone(), waiting);
        id
    }

    /// The request that `id` names, which is over with this; `None` if nobody waits for it any more.
    pub(crate) fn take(&mut self, id: RequestId) -> Option<(Destination, Request)> {
        let to = self.waiting_for(id)?;
        match self.connections.remove(&to)? {
            Connection::Waiting { request, .. } => Some((to, request)),
            Connection::Pausing { .. } => None,
        }
    }

    /// As [`Requests::take`], for a request that failed: nothing more is sent to its destination for a while.
    pub(crate) fn fail(&mut self, id: RequestId, now: Instant) -> Option<(Destination, Request)> {
        let to = self.waiting_for(id)?;
        let Some(Connection::Waiting { request, failures, .. }) = self.connections.remove(&to) else {
            return None;
        };
        let factor = 1_u32
            .checked_shl(failures)
            .map_or(LONGEST_PAUSE, |factor| factor.min(LONGEST_PAUSE));
        let pausing = Connection::Pausing {
            until: now.plus(self.pause * factor),
            failures: failures.saturating_add(1),
        };
        self.connections.insert(to.clone(), pausing);
        Some((to, request))
    }

    /// What is under way to `to` is not waited for any longer, as if it had failed.
    pub(crate) fn give_up(&mut self, to: &Destination, now: Instant) {
        if let Some(Connection::Waiting { id, .. }) = self.connections.get(to) {
            _ = self.fail(*id, now);
        }
    }

    /// Nothing is sent to `to` for a while, though the last request was answered.
    pub(crate) fn pause(&mut self, to: Destination, now: Instant) {
        let until = now.plus(self.pause);
        self.connections
            .entry(to)
            .or_insert(Connection::Pausing { until, failures: 0 });
    }

    /// Nobody waits for anything any more, as after a change of state.
    pub(crate) fn reset(&mut self) {
        self.connections.clear();
    }

    fn waiting_for(&self, wanted: RequestId) -> Option<Destination> {
        let mut connections = self.connections.iter();
        let found =
            connections.find(|(_, connection)| matches!(connection, Connection::Waiting { id, .. } if *id == wanted));
        found.map(|(to, _)| to.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(port: u16) -> Destination {
        Destination {
            node: None,
            host: "a".into(),
            port,
        }
    }

    fn at(ms: u64) -> Instant {
        Instant::ZERO.plus(Duration::from_millis(ms))
    }

    #[test]
    fn one_request_at_a_time_and_a_growing_pause_after_failures() {
        let mut requests = Requests::new(Duration::from_millis(2000), Duration::from_millis(20));
        assert_eq!(requests.busy_until(&to(1), at(0)), None);
        let id = requests.sent(&to(1), Request::ApiVersions, at(0));
        assert_eq!(requests.busy_until(&to(1), at(0)), Some(at(2000)));
        assert_eq!(requests.busy_until(&to(2), at(0)), None);
        assert!(requests.fail(id, at(10)).is_some());
        assert!(requests.is_pausing(&to(1), at(29)) && !requests.is_pausing(&to(1), at(30)));
        let id = requests.sent(&to(1), Request::ApiVersions, at(30));
        assert!(requests.fail(id, at(30)).is_some());
        assert_eq!(requests.busy_until(&to(1), at(30)), Some(at(70)));
        let id = requests.sent(&to(1), Request::ApiVersions, at(70));
        assert!(requests.take(id).is_some());
        assert!(requests.take(id).is_none(), "an answer is taken once");
        let id = requests.sent(&to(1), Request::ApiVersions, at(100));
        assert!(requests.fail(id, at(100)).is_some());
        assert_eq!(
            requests.busy_until(&to(1), at(100)),
            Some(at(120)),
            "an answer ends the row of failures"
        );
    }

    #[test]
    fn what_came_too_late_is_not_waited_for() {
        let mut requests = Requests::new(Duration::from_millis(2000), Duration::from_millis(20));
        let late = requests.sent(&to(1), Request::ApiVersions, at(0));
        requests.expire(at(1999));
        assert!(requests.under_way_until(at(1999)).is_some());
        requests.expire(at(2000));
        assert!(requests.is_pausing(&to(1), at(2000)));
        let again = requests.sent(&to(1), Request::ApiVersions, at(2020));
        assert!(requests.take(late).is_none());
        assert!(requests.take(again).is_some());
        let reset = requests.sent(&to(1), Request::ApiVersions, at(2000));
        requests.reset();
        assert!(requests.take(reset).is_none());
    }
}
