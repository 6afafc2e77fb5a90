//! Many members that join, leave and die under a coordinator that loses its log's tail and is replaced: each partition
//! is owned once in every generation, and no acknowledged offset is lost.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod host;

use base::Rng;
use group_coordinator::op::join_group::JoinGroup;
use group_coordinator::{Answer, GroupSettings, Lost, Token};
use host::{Host, LogMood, join};
use protocol::ErrorCode;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const CLIENTS: usize = 6;
const PARTITIONS: i32 = 5;
const STEPS: usize = 2_000;

/// A consumer as far as the coordinator sees it.
#[derive(Clone, Debug, Default)]
enum Client {
    #[default]
    Out,
    Joining {
        id: String,
        token: Token,
    },
    Joined {
        id: String,
        generation: i32,
        members: Option<Vec<String>>,
    },
    Syncing {
        id: String,
        generation: i32,
        token: Token,
    },
    In {
        id: String,
        generation: i32,
        owns: Vec<i32>,
    },
}

struct World {
    host: Host,
    rng: Rng,
    clients: Vec<Client>,
    /// Static names, for some.
    names: Vec<Option<String>>,
    /// Who was told to own a partition in a generation.
    owners: BTreeMap<(i32, i32), BTreeSet<usize>>,
    /// Commits that are on their way: by whom, partition and offset.
    commits: BTreeMap<Token, (i32, i64)>,
    /// The greatest offset that was acknowledged.
    acknowledged: BTreeMap<i32, i64>,
    /// The greatest offset that anybody asked to commit.
    asked: BTreeMap<i32, i64>,
    context: String,
}

impl World {
    fn new(seed: u64) -> Self {
        let settings = GroupSettings {
            initial_rebalance_delay: Duration::from_millis(100),
            // A group that expires begins again at generation 1, which this test takes for the same one.
            offsets_retention_check_interval: Duration::from_secs(1_000_000),
            ..GroupSettings::default()
        };
        let names = (0..CLIENTS).map(|client| (client % 3 == 0).then(|| format!("static-{client}")));
        Self {
            host: Host::new(settings),
            rng: Rng::from_seed(seed),
            clients: vec![Client::Out; CLIENTS],
            names: names.collect(),
            owners: BTreeMap::new(),
            commits: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            asked: BTreeMap::new(),
            context: String::new(),
        }
    }

    fn step(&mut self) {
        match self.rng.below(100) {
            0 => self.host.mood = LogMood::Holds,
            1 => self.host.mood = LogMood::Fails(Lost::Replicas),
            2..10 => {
                self.host.mood = LogMood::Commits;
                self.host.commit();
            }
            10 => self.fail_over(),
            11 => {
                // A client dies: it is not heard of again, under this id.
                let client = self.any();
                self.clients[client] = Client::Out;
            }
            12..24 => self.host.advance(Duration::from_millis(self.rng.below(2_000))),
            _ => {
                let client = self.any();
                self.act(client);
            }
        }
        self.take_acknowledgements();
    }

    fn any(&mut self) -> usize {
        usize::try_from(self.rng.below(CLIENTS as u64)).unwrap()
    }

    /// The coordinator dies; clients that wait for it ask anew, those who are in go on.
    fn fail_over(&mut self) {
        let settings = GroupSettings::default();
        let host = std::mem::replace(&mut self.host, Host::new(settings));
        self.host = host.fail_over();
        self.commits.clear();
        for client in &mut self.clients {
            if matches!(client, Client::Joining { .. } | Client::Syncing { .. }) {
                *client = Client::Out;
            }
        }
        for (partition, offset) in &self.acknowledged {
            let found = self.host.committed_offset(*partition);
            let context = &self.context;
            assert!(
                found >= Some(*offset),
                "{context}: {offset} was acknowledged for {partition}, found {found:?}"
            );
        }
    }

    fn join_again(&mut self, client: usize, id: &str) -> Client {
        let instance_id = self.names[client].as_deref().map(std::sync::Arc::from);
        let token = self.host.join(JoinGroup {
            instance_id,
            ..join(id)
        });
        Client::Joining {
            id: id.to_owned(),
            token,
        }
    }

    fn act(&mut self, client: usize) {
        let before = self.clients[client].clone();
        self.clients[client] = match before {
            Client::Out => self.join_again(client, ""),
            Client::Joining { id, token } => self.look_at_join(client, id, token),
            Client::Joined {
                id,
                generation,
                members,
            } => self.sync(id, generation, members),
            Client::Syncing { id, generation, token } => self.look_at_sync(client, id, generation, token),
            Client::In { id, generation, owns } => self.work(client, id, generation, owns),
        };
    }

