use super::*;
use base::Timestamp;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// A clock that the test sets; a look at it takes no time.
#[derive(Debug, Default)]
struct Hand(AtomicU64);

impl Hand {
    fn set(&self, micros: u64) {
        self.0.store(micros, Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> Instant {
        Instant::from_zero(Duration::from_micros(self.0.load(Ordering::Relaxed)))
    }

    fn wall(&self) -> Timestamp {
        Timestamp::NONE
    }
}

impl<'a, T> Due<'a, T> {
    fn turn(self) -> Option<Taken<'a, T>> {
        match self {
            Due::Flush(taken) => Some(taken),
            Due::Nothing | Due::Begin(_) => None,
        }
    }
}

fn contents(taken: Option<Taken<'_, i32>>) -> Option<Vec<i32>> {
    taken.map(|taken| taken.all().iter().map(|one| **one).collect())
}

#[test]
fn it_is_taken_whole_and_ends_when_closed_and_empty() {
    let (queue, clock) = (FlushQueue::default(), Hand::default());
    queue.push(Arc::new(1));
    queue.push(Arc::new(2));
    assert_eq!(contents(queue.take(&clock)), Some(vec![1, 2]));
    assert_eq!(contents(queue.take_at_once(&clock)), Some(vec![]));
    queue.push(Arc::new(3));
    queue.close();
    assert_eq!(
        contents(queue.take(&clock)),
        Some(vec![3]),
        "what came before the end is still there"
    );
    assert_eq!(
        (contents(queue.take(&clock)), contents(queue.take_at_once(&clock))),
        (None, None)
    );
}

#[test]
fn what_waits_for_its_time_is_taken_by_itself() {
    let (queue, clock) = (FlushQueue::default(), Hand::default());
    queue.push_timed(Arc::new(1));
    assert_eq!(contents(queue.take_at_once(&clock)), Some(vec![]));
    assert_eq!(queue.take_timed(), vec![Arc::new(1)]);
    assert_eq!(queue.take_timed(), vec![]);
}

#[test]
fn who_waits_is_woken() {
    let queue = Arc::new(FlushQueue::default());
    let taker = {
        let queue = Arc::clone(&queue);
        std::thread::spawn(move || contents(queue.take(&Hand::default())))
    };
    queue.push(Arc::new(7));
    assert_eq!(taker.join().expect("no panic"), Some(vec![7]));
}

#[test]
fn little_is_flushed_by_who_brought_it_and_what_comes_meanwhile_by_the_thread() {
    let (queue, clock) = (FlushQueue::default(), Hand::default());
    assert!(
        queue.settle(&clock, || Looker::Patient).turn().is_none(),
        "nothing was put off"
    );
    queue.put_off(Some(Arc::new(1)), 100);
    let taken = queue
        .settle(&clock, || Looker::Patient)
        .turn()
        .expect("the caller's turn");
    assert_eq!(taken.all(), [Arc::new(1)]);
    queue.put_off(Some(Arc::new(2)), 100);
    assert!(
        queue.settle(&clock, || Looker::Patient).turn().is_none(),
        "somebody flushes"
    );
    clock.set(200);
    drop(taken);
    clock.set(500);
    assert_eq!(contents(queue.take(&clock)), Some(vec![2]));
}

#[test]
fn much_is_for_the_thread_and_so_is_what_must_not_wait_for_the_disk() {
    let clock = Hand::default();
    for (batches, looker) in [(300, Looker::Patient), (1, Looker::Hurried)] {
        let queue = FlushQueue::default();
        queue.put_off(Some(Arc::new(1)), 100);
        for _ in 1..batches {
            queue.put_off(None, 100);
        }
        assert!(queue.settle(&clock, || looker).turn().is_none());
        assert_eq!(contents(queue.take(&clock)), Some(vec![1]));
    }
}

#[test]
fn the_turn_waits_for_those_who_were_answered_and_the_thread_is_there_if_they_stay_away() {
    let (queue, clock) = (FlushQueue::default(), Hand::default());
    let put_off = |batches: i32| {
        queue.put_off(Some(Arc::new(1)), 100);
        (1..batches).for_each(|_| queue.put_off(None, 100));
        queue.settle(&clock, || Looker::Patient).turn()
    };
    let taken = put_off(5).expect("nobody was answered before");
    clock.set(200);
    drop(taken);
    clock.set(250);
    assert!(put_off(1).is_none(), "four more may come");
    queue.put_off(None, 100);
    queue.put_off(None, 100);
    queue.put_off(None, 100);
    assert!(queue.settle(&clock, || Looker::Patient).turn().is_none(), "one more");
    queue.put_off(None, 100);
    let taken = queue.settle(&clock, || Looker::Patient).turn().expect("all are there");
    clock.set(400);
    drop(taken);
    assert!(put_off(1).is_none());
    clock.set(600);
    assert_eq!(contents(queue.take(&clock)), Some(vec![1]), "the others took too long");
}

#[test]
fn the_thread_does_not_end_while_somebody_else_flushes() {
    let (queue, clock) = (Arc::new(FlushQueue::default()), Hand::default());
    queue.put_off(Some(Arc::new(1)), 100);
    let taken = queue
        .settle(&clock, || Looker::Patient)
        .turn()
        .expect("the caller's turn");
    let ended = Arc::new(AtomicBool::new(false));
    let thread = {
        let (queue, ended) = (Arc::clone(&queue), Arc::clone(&ended));
        std::thread::spawn(move || {
            let last = contents(queue.take(&Hand::default()));
            assert!(ended.load(Ordering::SeqCst), "it waited");
            last
        })
    };
    queue.close();
    ended.store(true, Ordering::SeqCst);
    drop(taken);
    assert_eq!(thread.join().expect("it waited"), None);
}

#[test]
fn many_partitions_that_come_while_somebody_flushes_are_begun_with_once() {
    let (queue, clock) = (FlushQueue::default(), Hand::default());
    queue.put_off(Some(Arc::new(0)), 100);
    let taken = queue.settle(&clock, || Looker::Patient).turn();
    let begun = |one: i32| -> Vec<i32> {
        queue.put_off(Some(Arc::new(one)), 100);
        match queue.settle(&clock, || Looker::Patient) {
            Due::Begin(begun) => begun.iter().map(|one| **one).collect(),
            Due::Nothing | Due::Flush(_) => Vec::new(),
        }
    };
    assert!([1, 2, 3].map(&begun).concat().is_empty(), "few");
    assert_eq!([begun(4), begun(5)], [vec![1, 2, 3, 4], vec![5]]);
    drop(taken);
    clock.set(10_000);
    assert_eq!(contents(queue.take(&clock)), Some(vec![1, 2, 3, 4, 5]));
}

#[test]
fn a_flush_is_expected_to_be_brief_while_the_last_ones_were() {
    let (queue, clock) = (FlushQueue::default(), Hand::default());
    let mut now = 0;
    let mut flush = |took: u64| {
        queue.put_off(Some(Arc::new(1)), 100);
        let taken = queue.settle(&clock, || Looker::Patient).turn().expect("its turn");
        let was_expected = taken.is_brief();
        now += took;
        clock.set(now);
        drop(taken);
        now += 1_000;
        clock.set(now);
        was_expected
    };
    let expected: Vec<bool> = (0..10).map(|_| flush(200)).collect();
    assert_eq!(
        expected.iter().filter(|brief| **brief).count(),
        2,
        "it takes eight to be sure"
    );
    assert!(flush(40_000), "nobody knew");
    assert!(!flush(200), "a disk that is slow once may be slow again");
    assert!(queue.is_light());
    queue.put_off(Some(Arc::new(1)), 1 << 20);
    drop(queue.take(&clock));
    assert!(!queue.is_light());
}
