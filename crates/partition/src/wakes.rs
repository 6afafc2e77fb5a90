//! Who waits, and who may go on.
//!
//! A change to a partition does not wake anybody itself: it *returns* the [`Wakes`] that it allows, and the outermost
//! caller fires them once no lock is held.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// A flag that one task waits for and anyone may raise; it stays raised until [`Signal::lower`].
#[derive(Debug, Default)]
pub struct Signal {
    raised: AtomicBool,
    waiting: Mutex<Option<Waker>>,
}

impl Signal {
    /// Raises the flag and wakes the task that waits for it.
    pub fn raise(&self) {
        if self.raised.swap(true, Ordering::AcqRel) {
            return;
        }
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    /// Lowers the flag, before what it stands for is looked at again.
    pub fn lower(&self) {
        self.raised.store(false, Ordering::Release);
    }

    /// Ready once the flag is raised.
    pub fn poll_raised(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.raised.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
        // Raised between the look and the registration: the raiser found nobody to wake.
        if self.raised.load(Ordering::Acquire) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// Signals that a change allows to be raised.
#[must_use = "those who wait are told by `fire`, once no lock is held"]
#[derive(Debug, Default)]
pub struct Wakes {
    signals: Vec<Arc<Signal>>,
}

impl Wakes {
    /// Nobody.
    pub fn none() -> Self {
        Self::default()
    }

    /// These.
    pub fn these(signals: Vec<Arc<Signal>>) -> Self {
        Self { signals }
    }

    /// Adds another change's wakes.
    pub fn merge(&mut self, mut other: Self) {
        if self.signals.is_empty() {
            *self = other;
        } else {
            self.signals.append(&mut other.signals);
        }
    }

    /// Wakes them all. To be called with no lock held.
    pub fn fire(self) {
        for signal in self.signals {
            signal.raise();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_signal_wakes_its_waiter_once_and_stays_raised() {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut context = Context::from_waker(&waker);
        let signal = Arc::new(Signal::default());
        assert!(signal.poll_raised(&mut context).is_pending());
        Wakes::these(vec![Arc::clone(&signal), Arc::clone(&signal)]).fire();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert!(signal.poll_raised(&mut context).is_ready());
        signal.lower();
        assert!(signal.poll_raised(&mut context).is_pending());
    }
}
