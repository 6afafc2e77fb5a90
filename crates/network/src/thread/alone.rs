//! One future on a thread of its own, which waits for nothing but it.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

thread_local! {
    static HERE: Cell<bool> = const { Cell::new(false) };
    /// When the future wants to be looked at again, if nothing wakes it before.
    static NEXT: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Wakes the thread. The token of its parking alone would not do: whatever else parks within the work takes it, as the channels of the
/// standard library do while they wait.
struct Unpark {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Whether this is such a thread.
pub(super) fn is_here() -> bool {
    HERE.get()
}

/// Runs the future to its end on this thread.
pub(super) fn run(work: impl Future<Output = ()>) {
    HERE.set(true);
    let unpark = Arc::new(Unpark {
        thread: std::thread::current(),
        woken: AtomicBool::new(false),
    });
    let waker = Waker::from(Arc::clone(&unpark));
    let mut context = Context::from_waker(&waker);
    let mut work = pin!(work);
    loop {
        NEXT.set(None);
        // Who wakes it from here on has it polled again.
        unpark.woken.swap(false, Ordering::AcqRel);
        if work.as_mut().poll(&mut context).is_ready() {
            return;
        }
        super::rests();
        if unpark.woken.load(Ordering::Acquire) {
            // Nothing but the token is taken, if it is still there.
            std::thread::park_timeout(Duration::ZERO);
            continue;
        }
        // Whoever wakes it from here on leaves a token: then neither waits.
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
    use std::task::ready;
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

    #[test]
    fn what_parks_within_the_work_takes_no_wake_from_it() {
        let (wake, mut woken) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let mut wake = Some(wake);
            run(poll_fn(move |context| {
                let is_woken = std::pin::Pin::new(&mut woken).poll(context);
                if let Some(wake) = wake.take() {
                    // After the future has looked, and before it waits.
                    wake.send(()).expect("it is asked for");
                    std::thread::park();
                }
                assert!(ready!(is_woken).is_ok());
                Poll::Ready(())
            }));
        });
        thread.join().expect("no panic");
    }
}
