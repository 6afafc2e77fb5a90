//! Which command lines make sense.

use crate::command::Form;
use crate::command::options::{Options, Refusal};

const ACTIONS: [&str; 5] = ["generate", "execute", "verify", "cancel", "list"];

/// What is to be done; refuses what Kafka's script refuses, in the same order.
pub(super) fn action(options: &Options, form: Form) -> Result<&'static str, Refusal> {
    let refused = |message: String| Err(Refusal::WithHelp(message));
    let asked: Vec<&str> = ACTIONS.into_iter().filter(|action| options.has(action)).collect();
    let [action] = asked[..] else {
        let all = ACTIONS.map(|action| format!("--{action}")).join(", ");
        return refused(format!("Command must include exactly one action: {all}"));
    };
    let (server, controller) = (options.has("bootstrap-server"), options.has("bootstrap-controller"));
    if server && controller {
        return refused(String::from(
            "Please don't specify both --bootstrap-server and --bootstrap-controller",
        ));
    }
    if form == Form::Script && !server && !controller {
        return refused(String::from(
            "Please specify either --bootstrap-server or --bootstrap-controller",
        ));
    }
    let (required, permitted): (&[&str], &[&str]) = match action {
        "verify" => (&["reassignment-json-file"], &["preserve-throttles"]),
        "generate" => (&["topics-to-move-json-file", "broker-list"], &["disable-rack-aware"]),
        "execute" => (
            &["reassignment-json-file"],
            &[
                "additional",
                "throttle",
                "replica-alter-log-dirs-throttle",
                "timeout",
                "disallow-replication-factor-change",
            ],
        ),
        "cancel" => (&["reassignment-json-file"], &["preserve-throttles", "timeout"]),
        _ => (&[], &[]),
    };
    options.require(required)?;
    let anywhere = match action {
        "cancel" | "list" => ["bootstrap-server", "bootstrap-controller", "command-config"].as_slice(),
        _ => ["bootstrap-server", "command-config"].as_slice(),
    };
    let allowed =
        |name: &str| name == action || [required, permitted, anywhere].iter().any(|list| list.contains(&name));
    match options.in_order().find(|(name, _)| !allowed(name)) {
        Some((name, _)) => refused(format!("Option \"[{name}]\" can't be used with action \"[{action}]\"")),
        None => Ok(action),
    }
}
