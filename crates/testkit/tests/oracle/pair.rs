//! Two brokers asked the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use base::Uuid;
use protocol::{ApiKey, Request};
use testkit::{Cluster, Wire};

use super::known::Known;
use super::tree::{Node, Split, compare};

/// Lists whose order Kafka takes from a hash table: they are compared without it.
const UNORDERED: &[(ApiKey, &[&str])] = &[
    (ApiKey::Metadata, &["topics", "partitions"]),
    (ApiKey::Produce, &["responses", "partition_responses"]),
    (ApiKey::ListOffsets, &["topics", "partitions"]),
    (ApiKey::OffsetForLeaderEpoch, &["topics", "partitions"]),
    (ApiKey::CreateTopics, &["topics", "configs"]),
    (ApiKey::DeleteTopics, &["responses"]),
    (ApiKey::CreatePartitions, &["results"]),
    (ApiKey::DeleteRecords, &["topics", "partitions"]),
    (ApiKey::DescribeConfigs, &["configs"]),
    (ApiKey::AlterConfigs, &["responses"]),
    (ApiKey::IncrementalAlterConfigs, &["responses"]),
    (ApiKey::DescribeLogDirs, &["topics", "partitions"]),
    (ApiKey::DescribeProducers, &["topics", "partitions", "active_producers"]),
    (ApiKey::ListConfigResources, &["config_resources"]),
    (ApiKey::ElectLeaders, &["replica_election_results", "partition_result"]),
    (ApiKey::DescribeClientQuotas, &["entries", "entity", "values"]),
    (ApiKey::AlterClientQuotas, &["entries", "entity"]),
    (
        ApiKey::ApiVersions,
        &["api_keys", "supported_features", "finalized_features"],
    ),
    (ApiKey::UpdateFeatures, &["results"]),
    (ApiKey::OffsetCommit, &["topics", "partitions"]),
    (ApiKey::OffsetFetch, &["groups", "topics", "partitions"]),
    (ApiKey::OffsetDelete, &["topics", "partitions"]),
    (ApiKey::ListGroups, &["groups"]),
    (ApiKey::DescribeGroups, &["groups", "members"]),
    (ApiKey::DeleteGroups, &["results"]),
    (
        ApiKey::AddPartitionsToTxn,
        &[
            "results_by_transaction",
            "results_by_topic_v3_and_below",
            "topic_results",
            "results_by_partition",
        ],
    ),
    (ApiKey::TxnOffsetCommit, &["topics", "partitions"]),
    (ApiKey::ConsumerGroupHeartbeat, &["topic_partitions", "partitions"]),
    (
        ApiKey::ConsumerGroupDescribe,
        &[
            "groups",
            "members",
            "subscribed_topic_names",
            "topic_partitions",
            "partitions",
        ],
    ),
    (ApiKey::WriteTxnMarkers, &["markers", "topics", "partitions"]),
    (
        ApiKey::DescribeTransactions,
        &["transaction_states", "topics", "partitions"],
    ),
    (
        ApiKey::ListTransactions,
        &["transaction_states", "unknown_state_filters"],
    ),
];

/// Fields that are different on every run, by nature.
const MASKED: &[(ApiKey, &[&str])] = &[
    (ApiKey::ApiVersions, &["finalized_features_epoch"]),
    (ApiKey::Fetch, &["session_id"]),
    (ApiKey::Produce, &["log_append_time_ms"]),
    (ApiKey::DescribeLogDirs, &["total_bytes", "usable_bytes"]),
    (ApiKey::JoinGroup, &["member_id", "leader"]),
    (ApiKey::DescribeGroups, &["member_id"]),
    (ApiKey::LeaveGroup, &["member_id"]),
    (ApiKey::DescribeTransactions, &["transaction_start_time_ms"]),
    (
        ApiKey::DescribeQuorum,
        &[
            "leader_epoch",
            "high_watermark",
            "log_end_offset",
            "last_fetch_timestamp",
            "last_caught_up_timestamp",
            "replica_directory_id",
        ],
    ),
];

/// The text of an id that is none.
const NO_ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// How long to wait for an answer that does not come.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a case's request is built from.
pub struct Context<'a> {
    /// The request's version.
    pub version: i16,
    /// 0 for the left broker, 1 for the right one.
    pub side: usize,
    ids: &'a BTreeMap<String, Uuid>,
}

