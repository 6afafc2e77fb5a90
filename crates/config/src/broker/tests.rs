use super::*;
use crate::properties::Properties;

fn from_file(text: &str) -> Result<BrokerConfig, String> {
    let mut layered = Layered::new();
    layered.add_file(
        "server.properties",
        &Properties::parse("server.properties", text.as_bytes()).unwrap(),
    );
    BrokerConfig::from_layers(&layered).map_err(|error| error.to_string())
}

const NODE: &str = "process.roles=broker,controller\nnode.id=1\ncontroller.listener.names=CONTROLLER\n\
                    controller.quorum.bootstrap.servers=localhost:9093\n";

fn node(more: &str) -> Result<BrokerConfig, String> {
    let listeners = if more.contains("listeners=") {
        ""
    } else {
        "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
    };
    from_file(&format!("{NODE}{listeners}{more}"))
}

fn shown(endpoints: &[Endpoint]) -> String {
    endpoints.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn without_any_source_a_single_node_on_loopback() {
    let mut layered = Layered::new();
    layered.fill_in();
    let config = BrokerConfig::from_layers(&layered).unwrap();
    assert_eq!(config.node_id, NodeId(1));
    assert_eq!(shown(&config.listeners), "PLAINTEXT://127.0.0.1:9092");
    assert_eq!(shown(&config.controller_listeners), "CONTROLLER://127.0.0.1:9093");
    assert_eq!(config.log_dirs, ["./riverrun-data"]);
    assert_eq!(config.bootstrap_servers[0].port, 9093);
    assert_eq!(config.topic_defaults.retention_ms, 7 * 24 * 3_600_000);
    assert_eq!(layered.warnings(), Vec::<String>::new());
}

#[test]
fn options_move_the_node() {
    let mut layered = Layered::new();
    layered.set_data_dir("/data");
    layered.set_listen("0.0.0.0:19092");
    layered
        .add_assignment("advertised.listeners=PLAINTEXT://example.com:19092")
        .unwrap();
    layered.fill_in();
    let config = BrokerConfig::from_layers(&layered).unwrap();
    assert_eq!(shown(&config.listeners), "PLAINTEXT://0.0.0.0:19092");
    assert_eq!(shown(&config.advertised_listeners), "PLAINTEXT://example.com:19092");
    assert_eq!(shown(&config.controller_listeners), "CONTROLLER://127.0.0.1:19093");
    assert_eq!(config.bootstrap_servers[0].port, 19093);
    assert_eq!(config.log_dirs, ["/data"]);
}

#[test]
fn the_strongest_source_wins() {
    let mut layered = Layered::new();
    let file = Properties::parse(
        "f",
        b"num.partitions=2\nnum.partitions=3\nlog.dirs=/file\nnum.partitons=9",
    )
    .unwrap();
    layered.add_file("f", &file);
    layered.add_environment(
        [
            ("RIVERRUN_LOG_DIRS", "/env"),
            ("RIVERRUN_NUM_PARTITIONS", "4"),
            ("HOME", "/"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    layered.add_assignment("num.partitions=5").unwrap();
    layered.fill_in();
    let config = BrokerConfig::from_layers(&layered).unwrap();
    assert_eq!(
        (config.requests.num_partitions, config.log_dirs[0].as_str()),
        (5, "/env")
    );
    assert_eq!(
        layered.warnings(),
        [
            "f:2: num.partitions is set again; the value of line 1 is not used",
            "f:4: unknown key num.partitons is not used; did you mean num.partitions?"
        ]
    );
}

#[test]
fn kafkas_own_file_is_read_unchanged() {
    // The keys of the config/server.properties that Kafka 4.3 ships.
    let config = from_file(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.bootstrap.servers=localhost:9093\n\
         listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ninter.broker.listener.name=PLAINTEXT\n\
         advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n\
         controller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL\n\
         num.network.threads=3\nnum.io.threads=8\nsocket.send.buffer.bytes=102400\nsocket.receive.buffer.bytes=102400\n\
         socket.request.max.bytes=104857600\nlog.dirs=/tmp/kraft-combined-logs\nnum.partitions=1\n\
         num.recovery.threads.per.data.dir=1\noffsets.topic.replication.factor=1\n\
         share.coordinator.state.topic.replication.factor=1\nshare.coordinator.state.topic.min.isr=1\n\
         transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\nlog.retention.hours=168\n\
         log.segment.bytes=1073741824\nlog.retention.check.interval.ms=300000\n",
    )
    .unwrap();
    assert_eq!(shown(&config.advertised_listeners), "PLAINTEXT://localhost:9092");
    assert_eq!(
        shown(&config.advertised_controller_listeners),
        "CONTROLLER://localhost:9093"
    );
}

#[test]
fn retention_comes_from_the_finest_unit_set() {
    let retention = |more| node(more).unwrap().topic_defaults.retention_ms;
    assert_eq!(retention("log.retention.hours=1"), 3_600_000);
    assert_eq!(retention("log.retention.hours=1\nlog.retention.minutes=2"), 120_000);
    assert_eq!(retention("log.retention.minutes=2\nlog.retention.ms=3"), 3);
    assert_eq!(retention("log.retention.hours=-5"), -1);
}

#[test]
fn mistakes_are_explained() {
    for (more, says) in [
        (
            "listeners=PLAINTEXT://:9092",
            "controller.listener.names must contain at least one value appearing in the",
        ),
        ("listeners=PLAINTEXT://:9092,CONTROLLER://:9092", "have the same port"),
        (
            "listeners=PLAINTEXT://:9092,PLAINTEXT://:9094,CONTROLLER://:9093",
            "listeners has PLAINTEXT twice",
        ),
        (
            "listeners=CONTROLLER://:9093",
            "Perhaps all listeners appear in controller.listener.names?",
        ),
        (
            "listeners=PLAINTEXT://0.0.0.0:9092,CONTROLLER://:9093",
            "Keep 0.0.0.0 in listeners, and set advertised.listeners",
        ),
        (
            "advertised.listeners=OTHER://a:1\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093",
            "No security protocol defined for listener OTHER",
        ),
        (
            "advertised.listeners=PLAINTEXT://a\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093",
            "the port is missing",
        ),
        (
            "advertised.listeners=SSL://a:1\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093",
            "inter.broker.listener.name must be a listener name defined in advertised.listeners",
        ),
        (
            "advertised.listeners=PLAINTEXT://a:1,SSL://a:2\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093",
            "Found PLAINTEXT,SSL. The valid options based on the current configuration are PLAINTEXT",
        ),
        (
            "listeners=PLAINTEXT://:9092,SASL_SSL://:9094,CONTROLLER://:9093\nlistener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
            "only PLAINTEXT is built",
        ),
        (
            "inter.broker.listener.name=NOPE",
            "not found in listener.security.protocol.map",
        ),
        (
            "broker.id=2",
            "You must set `node.id` to the same value as `broker.id`.",
        ),
        (
            "controller.quorum.voters=2@a:1",
            "the node id 1 must be included in the set of voters",
        ),
        (
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "access control is not built",
        ),
        ("remote.log.storage.system.enable=true", "tiered storage is not built"),
        ("metric.reporters=com.example.Reporter", "Java classes cannot be loaded"),
        (
            "num.partitions=0",
            "Invalid value 0 for configuration num.partitions: Value must be at least 1",
        ),
        (
            "num.partitions=many",
            "Invalid value many for configuration num.partitions: Not a number of type INT",
        ),
        (
            "log.dirs=",
            "Configuration 'log.dirs' must not be empty. Valid values include: any non-empty value",
        ),
        (
            "log.retention.ms=0",
            "log.retention.ms must be unlimited (-1) or, greater than or equal to 1",
        ),
        (
            "group.consumer.session.timeout.ms=44999",
            "group.consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
        ),
        (
            "group.consumer.assignors=com.example.Assignor",
            "Invalid value com.example.Assignor for configuration group.consumer.assignors",
        ),
        (
            "group.coordinator.rebalance.protocols=consumer",
            "Disabling the 'classic' protocol is not supported.",
        ),
        ("queued.max.request.bytes=1", "queued.max.request.bytes must be larger"),
        (
            "max.connections.per.ip=0",
            "max.connections.per.ip can be set to zero only if",
        ),
    ] {
        let message = node(more).map(|_| ()).expect_err(more);
        assert!(message.contains(says), "{more}: {message}");
    }
    let message = from_file("node.id=1").map(|_| ()).unwrap_err();
    assert!(
        message.starts_with("Missing required configuration \"controller.listener.names\""),
        "{message}"
    );
}

#[test]
fn roles_and_listeners_must_agree() {
    let quorum = "controller.quorum.bootstrap.servers=a:1,b:1";
    for (lines, says) in [
        (
            "process.roles=broker\nlisteners=PLAINTEXT://a:2,CONTROLLER://a:3\ncontroller.listener.names=CONTROLLER",
            "controller.listener.names must not contain a value appearing in the 'listeners' configuration when running \
             KRaft with just the broker role",
        ),
        (
            "process.roles=broker\nlisteners=PLAINTEXT://a:2\ncontroller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT",
            "Controller listener with name CONTROLLER defined in controller.listener.names not found in \
             listener.security.protocol.map  (an explicit security mapping",
        ),
        (
            "process.roles=broker\nlisteners=PLAINTEXT://a:2\ncontroller.listener.names=CONTROLLER\n\
             controller.quorum.voters=1@a:1",
            "If process.roles contains just the 'broker' role, the node id 1 must not be included in the set of voters \
             controller.quorum.voters=Set(1)",
        ),
        (
            "process.roles=controller\nlisteners=PLAINTEXT://a:2,CONTROLLER://a:3\ncontroller.listener.names=CONTROLLER",
            "The listeners config must only contain KRaft controller listeners from controller.listener.names when \
             process.roles=controller",
        ),
        (
            "process.roles=controller\nlisteners=CONTROLLER://a:3\ncontroller.listener.names=CONTROLLER,OTHER",
            "controller.listener.names must only contain values appearing in the 'listeners' configuration when running \
             the KRaft controller role",
        ),
    ] {
        let message = from_file(&format!("node.id=1\n{quorum}\n{lines}"))
            .map(|_| ())
            .expect_err(lines);
        assert!(message.contains(says), "{lines}: {message}");
    }
    for lines in [
        "process.roles=broker\nlisteners=PLAINTEXT://a:2\ncontroller.listener.names=CONTROLLER",
        "process.roles=controller\nlisteners=CONTROLLER://a:3\ncontroller.listener.names=CONTROLLER",
        "process.roles=broker,controller\nlisteners=PLAINTEXT://a:2,CONTROLLER://a:3\n\
         controller.listener.names=CONTROLLER\ncontroller.quorum.voters=1@a:3,2@b:3,3@c:3",
    ] {
        from_file(&format!("node.id=1\n{quorum}\n{lines}"))
            .map(|_| ())
            .expect(lines);
    }
}

/// Keys that are read one by one, by `Layered`, or into fields of `BrokerConfig`'s own.
const OWN_FIELDS: &[&str] = &[
    "advertised.listeners",
    "broker.id",
    "broker.rack",
    "config.providers",
    "controller.listener.names",
    "cordoned.log.dirs",
    "controller.quorum.bootstrap.servers",
    "controller.quorum.voters",
    "inter.broker.listener.name",
    "listener.security.protocol.map",
    "listeners",
    "log.dir",
    "log.dirs",
    "max.connections.per.ip.overrides",
    "metadata.log.dir",
    "node.id",
    "process.roles",
    "riverrun.metrics.listeners",
];

/// Keys that the controller reads out of `BrokerConfig::settings`.
const OF_THE_CONTROLLER: &[&str] = &[
    "auto.leader.rebalance.enable",
    "controller.quota.window.num",
    "controller.quota.window.size.seconds",
    "leader.imbalance.check.interval.seconds",
    "unclean.leader.election.interval.ms",
];

fn is_honoured(key: &crate::Key) -> bool {
    matches!(key.support, crate::Support::Honoured | crate::Support::HonouredAtStart)
}

#[test]
fn a_key_called_honoured_is_read() {
    let config = node("").unwrap();
    let read: Vec<&str> = [
        SocketSettings::KEYS,
        RequestSettings::KEYS,
        LogSettings::KEYS,
        LogCleanerSettings::KEYS,
        ScrubSettings::KEYS,
        ReplicationSettings::KEYS,
        MetadataLogSettings::KEYS,
        QuorumSettings::KEYS,
        InternalTopicSettings::KEYS,
        GroupSettings::KEYS,
        TransactionSettings::KEYS,
        ConsumerGroupSettings::KEYS,
        OWN_FIELDS,
        OF_THE_CONTROLLER,
    ]
    .concat();
    for key in &read {
        assert!(config.settings.get(key).is_some(), "{key} is not in the table");
    }
    let gives_topics_a_default = |name: &str| {
        let honoured = crate::table::TOPIC.keys().iter().filter(|key| is_honoured(key));
        honoured
            .map(|key| key.name)
            .any(|key| crate::topic::broker_synonyms(key).any(|synonym| synonym == name))
    };
    for key in BROKER.keys().iter().filter(|key| is_honoured(key)) {
        assert!(
            read.contains(&key.name) || gives_topics_a_default(key.name),
            "nothing reads {}",
            key.name
        );
    }
}

#[test]
fn a_dynamic_config_replaces_the_static_one() {
    let config = node("log.retention.ms=1000").unwrap();
    let mut dynamic = DynamicConfigs::default();
    dynamic.cluster.insert("log.retention.ms".to_owned(), "2000".to_owned());
    assert_eq!(
        config
            .with_dynamic(dynamic.clone())
            .unwrap()
            .topic_defaults
            .retention_ms,
        2000
    );
    dynamic.broker.insert("log.retention.ms".to_owned(), "3000".to_owned());
    let config = config.with_dynamic(dynamic).unwrap();
    assert_eq!(config.topic_defaults.retention_ms, 3000);
    let overrides = Originals::from([("retention.ms".to_owned(), "4000".to_owned())]);
    assert_eq!(config.topic(&overrides).unwrap().retention_ms, 4000);
}

#[test]
fn what_is_wrong_among_dynamic_configs_does_not_spoil_the_rest() {
    let config = node("").unwrap();
    let mut dynamic = DynamicConfigs::default();
    for (key, value) in [
        ("log.retention.ms", "2000"),
        ("log.segment.bytes", "many"),
        ("unknown.key", "v"),
    ] {
        dynamic.cluster.insert(key.to_owned(), value.to_owned());
    }
    let (config, refused) = config.with_usable_dynamic(dynamic.clone());
    assert_eq!(config.topic_defaults.retention_ms, 2000);
    assert_eq!(
        refused,
        ["Invalid value many for configuration log.segment.bytes: Not a number of type INT"]
    );
    dynamic.cluster.insert("log.retention.ms".to_owned(), "0".to_owned());
    let (config, refused) = config.with_usable_dynamic(dynamic);
    assert_eq!((config.topic_defaults.retention_ms, refused.len()), (2000, 2));
}

#[test]
fn what_no_node_takes_dynamically_is_left_out() {
    let config = node("log.retention.ms=1000").unwrap();
    let mut dynamic = DynamicConfigs::default();
    // Of one node only.
    dynamic.cluster.insert("ssl.client.auth".to_owned(), "none".to_owned());
    for (key, value) in [
        ("node.id", "7"),
        ("ssl.keystore.location", "/tmp/keys"),
        ("metric.reporters", "com.example.Reporter"),
        ("log.retention.ms", "2000"),
    ] {
        dynamic.broker.insert(key.to_owned(), value.to_owned());
    }
    let (config, refused) = config.with_usable_dynamic(dynamic);
    assert_eq!(config.node_id.0, 1);
    assert_eq!(config.dynamic.cluster.len(), 0);
    assert_eq!(config.dynamic.broker.keys().collect::<Vec<_>>(), ["log.retention.ms"]);
    assert_eq!(
        refused,
        [
            "Cannot update these configs at default cluster level, broker id must be specified: [ssl.client.auth]",
            "metric.reporters cannot be changed while the broker runs: that is not supported yet",
            "Cannot update these configs dynamically: [node.id]",
            "These security configs can be dynamically updated only per-listener using the listener prefix: \
             [ssl.keystore.location]",
        ]
    );
}

#[test]
fn a_listener_sets_for_itself_how_many_connections_it_takes() {
    let limits = |config: &BrokerConfig, listener: &str| {
        let limits = config.limits_of(&ListenerName::new(listener));
        (limits.max_connections, limits.max_connection_creation_rate)
    };
    let own = "max.connections=9\nlistener.name.plaintext.max.connections=5\n\
               listener.name.controller.max.connection.creation.rate=7\nlistener.name.PLAINTEXT.max.connections=3";
    let config = node(own).unwrap();
    assert_eq!(limits(&config, "PLAINTEXT"), (5, i32::MAX));
    assert_eq!(limits(&config, "CONTROLLER"), (9, 7));
    assert_eq!(limits(&config, "OTHER"), (9, i32::MAX));
    let dynamic = DynamicConfigs {
        broker: Originals::from([("listener.name.plaintext.max.connections".to_owned(), "6".to_owned())]),
        cluster: Originals::from([("listener.name.plaintext.max.connections".to_owned(), "8".to_owned())]),
    };
    assert_eq!(
        limits(&config.with_dynamic(dynamic).unwrap(), "PLAINTEXT"),
        (6, i32::MAX)
    );
    for wrong in ["many", "-1", "3000000000"] {
        let refused = node(&format!("listener.name.plaintext.max.connections={wrong}"));
        let message = refused.unwrap_err();
        assert!(message.contains("max.connections"), "{wrong}: {message}");
    }
}
