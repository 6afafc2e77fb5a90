//! Which command lines make sense.

use super::entity::{Entities, EntityType};
use crate::command::Form;
use crate::command::connection::LOCAL;
use crate::command::options::{Options, Refusal};
use client::Entrance;

/// Refuses what Kafka's script refuses, in the same order.
pub fn check(options: &Options, entities: &Entities, form: Form) -> Result<(), Refusal> {
    if options.has("alter") == options.has("describe") {
        let message = String::from("Command must include exactly one action: --describe, --alter");
        return Err(Refusal::WithHelp(message));
    }
    options.exclude("describe", &["add-config", "delete-config"])?;
    check_types(entities)?;
    let long = ["entity-name", "entity-type", "entity-default"]
        .iter()
        .any(|flag| options.has(flag));
    if long && Entities::has_short_flags(options) {
        return plain("--entity-{type,name,default} should not be used in conjunction with specific entity flags");
    }
    if options.has("bootstrap-server") && options.has("bootstrap-controller") {
        return plain("Only one of --bootstrap-server or --bootstrap-controller can be specified.");
    }
    if form == Form::Script && !options.has("bootstrap-server") && !options.has("bootstrap-controller") {
        return plain("Either --bootstrap-server or --bootstrap-controller must be specified.");
    }
    check_brokers(entities)?;
    if options.has("describe") {
        check_describe(options, entities)
    } else {
        check_alter(options, entities)
    }
}

/// The addresses to ask first, and whose they are.
pub fn addresses(options: &Options, form: Form) -> Result<(String, Entrance), Refusal> {
    if let Some(controllers) = options.value("bootstrap-controller")? {
        return Ok((controllers.to_owned(), Entrance::Controllers));
    }
    match options.value("bootstrap-server")? {
        Some(brokers) => Ok((brokers.to_owned(), Entrance::Brokers)),
        None if form == Form::Subcommand => Ok((LOCAL.to_owned(), Entrance::Brokers)),
        None => plain("Either --bootstrap-server or --bootstrap-controller must be specified."),
    }
}

fn plain<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Plain(message.into()))
}

fn shown(types: &[EntityType]) -> String {
    types.iter().map(|entity| entity.name()).collect::<Vec<_>>().join(",")
}

fn check_types(entities: &Entities) -> Result<(), Refusal> {
    let types = &entities.types;
    let twice = types
        .iter()
        .enumerate()
        .find(|(at, entity)| types[..*at].contains(entity));
    if let Some((_, entity)) = twice {
        return plain(format!("Duplicate entity type(s) specified: {entity}"));
    }
    if types.is_empty() {
        return plain("At least one entity type must be specified");
    }
    let user_and_client =
        types.len() == 2 && types.contains(&EntityType::Users) && types.contains(&EntityType::Clients);
    if types.len() > 1 && !user_and_client {
        return plain("Only 'users' and 'clients' entity types may be specified together");
    }
    Ok(())
}

fn check_brokers(entities: &Entities) -> Result<(), Refusal> {
    let Some(entity @ (EntityType::Brokers | EntityType::BrokerLoggers)) = entities.types.first() else {
        return Ok(());
    };
    match entities
        .names
        .iter()
        .find(|name| !name.is_empty() && name.parse::<i32>().is_err())
    {
        Some(name) => plain(format!(
            "The entity name for {entity} must be a valid integer broker id, but it is: {name}"
        )),
        None => Ok(()),
    }
}

/// The types that have a default.
fn has_defaults(entity: &EntityType) -> bool {
    matches!(
        entity,
        EntityType::Users | EntityType::Clients | EntityType::Brokers | EntityType::Ips
    )
}

fn check_describe(options: &Options, entities: &Entities) -> Result<(), Refusal> {
    if options.has("entity-default") && !entities.types.iter().any(has_defaults) {
        return plain(format!(
            "--entity-default must not be specified with --describe of {}",
            shown(&entities.types)
        ));
    }
    if entities.types.contains(&EntityType::BrokerLoggers) && !entities.has_name() {
        return plain(format!(
            "An entity name must be specified with --describe of {}",
            shown(&entities.types)
        ));
    }
    Ok(())
}

fn check_alter(options: &Options, entities: &Entities) -> Result<(), Refusal> {
    if entities.types.iter().any(has_defaults) {
        if !entities.has_name() && !entities.has_default() {
            return plain(
                "An entity-name or default entity must be specified with --alter of users, clients, brokers or ips",
            );
        }
    } else if !entities.has_name() {
        return plain(format!(
            "An entity name must be specified with --alter of {}",
            shown(&entities.types)
        ));
    }
    if options.has("add-config") && options.has("add-config-file") {
        return plain("Only one of --add-config or --add-config-file must be specified");
    }
    if !["add-config", "add-config-file", "delete-config"]
        .iter()
        .any(|flag| options.has(flag))
    {
        return plain(
            "At least one of --add-config, --add-config-file, or --delete-config must be specified with --alter",
        );
    }
    if entities.types.len() != entities.names.len() {
        return plain("An entity name must be specified for every entity type");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::configs::SYNTAX;
    use expect_test::{Expect, expect};

    fn refused(line: &str, expected: &Expect) {
        let options = SYNTAX
            .read(line.split_whitespace().map(str::to_owned).collect())
            .unwrap();
        let checked = Entities::read(&options).and_then(|entities| check(&options, &entities, Form::Script));
        expected.assert_eq(&checked.unwrap_err().to_string());
    }

    #[test]
    fn what_kafkas_script_refuses_is_refused_in_its_words() {
        refused(
            "--bootstrap-server a:1 --describe",
            &expect!["At least one entity type must be specified"],
        );
        refused(
            "--describe --topic t",
            &expect!["Either --bootstrap-server or --bootstrap-controller must be specified."],
        );
        refused(
            "--bootstrap-server a:1 --topic t",
            &expect!["Command must include exactly one action: --describe, --alter"],
        );
        refused(
            "--bootstrap-server a:1 --describe --entity-type foo",
            &expect![
                "Invalid entity type foo, the entity type must be one of topics, clients, users, brokers, ips, client-metrics, groups, broker-loggers with a --bootstrap-server or --bootstrap-controller argument"
            ],
        );
        refused(
            "--bootstrap-server a:1 --describe --broker x",
            &expect!["The entity name for brokers must be a valid integer broker id, but it is: x"],
        );
        refused(
            "--bootstrap-server a:1 --describe --topic t --entity-name x",
            &expect!["--entity-{type,name,default} should not be used in conjunction with specific entity flags"],
        );
        refused(
            "--bootstrap-server a:1 --alter --topic t",
            &expect![
                "At least one of --add-config, --add-config-file, or --delete-config must be specified with --alter"
            ],
        );
        refused(
            "--bootstrap-server a:1 --alter --entity-type topics --add-config a=b",
            &expect!["An entity name must be specified with --alter of topics"],
        );
        refused(
            "--bootstrap-server a:1 --describe --entity-type topics --entity-default",
            &expect!["--entity-default must not be specified with --describe of topics"],
        );
        refused(
            "--bootstrap-server a:1 --describe --topic t --broker 1",
            &expect!["Only 'users' and 'clients' entity types may be specified together"],
        );
    }
}