impl Context<'_> {
    /// The id that a topic has on this side; one that nobody has when it never came to be.
    pub fn id(&self, topic: &str) -> Uuid {
        self.ids.get(topic).copied().unwrap_or(Uuid([0xee; 16]))
    }

    /// A name of this version's own.
    pub fn name(&self, base: &str) -> String {
        format!("{base}-v{}", self.version)
    }
}

/// One broker, a connection to it, and what is called differently there.
pub struct Side {
    pub cluster: Box<dyn Cluster>,
    wire: Option<Wire>,
    pub ids: BTreeMap<String, Uuid>,
}

impl Side {
    /// A connection, the same one until the broker closes it.
    pub fn wire(&mut self) -> &mut Wire {
        if self.wire.is_none() {
            let mut wire = Wire::connect(self.cluster.bootstrap()).expect("the broker accepts connections");
            wire.set_timeout(PATIENCE).expect("a socket takes a timeout");
            self.wire = Some(wire);
        }
        self.wire.as_mut().expect("it was made just now")
    }

    pub fn hang_up(&mut self) {
        self.wire = None;
    }

    /// Debug text with this side's names for things replaced by names that both sides share.
    fn rewrite(&self, text: &str) -> String {
        let port = |address: &str| address.rsplit_once(':').expect("HOST:PORT").1.to_owned();
        let directory = self.cluster.data_dir().display().to_string();
        let mut text = text.replace(&directory, "DATA_DIR");
        text = text.replace(&port(self.cluster.bootstrap()), "CLIENT_PORT");
        text = text.replace(&port(self.cluster.controller()), "CONTROLLER_PORT");
        if let Some((before, rest)) = text.split_once("should be within [") {
            let after = rest.split_once(']').map_or(rest, |(_, after)| after);
            text = format!("{before}should be within [BOUNDS]{}", self.rewrite(after));
        }
        for (topic, id) in &self.ids {
            text = text.replace(&id.to_string(), &format!("ID-OF-{topic}"));
        }
        text
    }
}

/// One answer that was not the same.
pub struct Difference {
    pub api: &'static str,
    pub version: i16,
    pub case: String,
    pub path: String,
    pub left: String,
    pub right: String,
}

/// Two brokers, and how they differed so far.
pub struct Pair {
    pub sides: [Side; 2],
    differences: Vec<Difference>,
    compared: BTreeMap<&'static str, usize>,
}

impl Pair {
    pub fn new(clusters: [Box<dyn Cluster>; 2]) -> Pair {
        let sides = clusters.map(|cluster| Side {
            cluster,
            wire: None,
            ids: BTreeMap::new(),
        });
        Pair {
            sides,
            differences: Vec::new(),
            compared: BTreeMap::new(),
        }
    }

