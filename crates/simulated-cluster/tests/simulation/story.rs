//! One history: a cluster begins, clients work while the nodes suffer, and when all is well again what was promised must be there.

use crate::checks;
use crate::history::History;
use crate::nemesis::{Nemesis, Power};
use crate::processes::Lived;
use crate::progress::Progress;
use crate::settled;
use crate::workload::operator::{self, Wish};
use crate::workload::{
    ATOMIC, PARTITIONS, PLAIN, Stage, TRANSACTORS, Work, committer, group, producer, reader, transactor,
};
use base::Rng;
use client::admin::{IsolationLevel, NewTopic, Placement, create_topics};
use client::consume::group::GroupProtocol;
use simulated_cluster::{Cluster, Life, Pace};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// How long a cluster may take until it serves, in milliseconds.
const PATIENCE: u64 = 60_000;
/// How long clients work.
const WORK: u64 = 25_000;
/// How long a cluster that is well may take until every replica is in sync and every client has read everything. Dates jump by two
/// minutes, and by them goes when a transaction is given up that another coordinator has begun.
const RECOVERY: u64 = 400_000;

/// How long it may take until clients are served again, when something befell one node.
const ENDURANCE: u64 = 45_000;

/// A panic anywhere ends the history: in a task of a node it would only be noted there.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// What one history is made of.
struct Story {
    cluster: Cluster,
    history: History,
    nemesis: Nemesis,
    stage: watch::Sender<Stage>,
    wish: watch::Sender<Wish>,
}

/// Notices panics, and shows the nodes' log if that is asked for.
pub fn watch() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICKED.store(true, Ordering::Relaxed);
        told(panic);
    }));
    if let Ok(filter) = std::env::var("RIVERRUN_SIM_LOG") {
        let logs = tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::new(filter));
        logs.with_writer(std::io::stderr).without_time().init();
    }
}

/// The settings of every node.
fn settings(durability: &str, roll_ms: u64) -> Vec<String> {
    let settings = [
        ("min.insync.replicas", "2"),
        ("default.replication.factor", "3"),
        ("auto.create.topics.enable", "false"),
        ("offsets.topic.num.partitions", "2"),
        ("offsets.topic.replication.factor", "3"),
        ("transaction.state.log.num.partitions", "2"),
        ("transaction.state.log.replication.factor", "3"),
        ("transaction.state.log.min.isr", "2"),
        ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000"),
        ("group.initial.rebalance.delay.ms", "0"),
        ("replica.lag.time.max.ms", "3000"),
        ("broker.session.timeout.ms", "3000"),
        ("broker.heartbeat.interval.ms", "500"),
        ("metadata.log.max.snapshot.interval.ms", "15000"),
        ("log.flush.offset.checkpoint.interval.ms", "1000"),
        ("log.segment.delete.delay.ms", "1000"),
        ("replica.high.watermark.checkpoint.interval.ms", "1000"),
        ("riverrun.durability", durability),
    ];
    let mut settings: Vec<String> = settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
    settings.push(format!("log.roll.ms={roll_ms}"));
    settings
}

/// Lives the history of `seed`.
///
/// # Panics
/// If something that was promised was not kept.
pub fn live(seed: u64) -> Lived {
    let mut rng = Rng::from_seed(seed);
    let (durability, power) = if rng.below(3) > 0 {
        ("flush", Power::MayFail)
    } else {
        ("os", Power::Lasts)
    };
    let roll_ms = [1_000_000, 2500, 300][usize::try_from(rng.below(3)).unwrap()];
    let wire = Pace {
        least: 1,
        most: 1 + rng.below(4),
    };
    let mut cluster = Cluster::new(3, settings(durability, roll_ms), Rng::from_seed(rng.next_u64()), wire);
    for node in 0..cluster.nodes() {
        cluster.start(node);
    }
    let (stage, stages) = watch::channel(Stage::All);
    let (wish, wishes) = watch::channel(Wish::Moves);
    let history = History::begin();
    let mut story = Story {
        nemesis: Nemesis::new(Rng::from_seed(rng.next_u64()), power, u64::MAX),
        cluster,
        history: history.clone(),
        stage,
        wish,
    };
    let work = Work {
        bootstrap: story.cluster.bootstrap(),
        history,
        stage: stages,
        wish: wishes,
    };
    story.topics(&work);
    story.clients(&work, &mut rng);
    story.suffer();
    story.endure();
    story.recover(&work);
    story.end()
}

impl Story {
    fn tick(&mut self) {
        self.cluster.tick();
        self.history.lock().now = self.cluster.now();
        checks::always(&self.cluster, &self.history);
        let told = self.history.lock();
        assert!(told.wrong.is_empty(), "at {}: {:#?}", told.now, told.wrong);
        assert!(!PANICKED.load(Ordering::Relaxed), "a task panicked at {}", told.now);
        for node in 0..self.cluster.nodes() {
            if let Some(why) = self.cluster.complaint(node)
                && !self.nemesis.explains_end_of(node)
            {
                panic!("at {}: node {node} ended: {why}", told.now);
            }
        }
    }

