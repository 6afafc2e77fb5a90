//! One run: a cluster, clients, faults for a while, healing, and the verdict.

use anyhow::{Context, Result, ensure};
use protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use std::path::Path;
use std::time::{Duration, Instant};
use testkit::{Maker, Talk};

use super::checker::{self, Forwards, Summary};
use super::clients::{Care, Client, FORWARDERS, Forwarding, Work, complaints};
use super::fault::{self, Rounds};
use super::nemesis::Nemesis;
use super::own_client::OwnClient;
use super::patient::Patient;
use super::{history, replicas};

const PLAIN: &str = "plain";
const PLAIN_PARTITIONS: i32 = 6;
const MOVED: &str = "moved";
const MOVED_PARTITIONS: i32 = 3;
/// With as many partitions as the plain topic.
const FORWARDED: &str = "forwarded";
const FORWARDS: Forwards<'static> = Forwards {
    from: PLAIN,
    to: FORWARDED,
    group: FORWARDERS,
};
/// How long the cluster may take to be whole once everything is healed.
const RECOVERY: Duration = Duration::from_secs(120);
/// How long clients may take to have everything settled then: longer than anything they wait for.
const SETTLING: Duration = Duration::from_secs(180);

/// How long all of them may take to begin: two Java programs and an interpreter on a busy machine.
const START: Duration = Duration::from_secs(120);

/// What is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub maker: Maker,
    pub course: Course,
    pub nodes: i32,
    pub time: Duration,
    pub seed: u64,
    pub forwarding: Forwarding,
}

/// What happens to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Whatever can, and producers care for their records.
    Anything,
    /// Leaders are cut off from their followers, and producers do not care.
    Careless,
    /// Every node is handed over to the other maker, and back.
    Swaps,
}

impl Course {
    fn care(self) -> Care {
        match self {
            Course::Anything | Course::Swaps => Care::Full,
            Course::Careless => Care::Little,
        }
    }
}

/// What a run found: nothing, if all is as it should be.
pub struct Verdict {
    pub findings: Vec<String>,
    pub summary: Summary,
}

/// Runs; an error is something that kept the run from being judged.
pub fn run(options: &Options) -> Result<Verdict> {
    let mut patient = Patient::start(options.maker, options.nodes)?;
    let work = Work {
        bootstrap: patient.nodes.bootstrap(),
        plain: PLAIN,
        plain_partitions: PLAIN_PARTITIONS,
        moved: MOVED,
        moved_partitions: MOVED_PARTITIONS,
        forwarded: FORWARDED,
        forwarding: options.forwarding,
        seed: options.seed >> 1,
        pause: Duration::from_millis(8),
        care: options.course.care(),
        history: patient.dir.path().join("history"),
    };
    std::fs::File::create(&work.history)?;
    create_topics(&patient)?;
    // A leader that does not know yet that it leads may take a new producer's second batch for its first, as Kafka's may.
    patient.recover(RECOVERY)?;
    let outcome = suffer(&mut patient, &work, options);
    let kept = keep(
        &patient,
        &work.history,
        outcome.as_ref().is_ok_and(|verdict| verdict.findings.is_empty()),
    );
    outcome.with_context(|| format!("{kept}{}{}", complaints(&work.history), patient.nodes.log_tails()))
}

