//! A machine among others, told by hand what they say: what it answers, and what it has written before it does.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use base::{Instant, LeaderEpoch, NodeId, Offset, Rng, Timestamp, Uuid};
use bytes::Bytes;
use protocol::ErrorCode;
use raft::history::QuorumHistory;
use raft::log_shape::LogPosition;
use raft::message::{
    AckWhen, AddVoterRequest, EndQuorumEpochRequest, Fetched, RemoveVoterRequest, UpdateVoterRequest, VoteKind,
    VoteRequest,
};
use raft::voters::{Endpoint, KRaftVersionRange, Voter};
use raft::{
    Answer, Effect, Join, Leadership, LogShape, Now, Participation, QuorumState, Raft, RaftConfig, ReplicaKey, Request,
    RequestId, SendFailure, Ticket, VoterSet,
};
use std::time::Duration;

fn key(id: i32) -> ReplicaKey {
    ReplicaKey {
        id: NodeId(id),
        directory: Some(Uuid([u8::try_from(id).unwrap(); 16])),
    }
}

fn endpoints(id: i32) -> Vec<Endpoint> {
    vec![Endpoint {
        listener: "CONTROLLER".into(),
        host: format!("node{id}"),
        port: 9093,
    }]
}

fn voter(id: i32) -> Voter {
    Voter {
        key: key(id),
        endpoints: endpoints(id),
        kraft_versions: KRaftVersionRange::SUPPORTED,
    }
}

fn at(millis: u64) -> Now {
    Now {
        instant: Instant::from_zero(Duration::from_millis(millis)),
        wall: Timestamp(1_000 + i64::try_from(millis).unwrap()),
    }
}

/// One node and what it wants done.
struct Node {
    raft: Raft,
    out: Vec<Effect>,
    now: u64,
    tickets: u64,
}

impl Node {
    fn start(id: i32, history: QuorumHistory) -> Self {
        let config = RaftConfig {
            own: key(id),
            endpoints: endpoints(id),
            listener: "CONTROLLER".into(),
            bootstrap: Vec::new(),
            participation: Participation::Controller { join: Join::ByOperator },
            election_timeout: Duration::from_secs(1),
            election_backoff_max: Duration::from_secs(1),
            fetch_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(2),
            retry_backoff: Duration::from_millis(20),
            max_batch: 10_000,
        };
        let shape = LogShape::new(Offset(0), Offset(0), Vec::new(), None);
        let mut out = Vec::new();
        let raft = Raft::start(
            config,
            QuorumState::INITIAL,
            shape,
            history,
            Rng::from_seed(1),
            at(0),
            &mut out,
        );
        Self {
            raft: raft.unwrap(),
            out,
            now: 0,
            tickets: 0,
        }
    }

    /// A voter of a quorum whose voters are in the bootstrap snapshot.
    fn dynamic(id: i32, voters: &[i32]) -> Self {
        let mut history = QuorumHistory::new(VoterSet::default());
        history.set_base_kraft_version(Offset::ZERO, 1);
        let voters = VoterSet::new(voters.iter().map(|id| voter(*id)).collect()).unwrap();
        history.set_base_voters(Offset::ZERO, voters);
        Self::start(id, history)
    }

    /// A voter of a quorum whose voters are configured.
    fn configured(id: i32, voters: &[i32]) -> Self {
        let configured = |id: &i32| Voter {
            key: ReplicaKey {
                id: NodeId(*id),
                directory: None,
            },
            ..voter(*id)
        };
        let voters = VoterSet::new(voters.iter().map(configured).collect()).unwrap();
        Self::start(id, QuorumHistory::new(voters))
    }

