//! The network does to packets what it says.

use super::*;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A node that sends back what it is sent.
struct Echo {
    child: Child,
}

const PORT: u16 = 7;

impl Echo {
    fn on(network: &Network, id: i32) -> Echo {
        let program = format!(
            "import socketserver\nclass Echo(socketserver.BaseRequestHandler):\n def handle(self):\n  while d := self.request.recv(9):\n   self.request.sendall(d)\ns = socketserver.ThreadingTCPServer((\"{}\", {PORT}), Echo)\nprint(flush=True)\ns.serve_forever()\n",
            Network::host(id)
        );
        let [prefix, name_space] = network.prefix(id);
        let mut child = Command::new(prefix)
            .args([&name_space, "python3", "-c", &program])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("it listens");
        Echo { child }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

fn connect(id: i32) -> std::io::Result<TcpStream> {
    let address: SocketAddr = format!("{}:{PORT}", Network::host(id)).parse().expect("an address");
    let stream = TcpStream::connect_timeout(&address, Duration::from_millis(300))?;
    stream.set_read_timeout(Some(Duration::from_millis(300)))?;
    Ok(stream)
}

fn echoes(stream: &mut TcpStream) -> bool {
    use std::io::Read;
    let mut answer = [0];
    stream.write_all(b"x").is_ok() && stream.read_exact(&mut answer).is_ok()
}

#[test]
fn ways_are_cut_each_by_itself_and_joined_again() {
    let network = Network::with_nodes([1, 2]).expect("a network");
    let (_one, _two) = (Echo::on(&network, 1), Echo::on(&network, 2));
    let node = Peer::Node(1);
    for (from, to) in [(Peer::Clients, node), (node, Peer::Clients)] {
        let mut open = connect(1).expect("the way is open");
        assert!(echoes(&mut open));
        network.cut(from, to).expect("cut");
        assert!(!echoes(&mut open), "{from:?} to {to:?} is cut");
        assert!(connect(1).is_err(), "{from:?} to {to:?} is cut");
        assert!(
            connect(2).is_ok_and(|mut other| echoes(&mut other)),
            "the other node is not"
        );
        network.heal().expect("healed");
        assert!(connect(1).is_ok_and(|mut fresh| echoes(&mut fresh)), "healed");
    }
    network.slow(1, 100).expect("slowed");
    network.hasten(1).expect("hastened");
    assert!(connect(1).is_ok_and(|mut fresh| echoes(&mut fresh)));
}
