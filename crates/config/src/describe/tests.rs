use super::*;
use crate::broker::DynamicConfigs;
use crate::layer::Layered;
use crate::properties::Properties;

/// What `kafka-4.3.1.tsv` was recorded with.
const FILE: &str = "process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:29193
listeners=PLAINTEXT://127.0.0.1:29192,CONTROLLER://127.0.0.1:29193
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:29192,CONTROLLER://localhost:29193
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
log.dirs=/data/kafka
num.partitions=3
offsets.topic.replication.factor=1
log.retention.hours=100
log.segment.bytes=2097152
ssl.key.password=secret
some.unknown.key=hello
listener.name.plaintext.ssl.keystore.password=xx
log.cleaner.io.max.bytes.per.second=5e6
";

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Originals {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

fn node() -> BrokerConfig {
    let mut layered = Layered::new();
    layered.add_file(
        "server.properties",
        &Properties::parse("server.properties", FILE.as_bytes()).unwrap(),
    );
    let dynamic = DynamicConfigs {
        broker: pairs([
            ("log.flush.interval.ms", "5555"),
            ("log.segment.bytes", "3145728"),
            ("unknown.key2", "v"),
        ]),
        cluster: pairs([
            ("log.retention.ms", "777777"),
            ("log.segment.bytes", "4194304"),
            ("min.insync.replicas", "1"),
            ("unknown.key", "v"),
        ]),
    };
    BrokerConfig::from_layers(&layered)
        .unwrap()
        .with_dynamic(dynamic)
        .unwrap()
}

fn name_of(source: ConfigSource) -> &'static str {
    match source {
        ConfigSource::DynamicTopic => "DYNAMIC_TOPIC_CONFIG",
        ConfigSource::DynamicBroker => "DYNAMIC_BROKER_CONFIG",
        ConfigSource::DynamicDefaultBroker => "DYNAMIC_DEFAULT_BROKER_CONFIG",
        ConfigSource::StaticBroker => "STATIC_BROKER_CONFIG",
        ConfigSource::Default => "DEFAULT_CONFIG",
        ConfigSource::DynamicBrokerLogger => "DYNAMIC_BROKER_LOGGER_CONFIG",
        ConfigSource::ClientMetrics => "DYNAMIC_CLIENT_METRICS_CONFIG",
        ConfigSource::Group => "DYNAMIC_GROUP_CONFIG",
    }
}

fn show(entry: &Entry) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
    let synonyms: String = entry
        .synonyms
        .iter()
        .map(|synonym| {
            format!(
                "{}:{}={};",
                name_of(synonym.source),
                synonym.name,
                value(&synonym.value)
            )
        })
        .collect();
    [
        entry.name.clone(),
        value(&entry.value),
        name_of(entry.source).to_owned(),
        entry.kind.map_or("UNKNOWN", Type::name).to_owned(),
        if entry.read_only { "ro" } else { "rw" }.to_owned(),
        if entry.sensitive { "sensitive" } else { "-" }.to_owned(),
        synonyms,
    ]
    .join("\t")
}

fn kafkas(section: &str) -> Vec<String> {
    let lines = include_str!("kafka-4.3.1.tsv").lines();
    let of_section = lines.skip_while(|line| *line != format!("== {section}")).skip(1);
    let entries = of_section.take_while(|line| !line.starts_with("=="));
    entries
        .map(|line| line.split('\t').take(7).collect::<Vec<_>>().join("\t"))
        .collect()
}

fn check(section: &str, mut entries: Vec<Entry>) {
    entries.sort_by(|left, right| left.name.cmp(&right.name));
    let ours: Vec<String> = entries.iter().map(show).collect();
    let kafkas = kafkas(section);
    assert!(!kafkas.is_empty());
    for line in &ours {
        assert!(kafkas.contains(line), "{section}: only Riverrun says\n{line}");
    }
    for line in &kafkas {
        assert!(ours.contains(line), "{section}: only Kafka says\n{line}");
    }
    assert_eq!(ours.len(), kafkas.len());
}

#[test]
fn every_entry_is_kafkas() {
    let config = node();
    let own = pairs([("retention.ms", "12345"), ("cleanup.policy", "compact,delete")]);
    check("TOPIC t1", topic(&config, &own).unwrap());
    check("BROKER 1", broker(&config));
    check("BROKER ", broker_defaults(&config));
    check("GROUP g1", group(&config, &Originals::new()).unwrap());
    let own = pairs([
        ("consumer.session.timeout.ms", "50000"),
        ("share.auto.offset.reset", "by_duration:PT1H"),
    ]);
    check("GROUP g2", group(&config, &own).unwrap());
    check(
        "CLIENT_METRICS m1",
        client_metrics(&pairs([("interval.ms", "1000"), ("match", "client_id=x.*")])).unwrap(),
    );
    check("CLIENT_METRICS none", client_metrics(&Originals::new()).unwrap());
}
