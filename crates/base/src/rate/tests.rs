use super::*;

fn at(millis: u64) -> Instant {
    Instant::from_zero(Duration::from_millis(millis))
}

fn eleven_seconds() -> Rate {
    Rate::new(Windows::new(11, Duration::from_secs(1)))
}

fn millis_over(rate: &mut Rate, limit: f64, now: u64) -> u128 {
    rate.excess(limit, at(now)).as_millis()
}

/// The numbers are those of `ClientQuotaManagerTest.testQuotaViolation`, of Kafka.
#[test]
fn a_spike_is_waited_off() {
    let mut rate = eleven_seconds();
    let mut now = 0;
    for _ in 0..10 {
        rate.count(400.0, at(now));
        assert_eq!(millis_over(&mut rate, 500.0, now), 0);
        now += 1_000;
    }
    // Half a second later 2,300 more: 600 a second over ten and a half instead of 500.
    now += 500;
    rate.count(2_300.0, at(now));
    assert_eq!(millis_over(&mut rate, 500.0, now), 2_100);
    now += 2_100;
    for _ in 0..10 {
        rate.count(400.0, at(now));
        rate.excess(500.0, at(now));
        now += 1_000;
    }
    rate.count(0.0, at(now));
    assert_eq!(millis_over(&mut rate, 500.0, now), 0, "the spike is forgotten");
}

#[test]
fn what_a_limit_allows_for_all_samples_but_the_last_may_come_at_once() {
    let mut rate = eleven_seconds();
    rate.count(10_000.0, at(5));
    assert_eq!(millis_over(&mut rate, 1_000.0, 5), 0);
    rate.count(1.0, at(5));
    assert_eq!(millis_over(&mut rate, 1_000.0, 5), 1);
    rate.count(9_999.0, at(5));
    assert_eq!(millis_over(&mut rate, 1_000.0, 5), 10_000);
    // Full samples that are missing are thought of as there, so that time alone counts only beyond them; then all is forgotten.
    assert_eq!(millis_over(&mut rate, 1_000.0, 6_005), 10_000);
    assert_eq!(millis_over(&mut rate, 1_000.0, 10_505), 9_500);
    assert_eq!(millis_over(&mut rate, 1_000.0, 11_005), 0);
}

#[test]
fn what_is_taken_back_was_never_there() {
    let mut rate = eleven_seconds();
    rate.count(50_000.0, at(0));
    assert!(rate.excess(1_000.0, at(0)) > Duration::ZERO);
    rate.count(-50_000.0, at(0));
    assert_eq!(rate.excess(1_000.0, at(0)), Duration::ZERO);
    assert!(rate.per_second(at(0)).abs() < f64::EPSILON);
}

#[test]
fn no_more_samples_are_kept_than_are_measured() {
    let mut rate = Rate::new(Windows::new(2, Duration::from_millis(10)));
    for now in 0..996 {
        rate.count(1.0, at(now));
    }
    assert_eq!(rate.samples.len(), 3);
    // The oldest sample overlaps what is measured: 26 were counted in these 25 milliseconds.
    assert!((rate.per_second(at(995)) - 1_040.0).abs() < 1e-9);
    assert!(!rate.is_forgotten(at(1_014)) && rate.is_forgotten(at(1_015)));
    assert_eq!(rate.last(), at(995));
}

#[test]
fn one_sample_is_a_window_too() {
    let mut rate = Rate::new(Windows::new(1, Duration::from_secs(1)));
    rate.count(10.0, at(0));
    let (limit, told) = (1.0, u128::from(i32::MAX.unsigned_abs()));
    assert!(millis_over(&mut rate, limit, 0) <= told);
    assert_eq!(Rate::new(Windows::new(0, Duration::ZERO)).per_second(at(0)), 0.0);
}

#[test]
fn the_mean_is_of_what_was_counted_of_late() {
    let mut waits = Rate::new(Windows::new(2, Duration::from_secs(30)));
    assert_eq!(waits.mean(at(0)), None);
    waits.count(100.0, at(0));
    waits.count(300.0, at(1_000));
    assert_eq!(waits.mean(at(1_000)), Some(200.0));
    assert_eq!(waits.mean(at(61_000)), None);
}
