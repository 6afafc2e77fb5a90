use super::*;
use crate::layer::Layered;

fn node() -> BrokerConfig {
    let mut layered = Layered::new();
    layered.fill_in();
    BrokerConfig::from_layers(&layered).unwrap()
}

fn set(name: &str, value: &str) -> Originals {
    Originals::from([(name.to_owned(), value.to_owned())])
}

/// The messages are Apache Kafka 4.3.1's.
#[test]
fn topics() {
    let node = node();
    for (name, value, says) in [
        (
            "retention.ms",
            "-2",
            "Invalid value -2 for configuration retention.ms: Value must be at least -1",
        ),
        (
            "retention.ms",
            "abc",
            "Invalid value abc for configuration retention.ms: Not a number of type LONG",
        ),
        ("nope", "1", "Unknown topic config name: nope"),
        (
            "cleanup.policy",
            "bad",
            "Invalid value bad for configuration cleanup.policy: String must be one of: compact, delete",
        ),
        (
            "cleanup.policy",
            "delete,,",
            "Configuration 'cleanup.policy' values must not be empty.",
        ),
        (
            "segment.bytes",
            "1000",
            "Invalid value 1000 for configuration segment.bytes: Value must be at least 1048576",
        ),
        (
            "compression.gzip.level",
            "0",
            "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
        ),
        (
            "min.cleanable.dirty.ratio",
            "1.5",
            "Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
        ),
        (
            "min.cleanable.dirty.ratio",
            "-1",
            "Invalid value -1.0 for configuration min.cleanable.dirty.ratio: Value must be at least 0",
        ),
        (
            "preallocate",
            "yes",
            "Invalid value yes for configuration preallocate: Expected value to be either true or false",
        ),
        (
            "leader.replication.throttled.replicas",
            "1:2,*",
            "Invalid value [1:2, *] for configuration leader.replication.throttled.replicas: leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
        ),
        (
            "remote.storage.enable",
            "true",
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.",
        ),
    ] {
        let error = check_topic(&node, &set(name, value)).unwrap_err();
        assert_eq!(error, AlterError::InvalidConfig(says.to_owned()));
    }
    let mut both = set("min.compaction.lag.ms", "9999999999999");
    both.extend(set("max.compaction.lag.ms", "1"));
    assert_eq!(
        check_topic(&node, &both).unwrap_err().to_string(),
        "conflict topic config setting min.compaction.lag.ms (9999999999999) > max.compaction.lag.ms (1)"
    );
    for (name, value) in [
        ("cleanup.policy", ""),
        ("cleanup.policy", "delete,delete"),
        ("retention.ms", " +5 "),
    ] {
        check_topic(&node, &set(name, value)).unwrap();
    }
}

#[test]
fn lists_grow_and_shrink() {
    let change = |operation, name, current, argument| apply(&TOPIC, name, operation, current, Some(argument));
    let ok = |text: &str| Ok(Some(text.to_owned()));
    assert_eq!(
        change(Operation::Append, "cleanup.policy", None, "compact"),
        ok("delete,compact")
    );
    assert_eq!(
        change(Operation::Append, "cleanup.policy", Some("compact"), "compact"),
        ok("compact")
    );
    assert_eq!(
        change(
            Operation::Subtract,
            "cleanup.policy",
            Some("compact,delete"),
            "compact,x"
        ),
        ok("delete")
    );
    assert_eq!(
        change(Operation::Delete, "cleanup.policy", Some("compact"), ""),
        Ok(None)
    );
    assert_eq!(
        change(Operation::Append, "retention.ms", None, "1")
            .unwrap_err()
            .to_string(),
        "Can't APPEND to key retention.ms because its type is not LIST."
    );
}

