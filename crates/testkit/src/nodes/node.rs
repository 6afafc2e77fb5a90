//! One node of a cluster of several.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base::Uuid;
use protocol::messages::api_versions_request::ApiVersionsRequest;
use protocol::messages::metadata_request::MetadataRequest;

use crate::process::{Process, tail};
use crate::{Cluster, Maker, Talk};

use super::place::{Place, VotersText};
use super::plan::{NodePlan, Plan, Roles, Voters};
use super::properties::server_properties;

/// How long a node may take to start. A JVM beside a busy compiler is slow.
const START_DEADLINE: Duration = Duration::from_secs(120);
/// How long one question may take while it starts.
const QUESTION: Duration = Duration::from_secs(5);

/// A node: formatted, and running or not.
pub struct Node {
    place: Place,
    roles: Roles,
    maker: Maker,
    home: PathBuf,
    data_dir: PathBuf,
    client_address: String,
    controller_address: String,
    /// For [`Cluster::controller`]: its own, or that of the first.
    a_controller: String,
    format_arguments: Vec<String>,
    environment: Vec<(String, String)>,
    prefix: Vec<String>,
    process: Option<Process>,
    later: bool,
}

impl Node {
    pub(super) fn new(home: &Path, plan: &Plan, node: &NodePlan, place: Place, voters: &VotersText) -> Result<Node> {
        let home = home.join(format!("node-{}", node.id));
        std::fs::create_dir(&home)?;
        let data_dir = home.join("data");
        let text = server_properties(&data_dir, plan, node, &place, voters);
        std::fs::write(home.join("server.properties"), text)?;
        let mut format_arguments = plan.settings.feature_arguments();
        if node.roles.controller() && plan.voters == Voters::Dynamic {
            format_arguments.extend(["--initial-controllers".to_owned(), voters.initial.clone()]);
        }
        let later = node.later;
        let mut environment = plan.settings.environment.clone();
        environment.extend(node.environment.iter().cloned());
        let first = voters.bootstrap.split(',').next().unwrap_or_default();
        let controller_address = place.controller_address();
        let mut new = Node {
            a_controller: if place.is_controller() {
                &controller_address
            } else {
                first
            }
            .to_owned(),
            client_address: place.client_address(),
            controller_address,
            place,
            roles: node.roles,
            maker: node.maker,
            home,
            data_dir,
            format_arguments,
            environment,
            prefix: node.prefix.clone(),
            process: None,
            later,
        };
        if later {
            new.format_as_observer();
        }
        Ok(new)
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// It is no voter of the quorum's first hour.
    pub(super) fn format_as_observer(&mut self) {
        if let Some(at) = self
            .format_arguments
            .iter()
            .position(|argument| argument == "--initial-controllers")
        {
            self.format_arguments.drain(at..at + 2);
            self.format_arguments.push("--no-initial-controllers".to_owned());
        }
    }

    /// Formats its directory with its maker's own tool.
    pub(super) fn format(&self) -> Result<()> {
        let formatted = self
            .maker
            .format(&self.home, &self.properties(), &self.format_arguments);
        formatted.with_context(|| format!("node {}", self.id()))
    }

    /// Whether it was planned to be started with the others.
    pub(super) fn starts_with_the_others(&self) -> bool {
        !self.later
    }

    /// `node.id`.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.place.id
    }

    /// The id its metadata directory was given when the quorum's first voters were named; a voter's key is both.
    #[must_use]
    pub fn directory_id(&self) -> Uuid {
        self.place.directory
    }

    /// Whose program it runs.
    #[must_use]
    pub fn maker(&self) -> Maker {
        self.maker
    }

    /// Has it run another maker's program from its next start on, on the same directory.
    pub fn hand_over_to(&mut self, maker: Maker) {
        self.maker = maker;
    }

    /// Whether it takes clients.
    #[must_use]
    pub fn is_broker(&self) -> bool {
        self.roles.broker()
    }

    /// Whether it takes part in the quorum.
    #[must_use]
    pub fn is_controller(&self) -> bool {
        self.roles.controller()
    }

