//! A count that only grows, spread over several cache lines so that threads do not fight for one.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How many cells a counter has; threads take turns at them.
const CELLS: usize = 8;

/// One cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Cell64(AtomicU64);

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Counter {
    cells: [Cell64; CELLS],
}

impl Counter {
    /// Counts one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Counts `more`.
    pub fn add(&self, more: u64) {
        self.cells[cell_of_this_thread()].0.fetch_add(more, Ordering::Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        let cells = self.cells.iter().map(|cell| cell.0.load(Ordering::Relaxed));
        cells.fold(0, u64::wrapping_add)
    }
}

fn cell_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    MINE.with(|mine| {
        if mine.get() == usize::MAX {
            mine.set(NEXT.fetch_add(1, Ordering::Relaxed) % CELLS);
        }
        mine.get()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_threads_count_adds_up() {
        let counter = Counter::default();
        std::thread::scope(|scope| {
            for _ in 0..CELLS + 3 {
                scope.spawn(|| (0..1000).for_each(|_| counter.increment()));
            }
        });
        counter.add(5);
        assert_eq!(counter.get(), (CELLS as u64 + 3) * 1000 + 5);
    }
}