#[test]
fn brokers() {
    let node = node();
    let one = Scope::Broker;
    let all = Scope::Cluster;
    for (scope, name, value, says) in [
        (
            one,
            "node.id",
            "2",
            "Cannot update these configs dynamically: [node.id]",
        ),
        (
            all,
            "cordoned.log.dirs",
            "/x",
            "Cannot update these configs at default cluster level, broker id must be specified: [cordoned.log.dirs]",
        ),
        (
            all,
            "num.io.threads",
            "0",
            "Invalid value 0 for configuration num.io.threads: Value must be at least 1",
        ),
        (
            all,
            "num.io.threads",
            "100",
            "Invalid value org.apache.kafka.common.config.ConfigException: Dynamic thread count update validation failed for num.io.threads=100, value should not be greater than double the current value 8 for configuration Invalid dynamic configuration",
        ),
        (
            all,
            "log.cleaner.threads",
            "5",
            "Invalid value org.apache.kafka.common.config.ConfigException: Log cleaner threads cannot be increased to more than double the current value 1 for configuration Invalid dynamic configuration",
        ),
        (
            one,
            "ssl.keystore.password",
            "x",
            "These security configs can be dynamically updated only per-listener using the listener prefix: [ssl.keystore.password]",
        ),
        (
            all,
            "listener.name.plaintext.max.connections",
            "0",
            "Invalid value org.apache.kafka.common.config.ConfigException: Invalid max.connections 0 for configuration Invalid dynamic configuration",
        ),
        (
            one,
            "max.connection.creation.rate",
            "0",
            "Invalid value org.apache.kafka.common.config.ConfigException: Invalid max.connection.creation.rate 0 for configuration Invalid dynamic configuration",
        ),
        (
            one,
            "listener.name.plaintext.max.connections",
            "-1",
            "Invalid value -1 for configuration max.connections: Value must be at least 0",
        ),
        (
            all,
            "listener.name.plaintext.ssl.keystore.type",
            "JKS",
            "Cannot update these configs at default cluster level, broker id must be specified: [listener.name.plaintext.ssl.keystore.type]",
        ),
        (
            all,
            "log.retention.ms",
            "0",
            "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1",
        ),
        (
            all,
            "message.max.bytes",
            "-1",
            "Invalid value -1 for configuration message.max.bytes: Value must be at least 0",
        ),
        (
            all,
            "leader.replication.throttled.rate",
            "-1",
            "Invalid value -1 for configuration leader.replication.throttled.rate: Value must be at least 0",
        ),
        (
            one,
            "log.cleaner.dedupe.buffer.size",
            "1",
            "requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.",
        ),
        // Kafka moves the listener.
        (
            one,
            "listeners",
            "PLAINTEXT://:1,CONTROLLER://:9093",
            "listeners cannot be changed while the broker runs: that is not supported yet",
        ),
    ] {
        let error = check_broker(&node, &set(name, value), scope).unwrap_err();
        assert_eq!(error, AlterError::InvalidRequest(says.to_owned()), "{name}");
    }
    for (scope, name, value) in [
        (all, "unknown.key", "v"),
        (all, "log.retention.ms", "1000"),
        (one, "log.segment.bytes", "2097152"),
        (all, "leader.replication.throttled.rate", "1000"),
        (all, "unclean.leader.election.enable", "true"),
    ] {
        assert_eq!(check_broker(&node, &set(name, value), scope), Ok(()), "{name}");
    }
}

#[test]
fn groups() {
    let node = node();
    for (name, value, says) in [
        (
            "consumer.session.timeout.ms",
            "1",
            "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
        ),
        (
            "consumer.heartbeat.interval.ms",
            "49999",
            "consumer.heartbeat.interval.ms must be less than or equal to group.consumer.max.heartbeat.interval.ms",
        ),
        (
            "streams.num.standby.replicas",
            "9",
            "streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas",
        ),
        ("nope", "1", "Unknown group config name: nope"),
        (
            "share.auto.offset.reset",
            "by_duration:-PT1H",
            "Invalid value by_duration:-PT1H for configuration share.auto.offset.reset: Invalid value `by_duration:-PT1H` for configuration share.auto.offset.reset. The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.",
        ),
    ] {
        let error = check_group(&node, &set(name, value)).unwrap_err();
        assert_eq!(error, AlterError::InvalidConfig(says.to_owned()));
    }
    check_group(&node, &set("share.auto.offset.reset", "by_duration:P1DT1H2M3.5S")).unwrap();
    check_group(&node, &set("consumer.session.timeout.ms", "50000")).unwrap();
}

#[test]
fn client_metrics_subscriptions() {
    let check = |name, value| check_client_metrics("m1", &set(name, value)).map_err(|error| error.to_string());
    let refused = |message: &str| Err(message.to_owned());
    assert_eq!(
        check("interval.ms", "10"),
        refused("Invalid value 10 for interval.ms, interval must be between 100 and 3600000 (1 hour)")
    );
    assert_eq!(
        check("nope", "10"),
        refused("Unknown client metrics configuration: nope")
    );
    for pattern in ["a=b", "client_id=[x", "client_id", "client_id=(x"] {
        assert_eq!(
            check("match", pattern),
            refused(&format!("Illegal client matching pattern: {pattern}"))
        );
    }
    assert_eq!(check("match", "client_id=x.*,client_source_port=[0-9]+"), Ok(()));
    assert!(check_client_metrics("", &Originals::new()).is_err());
}