    /// What it wants done since the last time.
    fn take(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.out)
    }

    fn ask(&mut self, request: Request) -> Vec<Effect> {
        self.tickets += 1;
        self.take();
        self.raft
            .on_request(at(self.now), Ticket(self.tickets), request, &mut self.out);
        self.take()
    }

    fn pass(&mut self, millis: u64) {
        self.now += millis;
        self.raft.on_timeout(at(self.now), &mut self.out);
    }

    /// The requests among what it wants done.
    fn sent(&mut self) -> Vec<(RequestId, i32, Request)> {
        let sent = self.take().into_iter().filter_map(|effect| match effect {
            Effect::Send { id, to, request } => Some((id, to.node?.0, request)),
            _ => None,
        });
        sent.collect()
    }

    fn hear(&mut self, id: RequestId, answer: Answer) {
        self.raft.on_answer(at(self.now), id, answer, &mut self.out);
    }

    /// Everybody asked votes for it, until it leads.
    fn win(&mut self) {
        for _ in 0..100 {
            if self.raft.leading().is_some() {
                return;
            }
            self.pass(50);
            for (id, _, request) in self.sent() {
                if let Request::Vote(request) = request {
                    let leadership = Leadership {
                        epoch: request.epoch,
                        ..Leadership::UNKNOWN
                    };
                    let answer = Answer::Vote {
                        error: ErrorCode::None,
                        leadership,
                        granted: true,
                    };
                    self.hear(id, answer);
                }
            }
        }
        panic!("no vote made it leader");
    }

    /// What was taken is flushed, and these followers have it.
    fn replicate(&mut self, followers: &[i32]) -> Vec<Effect> {
        self.raft.seal(&mut self.out);
        if self.out.contains(&Effect::Flush) {
            self.raft.on_flushed(at(self.now), &mut self.out);
        }
        let end = self.raft.shape().end_position();
        for id in followers {
            let epoch = self.raft.epoch();
            let now = at(self.now);
            self.raft
                .on_fetch(now, Some(key(*id)), epoch, end, &mut self.out)
                .unwrap();
        }
        self.take()
    }
}

fn vote(candidate: i32, epoch: i32, kind: VoteKind) -> VoteRequest {
    VoteRequest {
        candidate: key(candidate),
        epoch: LeaderEpoch(epoch),
        voter: Some(key(2)),
        end: LogPosition {
            epoch: LeaderEpoch(0),
            offset: Offset(0),
        },
        kind,
    }
}

/// What was written, and then the answer, in the order in which it is to be done.
fn outcome(effects: &[Effect]) -> (Option<QuorumState>, ErrorCode, bool) {
    let mut written = None;
    for effect in effects {
        match effect {
            Effect::Persist(state) => written = Some(state.clone()),
            Effect::Answer {
                answer: Answer::Vote { error, granted, .. },
                ..
            } => return (written, *error, *granted),
            _ => {}
        }
    }
    panic!("no answer among {effects:?}");
}

fn answers(effects: &[Effect]) -> Vec<(u64, ErrorCode)> {
    let answered = effects.iter().filter_map(|effect| match effect {
        Effect::Answer {
            ticket,
            answer:
                Answer::AddVoter { error, .. } | Answer::RemoveVoter { error, .. } | Answer::UpdateVoter { error, .. },
        } => Some((ticket.0, *error)),
        _ => None,
    });
    answered.collect()
}

#[test]
fn a_vote_is_written_before_it_is_given_and_given_once() {
    let mut node = Node::dynamic(2, &[1, 2, 3]);
    let (written, error, granted) = outcome(&node.ask(Request::Vote(vote(1, 5, VoteKind::PreVote))));
    assert_eq!((error, granted), (ErrorCode::None, true));
    assert_eq!(written.unwrap().voted, None, "a pre-vote promises nothing");
    let (written, error, granted) = outcome(&node.ask(Request::Vote(vote(1, 5, VoteKind::Vote))));
    assert_eq!((error, granted), (ErrorCode::None, true));
    assert_eq!(written.unwrap().voted, Some(key(1)));
    let (_, error, granted) = outcome(&node.ask(Request::Vote(vote(3, 5, VoteKind::Vote))));
    assert_eq!((error, granted), (ErrorCode::None, false));
    let (written, _, granted) = outcome(&node.ask(Request::Vote(vote(1, 5, VoteKind::Vote))));
    assert_eq!(
        (written, granted),
        (None, true),
        "asked again, it says the same and writes nothing"
    );
    let (written, _, granted) = outcome(&node.ask(Request::Vote(vote(3, 6, VoteKind::Vote))));
    assert_eq!((written.unwrap().voted, granted), (Some(key(3)), true));
}