    fn look_at_join(&mut self, client: usize, id: String, token: Token) -> Client {
        let response = match self.host.answer(token) {
            None => return Client::Joining { id, token },
            Some(Answer::Join(response)) => response,
            Some(Answer::Refused(_)) => return Client::Out,
            other => panic!("{}: a join got {other:?}", self.context),
        };
        match ErrorCode::from(response.error_code) {
            ErrorCode::None => {
                let leads = response.leader == response.member_id;
                let members = response.members.into_iter().map(|member| member.member_id).collect();
                let members = (leads && !response.skip_assignment).then_some(members);
                Client::Joined {
                    id: response.member_id,
                    generation: response.generation_id,
                    members,
                }
            }
            ErrorCode::MemberIdRequired => self.join_again(client, &response.member_id),
            _ => Client::Out,
        }
    }

    fn sync(&mut self, id: String, generation: i32, members: Option<Vec<String>>) -> Client {
        let members = members.unwrap_or_default();
        let part = |at: usize| {
            let mine = (0..PARTITIONS).filter(|partition| *partition as usize % members.len() == at);
            mine.map(|partition| partition.to_string())
                .collect::<Vec<_>>()
                .join(",")
        };
        let parts: Vec<(String, String)> = members
            .iter()
            .enumerate()
            .map(|(at, member)| (member.clone(), part(at)))
            .collect();
        let parts: Vec<(&str, &str)> = parts
            .iter()
            .map(|(member, part)| (member.as_str(), part.as_str()))
            .collect();
        let token = self.host.sync(&id, generation, &parts);
        Client::Syncing { id, generation, token }
    }

    fn look_at_sync(&mut self, client: usize, id: String, generation: i32, token: Token) -> Client {
        let response = match self.host.answer(token) {
            None => return Client::Syncing { id, generation, token },
            Some(Answer::Sync(response)) => response,
            Some(Answer::Refused(_)) => return Client::Out,
            other => panic!("{}: a sync got {other:?}", self.context),
        };
        match ErrorCode::from(response.error_code) {
            ErrorCode::None => {
                let text = String::from_utf8(response.assignment.to_vec()).unwrap();
                let owns: Vec<i32> = text
                    .split(',')
                    .filter(|part| !part.is_empty())
                    .map(|part| part.parse().unwrap())
                    .collect();
                for partition in &owns {
                    let owners = self.owners.entry((generation, *partition)).or_default();
                    owners.insert(client);
                    assert_eq!(
                        owners.len(),
                        1,
                        "{}: partition {partition} in {generation}: {owners:?}",
                        self.context
                    );
                }
                Client::In { id, generation, owns }
            }
            ErrorCode::RebalanceInProgress => self.join_again(client, &id),
            _ => Client::Out,
        }
    }

    fn work(&mut self, client: usize, id: String, generation: i32, owns: Vec<i32>) -> Client {
        for partition in &owns {
            let offset = self.asked.entry(*partition).or_insert(0);
            *offset += 1;
            let token = self.host.commit_offset(&id, generation, *partition, *offset);
            self.commits.insert(token, (*partition, *offset));
        }
        if self.host.mood != LogMood::Commits {
            return Client::In { id, generation, owns };
        }
        if self.rng.below(12) == 0 {
            self.host.leave(&[(&id, None)]);
            return Client::Out;
        }
        let name = self.names[client].clone();
        match self.host.heartbeat(&id, name.as_deref(), generation) {
            ErrorCode::None => Client::In { id, generation, owns },
            ErrorCode::RebalanceInProgress => self.join_again(client, &id),
            ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration | ErrorCode::FencedInstanceId => Client::Out,
            other => panic!("{}: a heartbeat got {other:?}", self.context),
        }
    }

    fn take_acknowledgements(&mut self) {
        let waiting: Vec<Token> = self.commits.keys().copied().collect();
        for token in waiting {
            let Some(answer) = self.host.answer(token) else {
                continue;
            };
            let (partition, offset) = self.commits.remove(&token).unwrap();
            let Answer::OffsetCommit(response) = answer else {
                continue;
            };
            if response.topics[0].partitions[0].error_code == 0 {
                let known = self.acknowledged.entry(partition).or_insert(0);
                *known = offset.max(*known);
            }
        }
    }
}

#[test]
fn each_partition_is_owned_once_and_no_acknowledged_offset_is_lost() {
    let mut generations = 0;
    let mut acknowledged = 0;
    for seed in 0..60 {
        let mut world = World::new(seed);
        for step in 0..STEPS {
            world.context = format!("seed {seed} step {step}");
            world.step();
        }
        world.fail_over();
        generations += world
            .owners
            .keys()
            .map(|(generation, _)| generation)
            .collect::<BTreeSet<_>>()
            .len();
        acknowledged += world.acknowledged.values().sum::<i64>();
    }
    // The test is worth nothing if hardly anything happens in it.
    assert!(
        generations > 300 && acknowledged > 1_000,
        "{generations} generations, {acknowledged} commits"
    );
}
