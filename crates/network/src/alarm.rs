//! What a connection's parked requests wait with: a timer, and news of the end, kept from one request to the next.
//!
//! A reader at the tail of a log parks a fetch for every record. A timer that is new each time is put into the runtime's wheel and
//! taken out again, and whoever holds the wheel is woken if the new one is the first that is due. Here the timer stays where it
//! is: it rings early, once, and is set to where it should be then.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::time::{Instant, Sleep};

/// Ready when there is no more waiting to be done, whatever the time.
type End = Pin<Box<dyn Future<Output = ()> + Send>>;

/// See the module. Empty until a request waits.
#[derive(Default)]
pub struct Alarm(Mutex<Option<Kept>>);

struct Kept {
    timer: Pin<Box<Sleep>>,
    end: End,
}

/// Ready at its time, or at the end.
pub struct Ringing<'a> {
    alarm: &'a Alarm,
    deadline: Instant,
    kept: Option<Kept>,
}

impl Alarm {
    /// Ready at `deadline`, or when what the first who waits here calls the end is ready.
    pub fn until<E>(&self, deadline: Instant, end: impl FnOnce() -> E) -> Ringing<'_>
    where
        E: Future<Output = ()> + Send + 'static,
    {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut kept = kept.unwrap_or_else(|| Kept {
            timer: Box::pin(tokio::time::sleep_until(deadline)),
            end: Box::pin(end()),
        });
        if kept.timer.deadline() > deadline {
            kept.timer.as_mut().reset(deadline);
        }
        Ringing {
            alarm: self,
            deadline,
            kept: Some(kept),
        }
    }
}

impl Future for Ringing<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline;
        let Some(Kept { timer, end }) = &mut self.kept else {
            return Poll::Ready(());
        };
        while timer.as_mut().poll(context).is_ready() {
            if timer.deadline() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
        let ended = end.as_mut().poll(context);
        if ended.is_ready() {
            // It is not to be asked again.
            self.kept = None;
        }
        ended
    }
}

impl Drop for Ringing<'_> {
    fn drop(&mut self) {
        if let Some(kept) = self.kept.take() {
            *self.alarm.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        }
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Alarm")
    }
}

impl fmt::Debug for Ringing<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Ringing")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, poll_fn};
    use std::pin::pin;
    use std::time::Duration;
    use tokio::sync::oneshot;

    /// Has it been asked once, as by a request that is served before its time is up.
    async fn begin(mut ringing: Pin<&mut Ringing<'_>>) -> Poll<()> {
        poll_fn(|context| Poll::Ready(ringing.as_mut().poll(context))).await
    }

    #[tokio::test(start_paused = true)]
    async fn each_rings_at_its_own_time() {
        let alarm = Alarm::default();
        let begun = Instant::now();
        for (number, millis) in (0..).zip([500, 500, 700, 20, 500]) {
            let deadline = begun + Duration::from_millis(100 * number + millis);
            assert!(
                begin(pin!(alarm.until(deadline, pending::<()>))).await.is_pending(),
                "{number}"
            );
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        // The timer that is kept rings before, at that of the fourth.
        for millis in [900, 901, 950] {
            let deadline = begun + Duration::from_millis(millis);
            alarm.until(deadline, pending::<()>).await;
            assert!(Instant::now() >= deadline, "{millis}");
            assert!(Instant::now() < deadline + Duration::from_millis(2), "{millis}");
        }
        // Its time is over before it is asked.
        tokio::time::advance(Duration::from_millis(100)).await;
        alarm.until(begun, pending::<()>).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_is_heard_by_whoever_waits_then() {
        let alarm = Alarm::default();
        let (tell, told) = oneshot::channel::<()>();
        let deadline = Instant::now() + Duration::from_secs(600);
        let end = || async {
            _ = told.await;
        };
        assert!(begin(pin!(alarm.until(deadline, end))).await.is_pending());
        let begun = Instant::now();
        let (mut again, mut tell) = (pin!(alarm.until(deadline, pending::<()>)), Some(tell));
        poll_fn(|context| {
            let polled = again.as_mut().poll(context);
            if let Some(tell) = tell.take() {
                assert!(polled.is_pending());
                tell.send(()).expect("it is waited for");
            }
            polled
        })
        .await;
        assert_eq!(Instant::now(), begun);
    }
}