#[test]
fn votes_that_nobody_may_ask_for_are_refused() {
    let mut node = Node::dynamic(2, &[1, 2, 3]);
    node.ask(Request::Vote(vote(1, 5, VoteKind::Vote)));
    let mut for_another = vote(1, 5, VoteKind::Vote);
    for_another.voter = Some(key(9));
    let mut old_disk = vote(1, 5, VoteKind::Vote);
    old_disk.voter.as_mut().unwrap().directory = key(9).directory;
    let mut from_the_future = vote(1, 6, VoteKind::Vote);
    from_the_future.end.epoch = LeaderEpoch(6);
    let mut negative = vote(1, 6, VoteKind::Vote);
    negative.end.offset = Offset(-1);
    let mut nobody = vote(1, 6, VoteKind::Vote);
    nobody.candidate.id = NodeId(-1);
    for (request, expected) in [
        (for_another, ErrorCode::InvalidVoterKey),
        (old_disk, ErrorCode::InvalidVoterKey),
        (from_the_future, ErrorCode::InvalidRequest),
        (negative, ErrorCode::InvalidRequest),
        (vote(1, 4, VoteKind::Vote), ErrorCode::FencedLeaderEpoch),
        (nobody, ErrorCode::InvalidRequest),
    ] {
        let (_, error, granted) = outcome(&node.ask(Request::Vote(request.clone())));
        assert_eq!((error, granted), (expected, false), "{request:?}");
    }
}

#[test]
fn a_voter_from_before_pre_votes_is_asked_for_its_vote() {
    let mut node = Node::dynamic(1, &[1, 2, 3]);
    node.take();
    node.pass(2_000);
    let asked = node.sent();
    let (id, ..) = asked
        .iter()
        .find(|(_, _, request)| matches!(request, Request::Vote(vote) if vote.kind == VoteKind::PreVote))
        .unwrap();
    node.raft
        .on_failed(at(node.now), *id, SendFailure::UnsupportedVersion, &mut node.out);
    let votes = node.take();
    let stands = votes
        .iter()
        .any(|effect| matches!(effect, Effect::Persist(state) if state.voted == Some(key(1))));
    assert!(stands && node.raft.epoch() == LeaderEpoch(1), "{votes:?}");
}

#[test]
fn the_first_successor_of_a_leader_that_leaves_stands_at_once() {
    for (successors, stands_at_once) in [([2, 3], true), ([3, 2], false)] {
        let mut node = Node::dynamic(2, &[1, 2, 3]);
        let effects = node.ask(Request::EndQuorumEpoch(EndQuorumEpochRequest {
            leader: NodeId(1),
            epoch: LeaderEpoch(4),
            successors: successors.map(key).to_vec(),
            endpoints: endpoints(1),
        }));
        let asks = effects.iter().any(|effect| {
            let Effect::Send { request, .. } = effect else {
                return false;
            };
            matches!(request, Request::Vote(vote) if vote.kind == VoteKind::PreVote)
        });
        assert_eq!(asks, stands_at_once, "{successors:?}");
    }
}

/// A voter that has fetched from the leader of epoch 1, which is node 2, at 0 ms.
fn follower_of_2() -> Node {
    let mut node = Node::dynamic(1, &[1, 2, 3]);
    let begin = Request::BeginQuorumEpoch(raft::message::BeginQuorumEpochRequest {
        leader: NodeId(2),
        epoch: LeaderEpoch(1),
        endpoints: endpoints(2),
        voter: Some(key(1)),
    });
    let effects = node.ask(begin);
    node.out = effects;
    let (id, ..) = node.sent().pop().unwrap();
    let fetched = Fetched::Records {
        bytes: Bytes::new(),
        high_watermark: None,
    };
    node.hear(
        id,
        Answer::Fetch {
            error: ErrorCode::None,
            leadership: leadership(2),
            fetched,
        },
    );
    node.take();
    node
}

fn leadership(leader: i32) -> Leadership {
    Leadership {
        leader: Some(NodeId(leader)),
        epoch: LeaderEpoch(1),
        endpoints: endpoints(leader),
    }
}

fn pre_vote_of_3(node: &mut Node) -> bool {
    let request = VoteRequest {
        end: node.raft.shape().end_position(),
        ..vote(3, 1, VoteKind::PreVote)
    };
    outcome(&node.ask(Request::Vote(VoteRequest {
        voter: Some(key(1)),
        ..request
    })))
    .2
}

