//! `riverrun cluster`, Kafka's `kafka-cluster`: the cluster's id and nodes; a broker that will not come back is forgotten.

use super::columns::{padded, widest};
use super::connection::{ClientProperties, block_on, cluster_behind};
use super::java_exception::thrown;
use super::subcommand_entrance::{CONTROLLER, SERVER, entrance, read};
use super::subcommands::{Argument, Arguments, Command, CommandLine, Given, Need, Takes, optional};
use super::{Form, Invocation};
use anyhow::bail;
use base::NodeId;
use client::admin::{self, ClusterDescription, Fenced};
use client::{ClientError, Cluster, Entrance};
use std::process::ExitCode;

const ENTRANCES: &[Argument] = &[SERVER.or('b'), CONTROLLER.or('C')];
const CONFIG: Argument = optional("config", Takes::Text, "The old name of --command-config.");
const COMMAND_CONFIG: Argument =
    optional("command-config", Takes::Text, "Client properties for the connection.").or('c');

const fn arguments(single: &'static [Argument]) -> Arguments {
    Arguments {
        single,
        one_of: ENTRANCES,
        need: Need::Required,
    }
}

const LINE: CommandLine = CommandLine {
    program: "kafka-cluster",
    purpose: "The Kafka cluster tool.",
    arguments: Arguments::NONE,
    commands: &[
        Command {
            name: "cluster-id",
            help: "Show the cluster's id.",
            arguments: arguments(&[CONFIG, COMMAND_CONFIG]),
        },
        Command {
            name: "unregister",
            help: "Forget a broker.",
            arguments: arguments(&[
                CONFIG,
                COMMAND_CONFIG,
                optional("id", Takes::Integer, "The broker's id.").or('i').required(),
            ]),
        },
        Command {
            name: "list-endpoints",
            help: "List the nodes and where they listen.",
            arguments: arguments(&[
                CONFIG,
                COMMAND_CONFIG,
                optional("include-fenced-brokers", Takes::Nothing, "Fenced brokers, too."),
            ]),
        },
    ],
};

/// Runs the tool.
pub fn run(call: Invocation) -> anyhow::Result<ExitCode> {
    let after_help = match call.form {
        Form::Subcommand => ExitCode::SUCCESS,
        // As Kafka's script.
        Form::Script => ExitCode::FAILURE,
    };
    let given = match read(&LINE, &call, after_help) {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    act(&given)?;
    Ok(ExitCode::SUCCESS)
}

fn act(given: &Given) -> anyhow::Result<()> {
    let properties = match (given.value("config"), given.value("command-config")) {
        (Some(_), Some(_)) => bail!("--config and --command-config cannot be specified together."),
        (None, None) => ClientProperties::default(),
        (None, Some(path)) => ClientProperties::from_file(path)?,
        (Some(path), None) => {
            println!(
                "Option --config has been deprecated and will be removed in a future version. Use --command-config \
                 instead."
            );
            ClientProperties::from_file(path)?
        }
    };
    let (addresses, entrance) = entrance(given);
    if given.has("include-fenced-brokers") && entrance == Entrance::Controllers {
        bail!("The option --include-fenced-brokers is only supported with --bootstrap-server option");
    }
    let cluster = cluster_behind(addresses, entrance, &properties, "adminclient-1")?;
    let done = block_on(&format!("waiting for {addresses}"), execute(&cluster, given))?;
    done.map_err(|error| anyhow::anyhow!(thrown(&error)))
}

async fn execute(cluster: &Cluster, given: &Given) -> Result<(), ClientError> {
    match given.command {
        "cluster-id" => {
            let description = admin::describe_cluster(cluster).await?;
            println!("Cluster ID: {}", description.cluster_id);
        }
        "unregister" => {
            let id = given.number("id").expect("it is required, and a number");
            let done = admin::unregister_broker(cluster, NodeId(id)).await;
            if let Err(ClientError::UnsupportedVersion { .. }) = done {
                println!("The target cluster does not support the broker unregistration API.");
            }
            done?;
            println!("Broker {id} is no longer registered.");
        }
        _ => {
            let fenced = match given.has("include-fenced-brokers") {
                true => Fenced::Included,
                false => Fenced::Excluded,
            };
            let description = admin::describe_cluster_with(cluster, fenced).await?;
            print!("{}", endpoints(&description, cluster.settings().entrance));
        }
    }
    Ok(())
}

/// The nodes as a table; only brokers have a state.
fn endpoints(description: &ClusterDescription, entrance: Entrance) -> String {
    let nodes = &description.nodes;
    let hosts = match nodes.is_empty() {
        true => 100,
        false => widest(0, nodes.iter().map(|node| node.address.host.as_str())),
    };
    let racks: Vec<&str> = nodes.iter().filter_map(|node| node.rack.as_deref()).collect();
    let racks = match racks.is_empty() {
        true => 10,
        false => widest(0, racks.into_iter()),
    };
    let line = |cells: [&str; 6]| {
        let [id, host, port, rack, state, kind] = cells;
        let state = match entrance {
            Entrance::Brokers => padded(state, 10) + " ",
            Entrance::Controllers => String::new(),
        };
        format!(
            "{} {} {} {} {state}{}\n",
            padded(id, 10),
            padded(host, hosts),
            padded(port, 10),
            padded(rack, racks),
            padded(kind, 15)
        )
    };
    let mut text = line(["ID", "HOST", "PORT", "RACK", "STATE", "ENDPOINT_TYPE"]);
    for node in nodes {
        let (state, kind) = match entrance {
            Entrance::Controllers => ("", "controller"),
            Entrance::Brokers if description.fenced.contains(&node.id) => ("fenced", "broker"),
            Entrance::Brokers => ("unfenced", "broker"),
        };
        let rack = node.rack.as_deref().unwrap_or("null");
        let (id, port) = (node.id.to_string(), node.address.port.to_string());
        text += &line([&id, &node.address.host, &port, rack, state, kind]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::{Address, Node};
    use expect_test::expect;

    #[test]
    fn endpoints_are_listed_as_kafka_lists_them() {
        let node = |id, rack: Option<&str>| Node {
            id: NodeId(id),
            address: Address {
                host: String::from("127.0.0.1"),
                port: 31001,
            },
            rack: rack.map(str::to_owned),
        };
        let mut description = ClusterDescription {
            cluster_id: String::new(),
            controller: None,
            nodes: vec![node(2, Some("r2")), node(3, Some("r3"))],
            fenced: [NodeId(3)].into(),
        };
        expect![[r"
            ID         HOST      PORT       RACK STATE      ENDPOINT_TYPE  
            2          127.0.0.1 31001      r2 unfenced   broker         
            3          127.0.0.1 31001      r3 fenced     broker         
        "]]
        .assert_eq(&endpoints(&description, Entrance::Brokers));
        description.nodes = vec![node(1, None)];
        expect![[r"
            ID         HOST      PORT       RACK       ENDPOINT_TYPE  
            1          127.0.0.1 31001      null       controller     
        "]]
        .assert_eq(&endpoints(&description, Entrance::Controllers));
    }
}
