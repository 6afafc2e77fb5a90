//! Clients of the nodes that are left: they ask who leads, produce and fetch there, and ask for a new topic, until all of it
//! is served.

use anyhow::{Context, Result, ensure};
use protocol::Records;
use protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use protocol::messages::fetch_request::{FetchRequest, FetchTopic};
use protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use testkit::Talk;
use testkit::talk::{batch_of, fetch_partition, records};

/// Partitions asked for together.
const TOGETHER: usize = 200;
/// Connections to each node.
const CONNECTIONS: usize = 4;
/// Between two questions who leads, and after a refusal.
const PAUSE: Duration = Duration::from_millis(10);
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(30);

/// How long one attempt to create a topic may take: the next one goes to the other node.
const ATTEMPT: Duration = Duration::from_secs(2);

/// When everything was served again, since the fault.
pub struct Found {
    pub produced: Vec<Duration>,
    pub fetched: Vec<Duration>,
    pub created: Duration,
}

/// What the threads share.
struct Probe<'a> {
    topic: &'a str,
    began: Instant,
    deadline: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Partitions that nobody is known to lead, and those that are asked for now by somebody.
    unled: BTreeSet<i32>,
    /// Partitions to ask for, by node.
    ready: BTreeMap<i32, VecDeque<i32>>,
    produced: BTreeMap<i32, Duration>,
    fetched: BTreeMap<i32, Duration>,
}

/// Waits until the survivors serve all of these partitions, and create a topic.
pub fn until_served(
    survivors: &[(i32, String)],
    topic: &str,
    affected: &[i32],
    began: Instant,
    patience: Duration,
) -> Result<Found> {
    let probe = Probe {
        topic,
        began,
        deadline: began + patience,
        state: Mutex::new(State {
            unled: affected.iter().copied().collect(),
            ..State::default()
        }),
    };
    let created = thread::scope(|scope| {
        let creator = scope.spawn(|| probe.create(survivors));
        for (node, address) in survivors {
            for _ in 0..CONNECTIONS {
                scope.spawn(|| probe.work(*node, address, affected.len()));
            }
        }
        let led = probe.look(survivors, affected.len());
        let created = creator.join().expect("it does not panic");
        led.and(created)
    })?;
    let state = probe.state.into_inner().expect("no thread panicked");
    ensure!(
        state.fetched.len() == affected.len(),
        "{} of {} partitions are served",
        state.fetched.len(),
        affected.len()
    );
    Ok(Found {
        produced: state.produced.into_values().collect(),
        fetched: state.fetched.into_values().collect(),
        created,
    })
}

