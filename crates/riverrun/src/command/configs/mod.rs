//! `riverrun configs`, Kafka's `kafka-configs`: settings of topics, brokers, groups and so on, and quotas.

mod added;
mod alter;
mod check;
mod describe;
mod entity;

use super::Invocation;
use super::connection::{admin_settings, block_on};
use super::options::{BadFlags, Options, Syntax, switch, valued};
use client::{ClientError, Cluster};
use entity::Entities;
use std::process::ExitCode;

const SYNTAX: Syntax = Syntax {
    bad_flags: BadFlags::Line,
    purpose: "This tool helps to manipulate and describe entity config for a topic, client, user, broker, ip, \
              client-metrics or group",
    flags: &[
        valued(
            "add-config",
            "k1=v1,k2=[v1,v2,v2],k3=v3",
            "Settings to add; brackets hold a value with commas.",
        ),
        valued("add-config-file", "file", "A properties file with settings to add."),
        switch(
            "all",
            "With --describe: every setting, not only those set while running.",
        ),
        switch("alter", "Change settings."),
        valued(
            "bootstrap-controller",
            "controller to connect to",
            "The controllers to ask first.",
        ),
        valued(
            "bootstrap-server",
            "server to connect to",
            "The brokers to ask first, as HOST:PORT,HOST:PORT.",
        ),
        valued("broker", "id", "A broker."),
        switch("broker-defaults", "All brokers."),
        valued("broker-logger", "id", "The loggers of a broker."),
        valued("client", "client id", "A client."),
        switch("client-defaults", "All clients."),
        valued("client-metrics", "name", "A metrics subscription."),
        valued(
            "command-config",
            "command config property file",
            "Client properties for the connection.",
        ),
        valued("delete-config", "k1,k2", "Settings to remove."),
        switch("describe", "Show settings."),
        switch("entity-default", "The default of the entity type before it."),
        valued("entity-name", "name", "The name of the entity of the type before it."),
        valued(
            "entity-type",
            "type",
            "topics, clients, users, brokers, broker-loggers, ips, client-metrics or groups.",
        ),
        valued("group", "group id", "A group."),
        valued("ip", "address", "An address."),
        switch("ip-defaults", "All addresses."),
        valued("topic", "topic", "A topic."),
        valued("user", "principal", "A user."),
        switch("user-defaults", "All users."),
    ],
};

/// Runs the tool.
pub fn run(call: Invocation) -> anyhow::Result<ExitCode> {
    let line = call.args.join(" ");
    SYNTAX.run(call, |options, form| {
        let entities = Entities::read(options)?;
        check::check(options, &entities, form)?;
        let (addresses, entrance) = check::addresses(options, form)?;
        let mut settings = admin_settings(options, &addresses, "riverrun-configs")?;
        settings.entrance = entrance;
        let cluster = Cluster::new(settings);
        let done = block_on(&format!("waiting for {addresses}"), act(&cluster, options, &entities))?;
        Ok(match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                if error.downcast_ref::<ClientError>().is_some() {
                    eprintln!("Error while executing config command with args '{line}'");
                }
                eprintln!("{error:#}");
                ExitCode::FAILURE
            }
        })
    })
}

async fn act(cluster: &Cluster, options: &Options, entities: &Entities) -> anyhow::Result<()> {
    if options.has("alter") {
        alter::alter(cluster, options, entities).await
    } else {
        describe::describe(cluster, options, entities).await
    }
}