#[test]
fn a_silent_leader_is_given_up_and_who_refuses_is_asked_again() {
    let mut node = follower_of_2();
    let patience = Duration::from_millis(500);
    assert!(!pre_vote_of_3(&mut node), "it hears its leader");
    node.pass(499);
    node.raft
        .on_leader_silent(at(node.now), LeaderEpoch(1), patience, &mut node.out);
    node.raft
        .on_leader_silent(at(node.now + 1), LeaderEpoch(2), patience, &mut node.out);
    assert!(
        node.sent().is_empty(),
        "it was heard less than 500 ms ago; it leads another epoch"
    );
    node.pass(1);
    node.raft
        .on_leader_silent(at(node.now), LeaderEpoch(1), patience, &mut node.out);
    let asked = |node: &mut Node| {
        let sent = node.sent();
        node.take();
        let votes = sent
            .into_iter()
            .filter(|(.., request)| matches!(request, Request::Vote(_)));
        votes.map(|(id, to, _)| (id, to)).collect::<Vec<_>>()
    };
    let sent = asked(&mut node);
    assert_eq!(sent.iter().map(|(_, to)| *to).collect::<Vec<_>>(), [2, 3]);
    assert!(pre_vote_of_3(&mut node), "it does not hear its leader");
    let refused = || Answer::Vote {
        error: ErrorCode::None,
        leadership: leadership(2),
        granted: false,
    };
    node.hear(sent[1].0, refused());
    assert!(asked(&mut node).is_empty(), "one of two refused: the other may grant");
    // Who refused may have lost the leader meanwhile.
    node.pass(100);
    let again = asked(&mut node);
    assert_eq!(again.iter().map(|(_, to)| *to).collect::<Vec<_>>(), [3]);
    // The leader lives: two of three refuse.
    node.hear(again[0].0, refused());
    node.hear(sent[0].0, refused());
    assert_eq!(node.raft.leadership().leader, Some(NodeId(2)));
    assert_eq!(node.raft.epoch(), LeaderEpoch(1), "nobody was disturbed");
}

#[test]
fn a_follower_says_what_it_has_only_when_that_is_flushed() {
    let mut leader = Node::dynamic(1, &[1, 2, 3]);
    leader.win();
    let batches: Vec<u8> = leader
        .replicate(&[])
        .iter()
        .flat_map(|effect| match effect {
            Effect::Append(sealed) => {
                let mut bytes = sealed.batch.header_at(sealed.base, sealed.epoch).to_vec();
                bytes.extend_from_slice(sealed.batch.body());
                bytes
            }
            _ => Vec::new(),
        })
        .collect();
    let leadership = leader.raft.leadership();
    let mut follower = Node::dynamic(2, &[1, 2, 3]);
    let begin = Request::BeginQuorumEpoch(raft::message::BeginQuorumEpochRequest {
        leader: NodeId(1),
        epoch: leadership.epoch,
        endpoints: leadership.endpoints.clone(),
        voter: Some(key(2)),
    });
    follower.raft.on_request(at(0), Ticket(1), begin, &mut follower.out);
    let (id, ..) = follower
        .sent()
        .into_iter()
        .rfind(|(_, to, request)| *to == 1 && matches!(request, Request::Fetch(_)))
        .unwrap();
    let fetched = Fetched::Records {
        bytes: Bytes::from(batches),
        high_watermark: Some(Offset(3)),
    };
    follower.hear(
        id,
        Answer::Fetch {
            error: ErrorCode::None,
            leadership,
            fetched,
        },
    );
    let effects = follower.take();
    assert!(
        matches!(effects[..], [Effect::AppendFetched { .. }, Effect::Flush]),
        "{effects:?}"
    );
    follower.raft.on_flushed(at(1), &mut follower.out);
    let effects = follower.take();
    assert!(
        matches!(
            &effects[..],
            [Effect::HighWatermark(Offset(3)), Effect::Send { request: Request::Fetch(fetch), .. }]
                if fetch.position.offset == Offset(3) && fetch.high_watermark == Some(Offset(3))
        ),
        "{effects:?}"
    );
}

/// A leader of voters 1, 2 and 3, to which node 4 is an observer that has everything.
fn leader_with_observer() -> Node {
    let mut leader = Node::dynamic(1, &[1, 2, 3]);
    leader.win();
    leader.replicate(&[2, 3]);
    leader.replicate(&[4]);
    leader
}

fn add(ack: AckWhen) -> Request {
    Request::AddVoter(AddVoterRequest {
        voter: key(4),
        endpoints: endpoints(4),
        ack,
    })
}

fn supports(kraft_versions: Option<KRaftVersionRange>) -> Answer {
    Answer::ApiVersions {
        error: ErrorCode::None,
        kraft_versions,
    }
}

fn asked_for_versions(effects: &[Effect]) -> RequestId {
    let mut asked = effects.iter().filter_map(|effect| match effect {
        Effect::Send {
            id,
            request: Request::ApiVersions,
            ..
        } => Some(*id),
        _ => None,
    });
    asked.next().unwrap()
}