impl Probe<'_> {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no thread panicked")
    }

    /// Whether there is nothing more to do, or no time.
    fn is_over(&self, wanted: usize) -> bool {
        Instant::now() > self.deadline || self.state().fetched.len() == wanted
    }

    /// Asks the survivors by turns who leads, and hands what is led to those who ask there.
    fn look(&self, survivors: &[(i32, String)], wanted: usize) -> Result<()> {
        let request = MetadataRequest {
            topics: Some(vec![MetadataRequestTopic {
                name: Some(self.topic.to_owned()),
                ..Default::default()
            }]),
            ..Default::default()
        };
        let alive: BTreeSet<i32> = survivors.iter().map(|(id, _)| *id).collect();
        let mut talks = survivors
            .iter()
            .map(|(_, address)| talk(address))
            .collect::<Result<Vec<_>>>()?;
        let mut turn = 0;
        while !self.is_over(wanted) {
            thread::sleep(PAUSE);
            if self.state().unled.is_empty() {
                continue;
            }
            turn = (turn + 1) % talks.len();
            let answer = talks[turn].ask(&request, 12)?;
            let partitions = answer.topics.into_iter().flat_map(|topic| topic.partitions);
            let mut state = self.state();
            for partition in partitions.filter(|partition| alive.contains(&partition.leader_id)) {
                if state.unled.remove(&partition.partition_index) {
                    let ready = state.ready.entry(partition.leader_id).or_default();
                    ready.push_back(partition.partition_index);
                }
            }
        }
        Ok(())
    }

    /// Produces to and fetches from what a node leads. A node that is busy answers late: that is what is measured.
    fn work(&self, node: i32, address: &str, wanted: usize) {
        let mut connection = None;
        while !self.is_over(wanted) {
            let chunk: Vec<i32> = {
                let mut state = self.state();
                let ready = state.ready.entry(node).or_default();
                let count = ready.len().min(TOGETHER);
                ready.drain(..count).collect()
            };
            if chunk.is_empty() {
                thread::sleep(Duration::from_millis(2));
                continue;
            }
            let refused = match self.serve(&mut connection, address, &chunk) {
                Ok(refused) => refused,
                Err(_) => {
                    connection = None;
                    let state = self.state();
                    chunk
                        .into_iter()
                        .filter(|each| !state.fetched.contains_key(each))
                        .collect()
                }
            };
            if !refused.is_empty() {
                thread::sleep(PAUSE);
                self.state().unled.extend(refused);
            }
        }
    }

    /// One record to each partition, and back; answers which were refused.
    fn serve(&self, connection: &mut Option<Talk>, address: &str, partitions: &[i32]) -> Result<Vec<i32>> {
        let talk = match connection {
            Some(talk) => talk,
            None => connection.insert(talk(address)?),
        };
        let answer = talk.ask(&produce(self.topic, partitions), 9)?;
        let produced = self.began.elapsed();
        let mut written = BTreeMap::new();
        for partition in answer.responses.into_iter().flat_map(|topic| topic.partition_responses) {
            if partition.error_code == 0 {
                written.insert(partition.index, partition.base_offset);
                self.state().produced.entry(partition.index).or_insert(produced);
            }
        }
        while let Some(fetched) = self.fetch(talk, &written)? {
            let at = self.began.elapsed();
            for partition in fetched {
                written.remove(&partition);
                self.state().fetched.entry(partition).or_insert(at);
            }
        }
        let state = self.state();
        Ok(partitions
            .iter()
            .copied()
            .filter(|each| !state.fetched.contains_key(each))
            .collect())
    }

    /// Which of the records just written are handed out; none when all were or no time is left.
    fn fetch(&self, talk: &mut Talk, written: &BTreeMap<i32, i64>) -> Result<Option<Vec<i32>>> {
        if written.is_empty() || Instant::now() > self.deadline {
            return Ok(None);
        }
        let partitions = written
            .iter()
            .map(|(partition, offset)| fetch_partition(*partition, *offset));
        let request = FetchRequest {
            max_wait_ms: 50,
            min_bytes: 1,
            max_bytes: 50 << 20,
            session_epoch: -1,
            topics: vec![FetchTopic {
                topic: self.topic.to_owned(),
                partitions: partitions.collect(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let answer = talk.ask(&request, 12)?;
        let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
        let found: Vec<i32> = partitions
            .filter(|partition| partition.error_code == 0 && !records(partition).is_empty())
            .map(|partition| partition.partition_index)
            .collect();
        let refused = answer.responses.iter().flat_map(|topic| &topic.partitions);
        let refused = refused.filter(|partition| partition.error_code != 0).count();
        ensure!(refused == 0, "{refused} fetches refused");
        Ok(Some(found))
    }

    /// Asks for a new topic until there is one.
    fn create(&self, survivors: &[(i32, String)]) -> Result<Duration> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let topic = CreatableTopic {
            name: format!("new-{}", NUMBER.fetch_add(1, Ordering::Relaxed)),
            num_partitions: 1,
            replication_factor: 2,
            ..Default::default()
        };
        let request = CreateTopicsRequest {
            topics: vec![topic],
            timeout_ms: 1_000,
            ..Default::default()
        };
        let mut last = String::new();
        for (_, address) in survivors.iter().cycle() {
            if Instant::now() > self.deadline {
                break;
            }
            let asked = talk(address).and_then(|mut talk| {
                talk.wire().set_timeout(ATTEMPT)?;
                Ok(talk.ask(&request, 7)?.topics)
            });
            match asked.map(|topics| topics.first().map(|topic| topic.error_code)) {
                // 36: the answer to an earlier request was lost.
                Ok(Some(0 | 36)) => return Ok(self.began.elapsed()),
                other => last = format!("{other:?}"),
            }
            thread::sleep(PAUSE);
        }
        Err(anyhow::anyhow!("{last}")).context("no topic can be created")
    }
}

fn talk(address: &str) -> Result<Talk> {
    let mut talk = Talk::at(address)?;
    talk.wire().set_timeout(ANSWER)?;
    Ok(talk)
}

fn produce(topic: &str, partitions: &[i32]) -> ProduceRequest {
    let partition_data = partitions.iter().map(|index| PartitionProduceData {
        index: *index,
        records: Some(Records::Bytes(batch_of(100).encode().into())),
    });
    ProduceRequest {
        acks: -1,
        timeout_ms: 20_000,
        topic_data: vec![TopicProduceData {
            name: topic.to_owned(),
            partition_data: partition_data.collect(),
            ..Default::default()
        }],
        ..Default::default()
    }
}
