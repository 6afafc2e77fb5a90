//! A network of the test's own: every node behind a cable of its own, a switch in the middle where the clients are, and any
//! cable cut in either direction, or slowed down.
//!
//! Made of network namespaces, virtual cables and a bridge, which need the rights of root (`unshare --user --map-root-user
//! --net` gives them to anybody). The namespaces live as long as the processes that hold them, which end with the test
//! however it ends: nothing is left behind. What is sent over a cut way goes to a hardware address that nobody has, as into
//! a pulled cable: no error, no answer.

use std::fs::File;
use std::io::Write;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::os::fd::AsFd;

/// Somebody on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// The clients, the test's own thread among them.
    Clients,
    /// A node by its id.
    Node(i32),
}

impl Peer {
    fn number(self) -> i32 {
        match self {
            Peer::Clients => 254,
            Peer::Node(id) => id,
        }
    }

    fn address(self) -> String {
        format!("10.77.0.{}", self.number())
    }

    fn hardware(self) -> String {
        format!("02:00:00:00:00:{:02x}", self.number())
    }
}

/// Where packets go that shall not arrive.
const NOWHERE: &str = "02:ff:ff:ff:ff:ff";

/// The network. The thread that makes it is on it, with every process and thread that it starts from then on, until the
/// network is dropped there.
pub struct Network {
    switch: Holder,
    nodes: Vec<(i32, Holder)>,
    home: File,
}

impl Network {
    /// A network with these nodes, and the calling thread among the clients.
    pub fn with_nodes(ids: impl IntoIterator<Item = i32>) -> Result<Network> {
        let home = File::open("/proc/thread-self/ns/net")?;
        let switch = Holder::start()?;
        let name_space = File::open(format!("/proc/{}/ns/net", switch.pid()))?;
        move_into_link_name_space(name_space.as_fd(), Some(LinkNameSpaceType::Network))
            .context("entering a network namespace needs the rights of root")?;
        let mut network = Network {
            switch,
            nodes: Vec::new(),
            home,
        };
        let clients = Peer::Clients;
        ip(&format!(
            "link set lo up\nlink add switch address {} type bridge forward_delay 0\naddress add {}/24 dev switch\nlink set switch up\n",
            clients.hardware(),
            clients.address()
        ))?;
        for id in ids {
            network.connect(id)?;
        }
        network.heal()?;
        Ok(network)
    }

    fn connect(&mut self, id: i32) -> Result<()> {
        ensure!((1..254).contains(&id), "node {id} has no address");
        let (node, holder) = (Peer::Node(id), Holder::start()?);
        ip(&format!(
            "link add node{id} type veth peer name eth0 address {} netns {}\nlink set node{id} master switch up\n",
            node.hardware(),
            holder.pid()
        ))?;
        self.nodes.push((id, holder));
        self.ip_at(
            node,
            &format!(
                "link set lo up\naddress add {}/24 dev eth0\nlink set eth0 up\n",
                node.address()
            ),
        )
    }

    /// The address that a node listens on.
    #[must_use]
    pub fn host(id: i32) -> String {
        Peer::Node(id).address()
    }

    /// The command that starts a program on a node's end of the network, and becomes it.
    ///
    /// # Panics
    /// If there is no such node: the test's mistake.
    #[must_use]
    pub fn prefix(&self, id: i32) -> [String; 2] {
        let holder = self.holder(Peer::Node(id));
        ["nsenter".to_owned(), format!("--net=/proc/{}/ns/net", holder.pid())]
    }

    fn holder(&self, peer: Peer) -> &Holder {
        let Peer::Node(wanted) = peer else {
            return &self.switch;
        };
        let found = self.nodes.iter().find(|(id, _)| *id == wanted);
        &found.expect("a node of the network").1
    }

    /// Everybody on the network.
    pub fn peers(&self) -> impl Iterator<Item = Peer> {
        let nodes = self.nodes.iter().map(|(id, _)| Peer::Node(*id));
        std::iter::once(Peer::Clients).chain(nodes)
    }

    /// From now on nothing that `from` sends to `to` arrives; the other way stays open.
    pub fn cut(&self, from: Peer, to: Peer) -> Result<()> {
        self.direct(from, to, NOWHERE)
    }

    /// From now on all that `from` sends to `to` arrives.
    pub fn join(&self, from: Peer, to: Peer) -> Result<()> {
        self.direct(from, to, &to.hardware())
    }

    fn direct(&self, from: Peer, to: Peer, hardware: &str) -> Result<()> {
        let device = match from {
            Peer::Clients => "switch",
            Peer::Node(_) => "eth0",
        };
        self.ip_at(
            from,
            &format!(
                "neighbor replace {} lladdr {hardware} nud permanent dev {device}\n",
                to.address()
            ),
        )
    }

    /// From now on a node sends so many kilobits in a second, and no more; half a second's worth may wait.
    pub fn slow(&self, id: i32, kilobits: u32) -> Result<()> {
        let rate = format!("{kilobits}kbit");
        let arguments = ["qdisc", "replace", "dev", "eth0", "root", "tbf", "rate", &rate];
        self.traffic_control(id, &arguments, &["burst", "16kb", "latency", "500ms"])
    }

    /// From now on a node sends as fast as it can.
    pub fn hasten(&self, id: i32) -> Result<()> {
        self.traffic_control(id, &["qdisc", "replace", "dev", "eth0", "root", "pfifo_fast"], &[])
    }

    fn traffic_control(&self, id: i32, arguments: &[&str], more: &[&str]) -> Result<()> {
        let [program, name_space] = self.prefix(id);
        let mut command = Command::new(program);
        command.arg(name_space).arg("tc").args(arguments).args(more);
        let output = command.output().context("tc is not installed: iproute2")?;
        ensure!(output.status.success(), "{command:?}: {output:?}");
        Ok(())
    }

    /// Every way between any two is open.
    pub fn heal(&self) -> Result<()> {
        for from in self.peers() {
            for to in self.peers().filter(|to| *to != from) {
                self.join(from, to)?;
            }
        }
        Ok(())
    }

    /// Has `ip` do a line each in somebody's namespace.
    fn ip_at(&self, peer: Peer, lines: &str) -> Result<()> {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/proc/{}/ns/net", self.holder(peer).pid()))
            .arg("ip");
        batch(command, lines)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // What a thread that cannot go home does next fails in a way that tells.
        let _ = move_into_link_name_space(self.home.as_fd(), Some(LinkNameSpaceType::Network));
    }
}

fn ip(lines: &str) -> Result<()> {
    batch(Command::new("ip"), lines)
}

fn batch(mut command: Command, lines: &str) -> Result<()> {
    command
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .context("ip or nsenter is not installed: iproute2, util-linux")?;
    let mut input = child.stdin.take().context("its input is a pipe")?;
    input.write_all(lines.as_bytes())?;
    drop(input);
    let output = child.wait_with_output()?;
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{lines}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// A process that does nothing but hold a network namespace until its input ends, as it does with this program.
struct Holder {
    child: Child,
    _input: ChildStdin,
}

impl Holder {
    fn start() -> Result<Holder> {
        let mut child = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo && exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("unshare is not installed: util-linux")?;
        let input = child.stdin.take().context("its input is a pipe")?;
        let mut output = child.stdout.take().context("its output is a pipe")?;
        // It is in its namespace once it speaks.
        std::io::Read::read_exact(&mut output, &mut [0]).context("a network namespace needs the rights of root")?;
        Ok(Holder { child, _input: input })
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Both fail only when it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests;
