//! Groups of every stock client while members join, leave, die and come back: each partition has one owner at a time, no
//! record is skipped, and none is read again that was committed.
//!
//! With `RIVERRUN_STORIES_OF=kafka` in the environment the broker is Apache Kafka, which proves the test. Words of
//! `RIVERRUN_CHURN` choose among the members, such as `java-range librdkafka-consumer`.

mod churn {
    pub mod history;
    pub mod members;
    pub mod story;
}

use churn::members::{Client, Protocol};
use std::sync::Mutex;
use testkit::Settings;

/// How many groups churn at the same time: they mostly wait for one another and for sessions to expire.
const AT_ONCE: usize = 4;

/// A session of six seconds for the groups whose sessions are the broker's to say.
fn settings() -> Settings {
    Settings::default()
        .with("group.consumer.min.session.timeout.ms", 6_000)
        .with("group.consumer.session.timeout.ms", 6_000)
        .with("group.consumer.min.heartbeat.interval.ms", 500)
        .with("group.consumer.heartbeat.interval.ms", 500)
}

/// Several groups at once on one broker: nothing of one group is another's business.
fn churn(protocol: Protocol) {
    let broker = testkit::chosen::start(&settings()).expect("the broker starts");
    let chosen = std::env::var("RIVERRUN_CHURN").unwrap_or_default();
    let is_chosen = |client: &Client| chosen.is_empty() || chosen.split(' ').any(|name| name == client.name);
    let clients = Client::ALL.iter().filter(|client| client.protocol == protocol);
    let waiting = Mutex::new(clients.filter(|client| is_chosen(client)));
    let bootstrap = broker.bootstrap();
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(client) = waiting.lock().expect("nobody panics with it").next() else {
                        return;
                    };
                    let started = std::time::Instant::now();
                    match churn::story::tell(client, bootstrap) {
                        Ok(()) => println!("PASS {} ({:.1} s)", client.name, started.elapsed().as_secs_f64()),
                        Err(error) => failures
                            .lock()
                            .expect("nobody panics with it")
                            .push(format!("{}: {error:#}", client.name)),
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("nobody panicked with it");
    assert!(
        failures.is_empty(),
        "{}\n\nthe broker wrote:\n{}",
        failures.join("\n\n"),
        broker.log_tail()
    );
}

#[test]
fn classic_groups_of_every_stock_client_churn() {
    churn(Protocol::Classic);
}

#[test]
fn consumer_groups_of_every_stock_client_churn() {
    churn(Protocol::Consumer);
}