    /// Whether it was started and not ended by us, frozen or not.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// `HOST:PORT` of its client listener; empty where it has none.
    #[must_use]
    pub fn client_address(&self) -> &str {
        &self.client_address
    }

    /// `HOST:PORT` of its controller listener; empty where it has none.
    #[must_use]
    pub fn controller_address(&self) -> &str {
        &self.controller_address
    }

    /// Its `server.properties`, for a test that changes it between two starts.
    #[must_use]
    pub fn properties(&self) -> PathBuf {
        self.home.join("server.properties")
    }

    /// The file with all that it wrote.
    #[must_use]
    pub fn output(&self) -> PathBuf {
        self.home.join("output")
    }

    /// Starts it and does not wait.
    pub fn launch(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "node {} runs already", self.id());
        let command = self.maker.serve(&self.home, &self.properties(), &self.environment)?;
        let mut command = self.prefixed(command);
        self.process = Some(Process::start(&mut command, &self.output())?);
        Ok(())
    }

    fn prefixed(&self, command: Command) -> Command {
        let Some((program, arguments)) = self.prefix.split_first() else {
            return command;
        };
        let mut prefixed = Command::new(program);
        prefixed
            .args(arguments)
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => prefixed.env(name, value),
                None => prefixed.env_remove(name),
            };
        }
        prefixed
    }

    /// Waits until it serves: a broker knows itself as one of the cluster, a controller answers.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            let process = self.process.as_mut().context("not running")?;
            if let Some(status) = process.ended()? {
                bail!(
                    "node {} ended with {status} while starting; it wrote:\n{}",
                    self.id(),
                    self.log_tail()
                );
            }
            if self.serves() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "node {} not ready after {START_DEADLINE:?}; it wrote:\n{}",
                    self.id(),
                    self.log_tail()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn serves(&self) -> bool {
        if self.is_broker() {
            return self.known_brokers().is_ok_and(|known| known.contains(&self.id()));
        }
        answers_at_all(&self.controller_address).is_ok()
    }

    /// The brokers that it tells clients of, in order.
    pub fn known_brokers(&self) -> Result<Vec<i32>> {
        let mut talk = Talk::at(&self.client_address)?;
        talk.wire().set_timeout(QUESTION)?;
        let request = MetadataRequest {
            topics: Some(Vec::new()),
            ..Default::default()
        };
        let answer = talk.ask(&request, 12)?;
        let mut known: Vec<i32> = answer.brokers.iter().map(|broker| broker.node_id).collect();
        known.sort_unstable();
        Ok(known)
    }

    /// Stops the process where it is (SIGSTOP): alive for its peers' sockets, dead for everything else.
    pub fn freeze(&self) -> Result<()> {
        self.process.as_ref().context("not running")?.freeze()
    }

    /// Lets a frozen process go on.
    pub fn thaw(&self) -> Result<()> {
        self.process.as_ref().context("not running")?.thaw()
    }

    /// How the process ended by itself, when it has.
    pub fn ended(&mut self) -> Result<Option<std::process::ExitStatus>> {
        self.process.as_mut().context("not running")?.ended()
    }

    /// Forgets a process that ended by itself.
    pub fn reap(&mut self) {
        self.process = None;
    }
}

fn answers_at_all(address: &str) -> Result<()> {
    let mut talk = Talk::at(address)?;
    talk.wire().set_timeout(QUESTION)?;
    let request = ApiVersionsRequest {
        client_software_name: "testkit".to_owned(),
        client_software_version: "1".to_owned(),
        ..Default::default()
    };
    talk.ask(&request, 3)?;
    Ok(())
}

impl Cluster for Node {
    fn name(&self) -> &'static str {
        self.maker.name()
    }

    fn bootstrap(&self) -> &str {
        &self.client_address
    }

    fn controller(&self) -> &str {
        &self.a_controller
    }

    fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    fn process(&mut self) -> &mut Option<Process> {
        &mut self.process
    }

    fn restart(&mut self) -> Result<()> {
        self.launch()?;
        self.wait_until_ready()
    }

    fn log_tail(&self) -> String {
        tail(&self.output())
    }
}
