use super::*;
use crate::accumulator::Cut;
use crate::config::{Join, Participation};
use crate::contents::{Contents, LogBatch};
use crate::control::ControlRecord;
use crate::effect::SealedBatch;
use crate::fetch::{FetchAnswer, FetchRefusal};
use crate::log_shape::LogPosition;
use crate::voters::{Endpoint, KRaftVersionRange, Voter};
use crate::voters::{VoterSet, parse_static};
use base::Timestamp;
use base::{NodeId, Uuid};
use records::BatchView;
use std::time::Duration;

const DIRECTORY: Uuid = Uuid([9; 16]);

fn config() -> RaftConfig {
    RaftConfig {
        own: ReplicaKey {
            id: NodeId(1),
            directory: Some(DIRECTORY),
        },
        endpoints: vec![Endpoint {
            listener: "CONTROLLER".into(),
            host: "localhost".into(),
            port: 9093,
        }],
        listener: "CONTROLLER".into(),
        bootstrap: Vec::new(),
        participation: Participation::Controller { join: Join::ByOperator },
        election_timeout: Duration::from_secs(1),
        election_backoff_max: Duration::from_secs(1),
        fetch_timeout: Duration::from_secs(2),
        request_timeout: Duration::from_secs(2),
        retry_backoff: Duration::from_millis(20),
        max_batch: 10_000,
    }
}

fn now() -> Now {
    Now {
        instant: Instant::ZERO,
        wall: Timestamp(1_000),
    }
}

fn empty_log() -> LogShape {
    LogShape::new(Offset(0), Offset(0), Vec::new(), None)
}

fn static_quorum(voters: &str) -> QuorumHistory {
    QuorumHistory::new(parse_static(voters, "CONTROLLER").unwrap())
}

fn dynamic_quorum(port: u16) -> QuorumHistory {
    let voter = Voter {
        key: config().own,
        endpoints: vec![Endpoint {
            listener: "CONTROLLER".into(),
            host: "localhost".into(),
            port,
        }],
        kraft_versions: KRaftVersionRange::SUPPORTED,
    };
    let mut history = QuorumHistory::new(VoterSet::default());
    history.set_base_kraft_version(Offset::ZERO, 1);
    history.set_base_voters(Offset::ZERO, VoterSet::new(vec![voter]).unwrap());
    history
}

fn start(persisted: QuorumState, shape: LogShape, history: QuorumHistory) -> (Result<Raft, StartError>, Vec<Effect>) {
    let mut out = Vec::new();
    let raft = Raft::start(config(), persisted, shape, history, Rng::from_seed(1), now(), &mut out);
    (raft, out)
}

fn state(epoch: i32, leader: Option<i32>) -> QuorumState {
    QuorumState {
        epoch: LeaderEpoch(epoch),
        leader: leader.map(NodeId),
        voted: None,
    }
}

/// What a batch says, in a line.
fn show(sealed: &SealedBatch) -> String {
    let bytes = sealed.batch.to_bytes();
    let (view, _) = BatchView::split(&bytes).unwrap();
    let contents = match LogBatch::read(&view).unwrap().contents {
        Contents::Data(values) => values
            .iter()
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
            .collect(),
        Contents::Control(records) => records
            .into_iter()
            .map(|(_, record)| match record {
                ControlRecord::LeaderChange { leader, .. } => format!("leader {leader}"),
                ControlRecord::KRaftVersion(level) => format!("kraft.version {level}"),
                ControlRecord::Voters(voters) => format!("{} voter", voters.len()),
                other => format!("{other:?}"),
            })
            .collect::<Vec<_>>(),
    };
    format!(
        "append {}..{} epoch {}: {}",
        sealed.base,
        sealed.end(),
        sealed.epoch,
        contents.join(", ")
    )
}