    /// Goes on until something is so.
    fn until(&mut self, what: &str, patience: u64, is_so: impl Fn(&Self) -> bool) {
        let limit = self.cluster.now() + patience;
        while !is_so(self) {
            if self.cluster.now() >= limit {
                panic!(
                    "not within {patience} ms: {what}\n{}",
                    settled::picture(&self.cluster, &self.history)
                );
            }
            self.tick();
        }
        self.history.note(format_args!("{what}"));
    }

    fn topics(&mut self, work: &Work) {
        let serving = |story: &Self| (0..story.cluster.nodes()).all(|node| story.cluster.life(node) == Life::Serving);
        self.until("all nodes serve", PATIENCE, serving);
        let done = Arc::new(AtomicBool::new(false));
        let (work, told) = (work.clone(), Arc::clone(&done));
        self.cluster.spawn(async move {
            let cluster = work.cluster("admin");
            let new = |name: &str| NewTopic {
                name: name.to_owned(),
                placement: Placement::Counts {
                    partitions: Some(PARTITIONS),
                    replication_factor: Some(3),
                },
                configs: Vec::new(),
            };
            for (name, created) in create_topics(&cluster, &[new(PLAIN), new(ATOMIC)]).await.unwrap() {
                work.history.note(format_args!("{name}: {created:?}"));
            }
            told.store(true, Ordering::Relaxed);
        });
        self.until("there are topics", PATIENCE, |_| done.load(Ordering::Relaxed));
    }

    fn clients(&mut self, work: &Work, rng: &mut Rng) {
        let mut draw = || Rng::from_seed(rng.next_u64());
        let protocol = if draw().below(2) == 0 {
            GroupProtocol::Classic
        } else {
            GroupProtocol::Consumer
        };
        for who in ["p1", "p2"] {
            self.cluster.spawn(producer::run(work.clone(), who, draw()));
        }
        for who in TRANSACTORS {
            self.cluster.spawn(transactor::run(work.clone(), who, draw()));
        }
        for who in ["g1", "g2"] {
            self.cluster.spawn(group::run(work.clone(), who, protocol, draw()));
        }
        self.cluster.spawn(committer::run(work.clone(), "commits", draw()));
        self.cluster.spawn(operator::run(work.clone(), "operator", draw()));
        for (who, topic, isolation) in [
            ("r1", PLAIN, IsolationLevel::ReadUncommitted),
            ("r2", ATOMIC, IsolationLevel::ReadUncommitted),
            ("r3", ATOMIC, IsolationLevel::ReadCommitted),
        ] {
            self.cluster.spawn(reader::run(work.clone(), who, topic, isolation));
        }
    }

    fn suffer(&mut self) {
        let begun = self.cluster.now();
        self.nemesis.begin_at(begun + 1000);
        while self.cluster.now() < begun + WORK {
            self.nemesis.act(&mut self.cluster, &self.history);
            self.tick();
        }
    }

    /// Two of three go on, whatever befalls the third.
    fn endure(&mut self) {
        self.rest();
        self.wish.send_replace(Wish::Order);
        self.until("all replicas are in sync", RECOVERY, |story| {
            settled::are_in_sync(&story.cluster)
        });
        let before = Progress::of(&self.history);
        self.nemesis.one_trouble(&mut self.cluster, &self.history);
        self.until("the others go on", ENDURANCE, |story| before.goes_on(&story.history));
    }

    fn rest(&mut self) {
        self.nemesis.rest(&mut self.cluster, &self.history);
        for node in 0..self.cluster.nodes() {
            if matches!(self.cluster.life(node), Life::Off | Life::Ended) {
                self.cluster.start(node);
            }
        }
    }

    fn recover(&mut self, work: &Work) {
        self.rest();
        self.stage.send_replace(Stage::Reading);
        self.until("all replicas are equal", RECOVERY, |story| {
            settled::are_equal(&story.cluster)
        });
        self.until("everything was read", RECOVERY, |story| {
            settled::is_all_read(&story.history)
        });
        let found = Arc::new(AtomicBool::new(false));
        self.cluster.spawn(settled::look(work.clone(), Arc::clone(&found)));
        self.until("the commits are there", RECOVERY, |_| found.load(Ordering::Relaxed));
        self.stage.send_replace(Stage::Nothing);
        let begun = self.cluster.now();
        while self.cluster.now() < begun + 500 {
            self.tick();
        }
    }

    fn end(self) -> Lived {
        settled::check(&self.cluster, &self.history);
        let told = self.history.lock();
        assert!(told.wrong.is_empty(), "{:#?}", told.wrong);
        let committed = told
            .transactions
            .iter()
            .filter(|one| one.end == crate::history::End::Committed);
        Lived {
            trace: told.trace.finish(),
            acknowledged: u64::try_from(told.acknowledged.len()).unwrap(),
            committed: u64::try_from(committed.count()).unwrap(),
            faults: self.nemesis.faults,
            polled: told.polled,
        }
    }
}

/// A little time, for a client that asks again.
pub async fn a_little() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}
