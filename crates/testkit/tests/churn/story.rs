//! What a group of one client goes through, while records are appended all the time.

use anyhow::{Context, Result, bail, ensure};
use protocol::messages::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use testkit::Talk;
use testkit::batch::{Batch, Record};
use testkit::talk::now_ms;

use super::history::History;
use super::members::{Client, Members, Protocol, Static};

const PARTITIONS: i32 = 6;
/// How long one step may take: a session of six seconds and a rebalance, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The static member's `group.instance.id`.
const INSTANCE: &str = "instance";

/// A group in the making.
struct Group<'a> {
    client: &'a Client,
    bootstrap: &'a str,
    name: String,
    topic: String,
    talk: Talk,
    ends: BTreeMap<i32, i64>,
    history: History,
    dir: tempfile::TempDir,
}

/// Tells the whole story; an error is what went wrong, with the group's last words.
pub fn tell(client: &Client, bootstrap: &str) -> Result<()> {
    let dir = tempfile::TempDir::with_prefix("riverrun-churn-")?;
    let topic = format!("churn-{}", client.name);
    let mut talk = Talk::at(bootstrap)?;
    talk.create_topic(&topic, PARTITIONS, &[])?;
    let mut group = Group {
        client,
        bootstrap,
        name: format!("{topic}-members"),
        topic,
        talk,
        ends: (0..PARTITIONS).map(|number| (number, 0)).collect(),
        history: History::new(&dir.path().join("history"), PARTITIONS)?,
        dir,
    };
    let told = churn(&mut group);
    told.with_context(|| {
        let complaints = testkit::process::tail(&group.dir.path().join("history.complaints"));
        format!("the members' history:\n{}\n{complaints}", group.history.told())
    })
}

fn churn(group: &mut Group<'_>) -> Result<()> {
    let mut stayers = group.start()?;
    stayers.join("a")?;
    group.settle(&["a"], &mut [&mut stayers])?;
    stayers.join("b")?;
    group.settle(&["a", "b"], &mut [&mut stayers])?;
    let mut mortals = group.start()?;
    if group.client.static_member != Static::Never {
        mortals = static_member(group, &mut stayers, mortals)?;
    }
    mortals.join("m")?;
    group.settle(&["a", "b", "m"], &mut [&mut stayers, &mut mortals])?;
    for name in mortals.kill9()? {
        group.history.killed(&name)?;
    }
    group.settle(&["a", "b"], &mut [&mut stayers])?;
    stayers.leave("a")?;
    group.settle(&["b"], &mut [&mut stayers])?;
    stayers.leave("b")?;
    group.until("b has left", |history| history.is_gone("b"))
}

/// A static member comes, goes, is replaced without anybody noticing, and is removed by its instance's name.
fn static_member(group: &mut Group<'_>, stayers: &mut Members, mut mortals: Members) -> Result<Members> {
    mortals.join_as("s", INSTANCE)?;
    group.settle(&["a", "b", "s"], &mut [stayers, &mut mortals])?;
    let part = group.history.owned("s");
    let changes = group.history.changes(&["a", "b"]);
    if group.client.static_member == Static::Killed {
        for name in mortals.kill9()? {
            group.history.killed(&name)?;
        }
        mortals = group.start()?;
    } else {
        mortals.leave("s")?;
        group.until("the static member closes", |history| history.is_gone("s"))?;
    }
    mortals.join_as("t", INSTANCE)?;
    group.settle(&["a", "b", "t"], &mut [stayers, &mut mortals])?;
    ensure!(
        group.history.owned("t") == part && group.history.changes(&["a", "b"]) == changes,
        "the static member came back to {:?} instead of {part:?}, or the others' parts changed",
        group.history.owned("t")
    );
    mortals.leave("t")?;
    group.until("the static member closes", |history| history.is_gone("t"))?;
    group.remove_instance()?;
    group.settle(&["a", "b"], &mut [stayers])?;
    Ok(mortals)
}

impl Group<'_> {
    fn start(&self) -> Result<Members> {
        let history = self.dir.path().join("history");
        self.client.start(self.bootstrap, &self.name, &self.topic, &history)
    }

    /// Waits until the members share the partitions, and have read and committed everything. Members of the consumer
    /// protocol move one by one: what looks shared may be on the way to what is.
    fn settle(&mut self, names: &[&str], processes: &mut [&mut Members]) -> Result<()> {
        let rounds = match self.client.protocol {
            Protocol::Classic => 1,
            Protocol::Consumer => PARTITIONS,
        };
        for _ in 0..rounds {
            if self.share(names, processes)? {
                return Ok(());
            }
        }
        bail!("the group moves while nobody comes or goes")
    }

    /// Waits until the members share the partitions, and then until they have read and committed everything; answers
    /// whether they still do.
    fn share(&mut self, names: &[&str], processes: &mut [&mut Members]) -> Result<bool> {
        let mut check = || processes.iter_mut().try_for_each(|members| members.check());
        self.poll(&format!("{names:?} share the partitions"), |group| {
            check()?;
            // While nothing is settled something arrives all the time.
            group.append()?;
            Ok(group.history.is_shared_by(names))
        })?;
        self.append()?;
        self.poll(&format!("{names:?} read and commit everything"), |group| {
            Ok(group.history.is_committed(&group.ends))
        })?;
        Ok(self.history.is_shared_by(names))
    }

    fn until(&mut self, what: &str, done: impl Fn(&History) -> bool) -> Result<()> {
        self.poll(what, |group| Ok(done(&group.history)))
    }

    fn poll(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.history.read_on()?;
            if done(self)? {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("not within {PATIENCE:?}: {what}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Appends a record to each partition.
    fn append(&mut self) -> Result<()> {
        for (number, end) in &mut self.ends {
            let batch = Batch::new(now_ms(), vec![Record::value(format!("{number}-{end}"))]);
            let answer = self.talk.produce(&self.topic, *number, -1, batch.encode())?;
            ensure!(
                (answer.error_code, answer.base_offset) == (0, *end),
                "appending {end} to partition {number}: {answer:?}"
            );
            *end += 1;
        }
        Ok(())
    }

    /// Takes the place of the static member away, as an administrator does.
    fn remove_instance(&mut self) -> Result<()> {
        let member = MemberIdentity {
            group_instance_id: Some(INSTANCE.to_owned()),
            ..Default::default()
        };
        let request = LeaveGroupRequest {
            group_id: self.name.clone(),
            members: vec![member],
            ..Default::default()
        };
        let answer = self.talk.ask(&request, 5)?;
        let removed = answer.error_code == 0 && answer.members.iter().all(|member| member.error_code == 0);
        ensure!(removed, "{answer:?}");
        Ok(())
    }
}
