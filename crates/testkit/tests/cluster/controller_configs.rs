//! A controller takes dynamic configs as a broker does and tells what it goes by, asked straight (KIP-919, KAFKA-18928): by
//! Kafka's own tool and by ours.

use crate::{plan, start};
use anyhow::{Context, Result};
use std::io::Read;
use std::process::Command;
use std::time::Duration;
use testkit::talk::{Resource, until};
use testkit::{Cluster, Nodes, Plan, Talk, dependencies, java, suite};

/// The controller that is given a config of its own.
const ONE: i32 = 102;
const OTHER: i32 = 101;
const BROKER: i32 = 1;
const OVERRIDES: &str = "max.connections.per.ip.overrides";
const UNSET: &str = "2147483647";

/// What `kafka-configs` prints, which is Kafka's own or ours.
fn configs(cluster: &Nodes, tool: Tool, arguments: &[&str]) -> String {
    let mut command = match tool {
        Tool::Kafkas => {
            let mut java = java::java_with(&["-Xmx256m"], &[]).expect("Kafka is installed");
            java.arg("kafka.admin.ConfigCommand");
            java
        }
        Tool::Ours => {
            let mut riverrun = Command::new(dependencies::riverrun().expect("it is built"));
            riverrun.arg("configs");
            riverrun
        }
    };
    command
        .arg("--bootstrap-controller")
        .arg(cluster.bootstrap_controllers());
    command.args(["--entity-type", "brokers"]).args(arguments);
    let told = suite::run("configs", &mut command);
    told.unwrap_or_else(|error| panic!("{tool:?} {arguments:?}: {error:#}\n{}", cluster.log_tails()))
}

#[derive(Clone, Copy, Debug)]
enum Tool {
    Kafkas,
    Ours,
}

fn controller(cluster: &Nodes, id: i32) -> Result<Talk> {
    Talk::at(cluster.node(id).controller_address())
}

/// Waits until the node says so of its own config.
fn until_told(cluster: &Nodes, node: i32, key: &str, wanted: (&str, i8)) {
    let mut last = None;
    until("the node goes by the config", || {
        let mut talk = if node == BROKER {
            cluster.node(node).talk()?
        } else {
            controller(cluster, node)?
        };
        last = Some(talk.config(Resource::Broker(&node.to_string()), key)?);
        Ok(last == Some((Some(wanted.0.to_owned()), wanted.1)))
    })
    .unwrap_or_else(|error| panic!("{node}: {key}: {error:#}: {last:?}\n{}", cluster.log_tails()));
}

/// Whether the controller takes a second connection from an address of its own, while the first one is open.
fn takes_a_second(cluster: &Nodes, id: i32) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let address = cluster.node(id).controller_address().parse()?;
    let connect = || {
        runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4()?;
            socket.bind("127.0.0.2:0".parse()?)?;
            let stream = socket.connect(address).await?.into_std()?;
            stream.set_nonblocking(false)?;
            stream.set_read_timeout(Some(Duration::from_millis(300)))?;
            anyhow::Ok(stream)
        })
    };
    let first = connect().context("the first")?;
    let mut second = connect().context("the second")?;
    // Nothing was asked: a connection that is taken stays silent, one that is not is closed.
    let taken = match second.read(&mut [0]) {
        Ok(_) => false,
        Err(error) => matches!(
            error.kind(),
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
        ),
    };
    drop(first);
    Ok(taken)
}

#[test]
fn a_controller_goes_by_dynamic_configs_and_tells_of_them() {
    let mut cluster = start(&plan(Plan::separate(2, 1)));
    until_told(&cluster, ONE, "max.connections", (UNSET, 5));
    assert!(takes_a_second(&cluster, ONE).expect("connected"));

    let own = format!("{OVERRIDES}=127.0.0.2:1");
    let to_one = ["--entity-name", "102", "--alter", "--add-config", &own];
    let told = configs(&cluster, Tool::Kafkas, &to_one);
    assert!(told.contains("Completed updating config for broker 102."), "{told}");
    let to_all = ["--entity-default", "--alter", "--add-config", "max.connections=5000"];
    configs(&cluster, Tool::Ours, &to_all);
    until_told(&cluster, ONE, OVERRIDES, ("127.0.0.2:1", 2));
    until_told(&cluster, OTHER, OVERRIDES, ("", 5));
    for node in [ONE, OTHER, BROKER] {
        until_told(&cluster, node, "max.connections", ("5000", 3));
    }
    until("the limit holds", || Ok(!takes_a_second(&cluster, ONE)?)).expect("it does");
    assert!(
        takes_a_second(&cluster, OTHER).expect("connected"),
        "another controller"
    );

    let [kafkas, ours] = [Tool::Kafkas, Tool::Ours].map(|tool| configs(&cluster, tool, &["--describe"]));
    assert_eq!(kafkas, ours);
    let own =
        format!("  {OVERRIDES}=127.0.0.2:1 sensitive=false synonyms={{DYNAMIC_BROKER_CONFIG:{OVERRIDES}=127.0.0.2:1");
    assert!(
        ours.contains(&own) && ours.contains("Default configs for brokers"),
        "{ours}"
    );

    let stopped = cluster.node_mut(ONE).stop_cleanly();
    stopped
        .and_then(|()| cluster.node_mut(ONE).restart())
        .expect("it returns");
    until_told(&cluster, ONE, OVERRIDES, ("127.0.0.2:1", 2));
    until("the limit holds again", || Ok(!takes_a_second(&cluster, ONE)?)).expect("it does");
}

/// A controller that is asked straight takes any key and any value for a node, and the nodes leave out what they cannot use.
#[test]
fn what_no_node_can_use_is_in_force_nowhere() {
    let cluster = start(&plan(Plan::separate(1, 1)));
    let mut talk = controller(&cluster, OTHER).expect("connected");
    let rubbish = [
        ("max.connections", "many"),
        ("node.id", "7"),
        ("log.retention.ms", "77000"),
    ];
    let set = talk.set(Resource::Broker("1"), &rubbish);
    set.unwrap_or_else(|error| panic!("{error:#}\n{}", cluster.log_tails()));
    until_told(&cluster, BROKER, "log.retention.ms", ("77000", 2));
    until_told(&cluster, BROKER, "max.connections", (UNSET, 5));
    until_told(&cluster, BROKER, "node.id", ("1", 4));
    let stranger = talk.alter(Resource::Broker("55"), &[("max.connections", Some("7"))]);
    assert_eq!(stranger.expect("an answer"), 102, "BROKER_ID_NOT_REGISTERED");
}