fn suffer(patient: &mut Patient, work: &Work, options: &Options) -> Result<Verdict> {
    let mut clients = [work.java()?, work.librdkafka()?];
    let own = OwnClient::start(work)?;
    wait_for_work(&work.history)?;
    let mut nemesis = Nemesis::over(patient, PLAIN, options.seed);
    match options.course {
        Course::Anything => {
            let rounds = Rounds::new(options.seed, options.nodes, PLAIN_PARTITIONS);
            nemesis.rage(rounds, options.time)?;
        }
        Course::Careless => nemesis.rage(fault::leaders_cut_off(PLAIN_PARTITIONS), options.time)?,
        Course::Swaps => nemesis.rage(fault::swaps(options.nodes), options.time)?,
    }
    let mut findings = std::mem::take(&mut nemesis.findings);
    if let Err(error) = patient.recover(RECOVERY) {
        findings.push(format!("{error:#}"));
    }
    own.stop_producing();
    end(&mut clients, &mut findings);
    own.finish()?;
    work.read_everything()?;
    for node in patient.nodes.iter_mut() {
        testkit::Cluster::kill9(node)?;
    }
    findings.extend(replicas::differences(&patient.data_dirs())?);
    let (found, summary) = checker::judge(&history::read(&work.history)?, Some(FORWARDS));
    findings.extend(found.iter().map(ToString::to_string));
    Ok(Verdict { findings, summary })
}

/// A client that cannot end its work on a healed cluster is a finding.
fn end(clients: &mut [Client], findings: &mut Vec<String>) {
    for client in &mut *clients {
        if let Err(error) = client.stop_producing() {
            findings.push(format!("{error:#}"));
        }
    }
    for client in clients {
        if let Err(error) = client.finish(SETTLING) {
            findings.push(format!("{error:#}"));
        }
    }
}

fn create_topics(patient: &Patient) -> Result<()> {
    let mut talk = Talk::at(patient.nodes.node(1).client_address())?;
    let topics = [
        (PLAIN, PLAIN_PARTITIONS),
        (MOVED, MOVED_PARTITIONS),
        (FORWARDED, PLAIN_PARTITIONS),
    ];
    let request = CreateTopicsRequest {
        topics: topics.map(|(name, count)| topic(name, count)).to_vec(),
        timeout_ms: 30_000,
        ..Default::default()
    };
    for answer in talk.ask(&request, 7)?.topics {
        ensure!(answer.error_code == 0, "{answer:?}");
    }
    Ok(())
}

fn topic(name: &str, partitions: i32) -> CreatableTopic {
    CreatableTopic {
        name: name.to_owned(),
        num_partitions: partitions,
        replication_factor: 3,
        ..Default::default()
    }
}

/// Faults begin once every producer has had a record acknowledged and every kind of consumer has read one.
fn wait_for_work(file: &Path) -> Result<()> {
    let enough = |summary: &Summary| {
        let readers = ["java-reader", "java-committed", "librdkafka-reader", "own-reader"];
        summary.acknowledged.len() >= 6
            && summary.transactions > 0
            && summary.commits > 1
            && readers.iter().all(|who| summary.polled.contains_key(*who))
    };
    let deadline = Instant::now() + START;
    loop {
        // Half a line may be there.
        let events = history::read(file).unwrap_or_default();
        if enough(&checker::judge(&events, None).1) {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "not every client works after {START:?}: {}",
            complaints(file)
        );
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Where the history and the nodes' logs are kept for whoever looks into a finding.
fn keep(patient: &Patient, file: &Path, fine: bool) -> String {
    let Some(folder) = std::env::var_os("CHAOS_KEEP").filter(|_| !fine) else {
        return String::new();
    };
    let folder = Path::new(&folder);
    let copied = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::copy(file, folder.join("history")))
        .and_then(|_| {
            for node in patient.nodes.iter() {
                std::fs::copy(node.output(), folder.join(format!("node-{}.output", node.id())))?;
            }
            for name in ["java", "librdkafka", "reader"] {
                let complaints = format!("{name}.complaints");
                std::fs::copy(file.with_file_name(&complaints), folder.join(&complaints))?;
            }
            // The logs say which producer, epoch and sequence each record came with.
            for (id, from) in patient.data_dirs() {
                let to = folder.join(format!("node-{id}.data"));
                std::process::Command::new("cp").arg("-r").arg(from).arg(to).status()?;
            }
            Ok(())
        });
    match copied {
        Ok(()) => format!("kept in {}\n", folder.display()),
        Err(error) => format!("cannot keep anything in {}: {error}\n", folder.display()),
    }
}