fn lines(effects: &[Effect]) -> Vec<String> {
    let line = |effect: &Effect| match effect {
        Effect::Persist(QuorumState {
            epoch,
            leader: Some(leader),
            ..
        }) => format!("persist {epoch} led by {leader}"),
        Effect::Persist(QuorumState { epoch, voted, .. }) => {
            format!("persist {epoch} vote {}", voted.map_or(NodeId::NONE, |voted| voted.id))
        }
        Effect::Append(sealed) => show(sealed),
        Effect::Flush => "flush".to_owned(),
        Effect::Leading { epoch, start } => format!("leading {epoch} from {start}"),
        Effect::Deposed => "deposed".to_owned(),
        Effect::HighWatermark(offset) => format!("high watermark {offset}"),
        other => format!("{other:?}"),
    };
    effects.iter().map(line).collect()
}

#[test]
fn a_lone_voter_elects_itself_and_commits_what_it_flushed() {
    let (raft, mut out) = start(QuorumState::INITIAL, empty_log(), static_quorum("1@localhost:9093"));
    let mut raft = raft.unwrap();
    raft.append(now(), &["topic".into(), "partition".into()], Cut::Never)
        .unwrap();
    raft.seal(&mut out);
    raft.on_flushed(now(), &mut out);
    assert_eq!(
        lines(&out),
        [
            "persist 1 vote 1",
            "persist 1 led by 1",
            "leading 1 from 0",
            "append 0..1 epoch 1: leader 1",
            "append 1..3 epoch 1: topic, partition",
            "flush",
            "high watermark 3",
        ]
    );
    assert_eq!((raft.leading(), raft.shape().end()), (Some(LeaderEpoch(1)), Offset(3)));
    out.clear();
    raft.seal(&mut out);
    assert_eq!(out, [], "nothing to write is not flushed");
}

#[test]
fn voters_of_the_bootstrap_snapshot_and_moved_endpoints_are_written_once() {
    let (raft, mut out) = start(QuorumState::INITIAL, empty_log(), dynamic_quorum(9093));
    let mut raft = raft.unwrap();
    raft.seal(&mut out);
    assert_eq!(
        lines(&out)[3..],
        ["append 0..3 epoch 1: leader 1, kraft.version 1, 1 voter", "flush"]
    );
    assert!(raft.history().voters_are_replicated());

    let shape = raft.shape().clone();
    let (again, mut out) = start(state(1, Some(1)), shape.clone(), raft.history().clone());
    again.unwrap().seal(&mut out);
    assert_eq!(lines(&out)[3..], ["append 3..4 epoch 2: leader 1", "flush"]);

    let mut moved = dynamic_quorum(1234);
    moved.forget_before(Offset(3));
    let (again, mut out) = start(state(1, Some(1)), shape, moved);
    let again = again.map(|mut raft| raft.seal(&mut out));
    assert_eq!(again, Ok(()));
    assert_eq!(
        lines(&out)[3..],
        ["append 3..6 epoch 2: leader 1, kraft.version 1, 1 voter", "flush"]
    );
}

#[test]
fn every_start_is_a_new_epoch_above_everything_known() {
    let mut shape = empty_log();
    shape.grow(LeaderEpoch(7), Offset(5));
    for (persisted, expected) in [
        (QuorumState::INITIAL, 8),
        (state(7, Some(1)), 8),
        (state(9, None), 10),
        (state(9, Some(2)), 10),
        (
            QuorumState {
                voted: Some(config().own),
                ..state(12, None)
            },
            13,
        ),
    ] {
        let (raft, out) = start(persisted.clone(), shape.clone(), static_quorum("1@a:1"));
        assert_eq!(raft.unwrap().epoch(), LeaderEpoch(expected), "{persisted:?}");
        assert_eq!(
            lines(&out)[0],
            format!("persist {expected} vote 1"),
            "persisted before anything else"
        );
    }
}

#[test]
fn a_quorum_without_voters_or_anyone_to_ask_is_refused() {
    let nobody = start(
        QuorumState::INITIAL,
        empty_log(),
        QuorumHistory::new(VoterSet::default()),
    )
    .0;
    assert_eq!(nobody.err(), Some(StartError::NoVoters));
}