    /// Sends a request in every stable version that can carry it, and compares the answers.
    pub fn every_version<R: Request>(&mut self, case: &str, build: impl Fn(&Context<'_>) -> R) {
        let versions = R::KEY.api().versions.expect("an API of this release");
        for version in versions.iter() {
            self.once(version, case, &build);
        }
    }

    /// Sends a request in one version and compares the answers, which are returned; none when this version cannot
    /// carry the request.
    pub fn once<R: Request>(
        &mut self,
        version: i16,
        case: &str,
        build: impl Fn(&Context<'_>) -> R,
    ) -> Option<[R::Response; 2]> {
        let requests = [0, 1].map(|side| {
            build(&Context {
                version,
                side,
                ids: &self.sides[side].ids,
            })
        });
        if requests[0].to_bytes(version).is_err() {
            return None;
        }
        let started = std::time::Instant::now();
        let sent = [0, 1].map(|side| self.sides[side].wire().send(version, &requests[side]));
        let mut sides = self.sides.iter_mut();
        let answers = sent.map(|sent| {
            let side = sides.next().expect("there are two");
            let answer = sent.and_then(|id| side.wire().receive::<R>(version, id));
            if answer.is_err() {
                side.hang_up();
            }
            answer
        });
        if started.elapsed() > Duration::from_secs(1) {
            println!("slow: {} v{version} {case}: {:?}", R::KEY, started.elapsed());
        }
        self.judge::<R>(version, case, &answers);
        let [Ok(left), Ok(right)] = answers else { return None };
        Some([left, right])
    }

    fn judge<R: Request>(&mut self, version: i16, case: &str, answers: &[anyhow::Result<R::Response>; 2]) {
        let trees = [0, 1].map(|side| match &answers[side] {
            Ok(answer) => {
                let mut tree = Node::of(answer, |text| self.sides[side].rewrite(text));
                mask(&mut tree, of(MASKED, R::KEY));
                tree
            }
            Err(error) => Node {
                label: String::new(),
                text: outcome(error),
                children: Vec::new(),
            },
        });
        if std::env::var_os("ORACLE_PRINT").is_some() {
            println!("{} v{version}\t{case}\t{}", R::KEY, trees[0].whole());
            println!("{} v{version}\t{case}\t{}", R::KEY, trees[1].whole());
        }
        let mut splits = Vec::new();
        compare(&trees[0], &trees[1], of(UNORDERED, R::KEY), "", &mut splits);
        self.note(R::KEY.name(), version, case, splits);
    }

    /// Sends the body as it is, and compares what becomes of the connection.
    pub fn raw(&mut self, key: ApiKey, version: i16, case: &str, body: &[u8]) {
        let outcomes = [0, 1].map(|side| self.sides[side].raw(key, version, body));
        let [left, right] = outcomes;
        let splits = if left == right {
            Vec::new()
        } else {
            vec![Split {
                path: "(connection)".to_owned(),
                left,
                right,
            }]
        };
        self.note(key.name(), version, case, splits);
    }

    /// Counts a comparison and keeps what it found.
    pub fn note(&mut self, api: &'static str, version: i16, case: &str, splits: Vec<Split>) {
        *self.compared.entry(api).or_default() += 1;
        for Split { path, left, right } in splits {
            self.differences.push(Difference {
                api,
                version,
                case: case.to_owned(),
                path,
                left,
                right,
            });
        }
    }

    /// Prints every difference, and fails when one is not explained.
    pub fn finish(self, known: &[Known]) {
        let compared: usize = self.compared.values().sum();
        let mut report = String::new();
        let mut unexplained = 0;
        for difference in &self.differences {
            let row = known.iter().find(|row| row.explains(difference));
            unexplained += usize::from(row.is_none());
            let Difference {
                api,
                version,
                case,
                path,
                left,
                right,
            } = difference;
            let mark = if row.is_some() { "known" } else { "NEW" };
            let names = [0, 1].map(|side| self.sides[side].cluster.name());
            writeln!(
                report,
                "{mark}\t{api} v{version}\t{case}\t{path}\t{}: {left}\t{}: {right}",
                names[0], names[1]
            )
            .expect("a string takes text");
        }
        for row in known {
            if !self.differences.iter().any(|difference| row.explains(difference)) {
                writeln!(report, "no longer seen: {}", row.row).expect("a string takes text");
            }
        }
        println!("{report}{compared} answers compared: {:?}", self.compared);
        println!("{} differences, {unexplained} unexplained", self.differences.len());
        assert!(compared > 0, "nothing was compared");
        assert_eq!(
            unexplained, 0,
            "differences that docs/differences.md does not explain:\n{report}"
        );
    }
}

impl Side {
    fn raw(&mut self, key: ApiKey, version: i16, body: &[u8]) -> String {
        self.hang_up();
        let flexible = if version >= key.api().flexible_from {
            testkit::wire::Flexible::Yes
        } else {
            testkit::wire::Flexible::No
        };
        let wire = self.wire();
        let answer = wire
            .send_request(key.code(), version, flexible, body)
            .and_then(|_| wire.receive_frame());
        self.hang_up();
        match answer {
            Ok(frame) => format!("answered {} bytes", frame.len()),
            Err(error) => outcome(&error),
        }
    }
}

/// What became of a request that was not answered properly.
fn outcome(error: &anyhow::Error) -> String {
    let Some(io) = error.downcast_ref::<std::io::Error>() else {
        return format!("undecodable: {error:#}");
    };
    match io.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => "no answer".to_owned(),
        _ => "connection closed".to_owned(),
    }
}

fn of(table: &[(ApiKey, &'static [&'static str])], key: ApiKey) -> &'static [&'static str] {
    table
        .iter()
        .find(|(api, _)| *api == key)
        .map_or(&[], |(_, fields)| fields)
}

/// Hides fields whose values say nothing, and ids of topics that no case settled; what says "none" stays, and
/// so does a time that the script itself gave.
fn mask(node: &mut Node, fields: &[&str]) {
    let chance = node.label == "topic_id" && !node.text.starts_with("ID-OF-") || fields.contains(&node.label.as_str());
    let says_something = ["0", "-1", NO_ID].contains(&node.text.as_str()) || node.text.starts_with("17000000");
    if chance && !says_something {
        "(masked)".clone_into(&mut node.text);
        node.children.clear();
    }
    for child in &mut node.children {
        mask(child, fields);
    }
}
