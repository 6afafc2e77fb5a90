//! The answers that a connection owes: in the order of the requests, whichever is ready first.

use crate::service::{Later, Reply};
use protocol::ApiKey;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Poll, ready};

/// How many answers a connection may owe before it reads no further requests.
const MOST: usize = 256;

/// One of them.
#[derive(Debug)]
enum Owed {
    /// Ready, but an older one is not.
    Ready(Reply),
    Waiting(Later),
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct OwedAnswers {
    queue: VecDeque<Owed>,
    /// The API of those that wait.
    api_key: Option<ApiKey>,
}

impl OwedAnswers {
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether so many are owed that no more requests are to be begun.
    pub(crate) fn is_full(&self) -> bool {
        self.queue.len() >= MOST
    }

    /// Whether a request of this API is to be begun only once all is answered: only one of the same API knows what it
    /// may overtake.
    pub(crate) fn hold_up(&self, api_key: ApiKey) -> bool {
        !self.queue.is_empty() && self.api_key != Some(api_key)
    }

    /// Adds the answer of the newest request; gives it back if it is due at once.
    pub(crate) fn push(&mut self, api_key: ApiKey, reply: Reply) -> Option<Reply> {
        match reply {
            Reply::Later(later) => {
                self.api_key = Some(api_key);
                self.queue.push_back(Owed::Waiting(later));
                None
            }
            Reply::Nothing => None,
            reply if self.queue.is_empty() => Some(reply),
            reply => {
                self.queue.push_back(Owed::Ready(reply));
                None
            }
        }
    }

    /// The oldest answer, once it is ready; waits for ever if none is owed.
    pub(crate) async fn next(&mut self) -> Reply {
        poll_fn(|context| {
            let reply = match self.queue.front_mut() {
                None => return Poll::Pending,
                Some(Owed::Ready(reply)) => std::mem::replace(reply, Reply::Nothing),
                Some(Owed::Waiting(later)) => ready!(Pin::new(later).poll(context)),
            };
            self.queue.pop_front();
            Poll::Ready(reply)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(reason: &'static str) -> Reply {
        Reply::Close(reason)
    }

    #[tokio::test]
    async fn answers_come_in_the_order_of_the_requests() {
        let mut owed = OwedAnswers::default();
        assert!(matches!(
            owed.push(ApiKey::Fetch, close("at once")),
            Some(Reply::Close("at once"))
        ));
        let (open, opened) = tokio::sync::oneshot::channel();
        let first = Later::new(async move { opened.await.map_or(Reply::Nothing, close) });
        assert!(owed.push(ApiKey::Produce, Reply::Later(first)).is_none());
        assert!(owed.push(ApiKey::Produce, close("second")).is_none());
        assert!(owed.hold_up(ApiKey::Fetch) && !owed.hold_up(ApiKey::Produce));
        let early = tokio::select! {
            biased;
            _ = owed.next() => true,
            () = std::future::ready(()) => false,
        };
        assert!(!early, "the first is not ready, and the second waits for it");
        open.send("first").expect("it is waited for");
        assert!(matches!(owed.next().await, Reply::Close("first")));
        assert!(matches!(owed.next().await, Reply::Close("second")));
        assert!(owed.is_empty() && !owed.hold_up(ApiKey::Fetch));
    }

    #[test]
    fn no_more_are_begun_than_may_be_owed() {
        let mut owed = OwedAnswers::default();
        for _ in 0..MOST {
            assert!(!owed.is_full());
            let later = Later::new(std::future::pending());
            assert!(owed.push(ApiKey::Produce, Reply::Later(later)).is_none());
        }
        assert!(owed.is_full());
    }
}