#[test]
fn who_resigned_takes_no_records() {
    let (raft, mut out) = start(QuorumState::INITIAL, empty_log(), static_quorum("1@a:1"));
    let mut raft = raft.unwrap();
    raft.seal(&mut out);
    out.clear();
    raft.append(now(), &["late".into()], Cut::Never).unwrap();
    raft.resign(now(), &mut out);
    raft.resign(now(), &mut out);
    raft.seal(&mut out);
    assert_eq!(lines(&out), ["deposed"]);
    assert_eq!(
        raft.append(now(), &["later".into()], Cut::Never),
        Err(AppendError::NotLeader)
    );
    assert_eq!(
        (raft.leading(), raft.next_deadline(), raft.describe(now())),
        (None, None, None)
    );
}

#[test]
fn observers_fetch_and_are_described() {
    let (raft, mut out) = start(QuorumState::INITIAL, empty_log(), static_quorum("1@a:1"));
    let mut raft = raft.unwrap();
    raft.append(now(), &["a".into(), "b".into()], Cut::Never).unwrap();
    raft.seal(&mut out);
    raft.on_flushed(now(), &mut out);
    let observer = ReplicaKey {
        id: NodeId(5),
        directory: None,
    };
    let mut fetch = |epoch, last, offset| {
        let position = LogPosition {
            epoch: LeaderEpoch(last),
            offset: Offset(offset),
        };
        raft.on_fetch(now(), Some(observer), LeaderEpoch(epoch), position, &mut Vec::new())
    };
    let records = FetchAnswer::Records {
        high_watermark: Offset(3),
    };
    let current = LeaderEpoch(1);
    assert_eq!(fetch(1, 0, 0), Ok(records));
    assert_eq!(fetch(-1, 1, 3), Ok(records));
    assert_eq!(fetch(0, 0, 0), Err(FetchRefusal::FencedEpoch { epoch: current }));
    assert_eq!(fetch(2, 0, 0), Err(FetchRefusal::UnknownEpoch { epoch: current }));
    assert_eq!(fetch(1, 2, 1), Err(FetchRefusal::Invalid));
    assert_eq!(fetch(1, 1, -1), Err(FetchRefusal::Invalid));
    let end = LogPosition {
        epoch: current,
        offset: Offset(3),
    };
    assert_eq!(fetch(1, 1, 4), Ok(FetchAnswer::Diverging(end)));
    let described = raft.describe(now()).unwrap();
    assert_eq!((described.leader, described.high_watermark), (NodeId(1), Offset(3)));
    assert_eq!((described.voters.len(), described.voters[0].end), (1, Offset(3)));
    assert_eq!(
        (described.observers[0].key, described.observers[0].end),
        (observer, Offset(3))
    );
    assert_eq!(described.observers[0].last_caught_up, now().wall);
}

#[test]
fn raising_the_kraft_version_makes_the_voters_records() {
    let (raft, mut out) = start(QuorumState::INITIAL, empty_log(), static_quorum("1@a:1"));
    let mut raft = raft.unwrap();
    raft.append(now(), &["before".into()], Cut::Never).unwrap();
    raft.upgrade_kraft_version(now(), 1);
    raft.upgrade_kraft_version(now(), 1);
    raft.append(now(), &["after".into()], Cut::Never).unwrap();
    raft.seal(&mut out);
    assert_eq!(
        lines(&out)[3..],
        [
            "append 0..1 epoch 1: leader 1",
            "append 1..2 epoch 1: before",
            "append 2..4 epoch 1: kraft.version 1, 1 voter",
            "append 4..5 epoch 1: after",
            "flush"
        ]
    );
    assert_eq!(raft.history().voters().get(NodeId(1)).unwrap().key, config().own);
    assert_eq!(raft.history().kraft_version(), 1);
}