#[test]
fn a_new_voter_is_acknowledged_when_it_is_in_the_log_or_when_that_is_committed() {
    for ack in [AckWhen::Appended, AckWhen::Committed] {
        let mut leader = leader_with_observer();
        let ticket = leader.tickets + 1;
        let id = asked_for_versions(&leader.ask(add(ack)));
        leader.hear(id, supports(Some(KRaftVersionRange::SUPPORTED)));
        let early = answers(&leader.take());
        assert_eq!(
            leader.raft.history().voters().len(),
            4,
            "in force as soon as it is in the log"
        );
        let late = answers(&leader.replicate(&[2, 3]));
        let done = vec![(ticket, ErrorCode::None)];
        match ack {
            AckWhen::Appended => assert_eq!((early, late), (done, Vec::new())),
            AckWhen::Committed => assert_eq!((early, late), (Vec::new(), done)),
        }
    }
}

#[test]
fn voters_are_changed_one_at_a_time_and_only_to_such_as_can_follow() {
    let mut leader = leader_with_observer();
    let id = asked_for_versions(&leader.ask(add(AckWhen::Committed)));
    let remove = Request::RemoveVoter(RemoveVoterRequest { voter: key(3) });
    let refused = answers(&leader.ask(remove.clone()));
    assert_eq!(
        refused,
        [(2, ErrorCode::RequestTimedOut)],
        "the other change is under way"
    );
    leader.hear(id, supports(Some(KRaftVersionRange { min: 0, max: 0 })));
    assert_eq!(answers(&leader.take()), [(1, ErrorCode::InvalidRequest)]);

    assert_eq!(answers(&leader.ask(remove.clone())), []);
    leader.pass(2_000);
    assert_eq!(answers(&leader.take()), [(4 - 1, ErrorCode::RequestTimedOut)]);
    let refused = answers(&leader.ask(add(AckWhen::Committed)));
    assert_eq!(
        refused,
        [(4, ErrorCode::RequestTimedOut)],
        "given up, but in the log and not committed"
    );
    leader.replicate(&[2]);
    let unknown = Request::RemoveVoter(RemoveVoterRequest {
        voter: ReplicaKey {
            directory: key(9).directory,
            ..key(2)
        },
    });
    assert_eq!(answers(&leader.ask(unknown)), [(5, ErrorCode::VoterNotFound)]);
    assert_eq!(leader.raft.history().voters().len(), 2);
}

#[test]
fn a_change_under_way_is_answered_when_its_leader_loses_office() {
    let mut leader = leader_with_observer();
    leader.ask(Request::RemoveVoter(RemoveVoterRequest { voter: key(3) }));
    let effects = leader.ask(Request::Vote(VoteRequest {
        voter: Some(key(1)),
        ..vote(2, 9, VoteKind::Vote)
    }));
    assert_eq!(answers(&effects), [(1, ErrorCode::NotLeaderOrFollower)]);
    assert_eq!(
        leader.raft.history().voters().len(),
        3,
        "what never reached the log is not in force"
    );
}

#[test]
fn a_static_quorum_becomes_dynamic_once_its_voters_said_who_they_are() {
    let mut leader = Node::configured(1, &[1, 2, 3]);
    leader.win();
    leader.replicate(&[2, 3]);
    let update = |id: i32, epoch| {
        Request::UpdateVoter(UpdateVoterRequest {
            epoch,
            voter: key(id),
            endpoints: endpoints(id),
            kraft_versions: KRaftVersionRange::SUPPORTED,
        })
    };
    let epoch = leader.raft.epoch();
    assert!(leader.raft.check_kraft_version(1).is_err());
    assert_eq!(answers(&leader.ask(update(2, epoch))), [(1, ErrorCode::None)]);
    assert!(leader.raft.check_kraft_version(1).is_err(), "voter 3 has said nothing");
    assert_eq!(answers(&leader.ask(update(7, epoch))), [(2, ErrorCode::VoterNotFound)]);
    assert_eq!(
        answers(&leader.ask(update(3, LeaderEpoch(0)))),
        [(3, ErrorCode::FencedLeaderEpoch)]
    );
    assert_eq!(answers(&leader.ask(update(3, epoch))), [(4, ErrorCode::None)]);
    assert_eq!(leader.raft.check_kraft_version(1), Ok(()));
    leader.raft.upgrade_kraft_version(at(leader.now), 1);
    let history = leader.raft.history();
    assert_eq!(history.kraft_version(), 1);
    for id in 1..=3 {
        assert_eq!(history.voters().get(NodeId(id)), Some(&voter(id)));
    }
}
