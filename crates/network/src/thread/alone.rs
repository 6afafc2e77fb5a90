//! One future on a thread of its own, which waits for nothing but it.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

thread_local! {
    static HERE: Cell<bool> = const { Cell::new(false) };
    /// When the future wants to be looked at again, if nothing wakes it before.
    static NEXT: Cell<Option<Instant>> = const { Cell::new(None) };
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Whether this is such a thread.
pub(super) fn is_here() -> bool {
    HERE.get()
}

/// Runs the future to its end on this thread.
pub(super) fn run(work: impl Future<Output = ()>) {
    HERE.set(true);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut work = pin!(work);
    loop {
        NEXT.set(None);
        if work.as_mut().poll(&mut context).is_ready() {
            return;
        }
        super::rests();
        // Whoever woke it since has left a token: then neither waits.
        match NEXT.get() {
            Some(next) => std::thread::park_timeout(next.saturating_duration_since(Instant::now())),
            None => std::thread::park(),
        }
    }
}

/// Waits on such a thread.
pub(super) async fn sleep(duration: Duration) {
    let until = Instant::now() + duration;
    poll_fn(|_| {
        if Instant::now() >= until {
            return Poll::Ready(());
        }
        NEXT.set(Some(NEXT.get().map_or(until, |next| next.min(until))));
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use tokio::sync::oneshot;

    #[test]
    fn it_goes_on_when_it_is_woken_and_when_its_time_has_come() {
        let (ask, asked) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            run(async move {
                sleep(Duration::from_millis(1)).await;
                tell.send("waited").expect("heard");
                let woken = tokio::select! {
                    biased;
                    asked = asked => asked.is_ok(),
                    () = sleep(Duration::from_secs(600)) => false,
                };
                assert!(woken);
                tell.send("woken").expect("heard");
            });
        });
        assert_eq!(told.recv(), Ok("waited"));
        ask.send(()).expect("it waits");
        assert_eq!(told.recv(), Ok("woken"));
        thread.join().expect("no panic");
    }
}
