//! What Riverrun measures, as Prometheus reads it. (Kafka's metrics are JMX's.)

use anyhow::{Context, Result, ensure};
use protocol::messages::api_versions_request::ApiVersionsRequest;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use testkit::port::free_ports;
use testkit::talk::{records, until};
use testkit::{Cluster, Maker, Settings, SingleNode, Talk};

/// The page's lines, by name and labels.
fn scrape(address: &str) -> Result<BTreeMap<String, f64>> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, page) = answer.split_once("\r\n\r\n").context("a head and a body")?;
    ensure!(head.starts_with("HTTP/1.1 200"), "{head}");
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let read = |line: &str| -> Result<(String, f64)> {
        let (name, value) = line.rsplit_once(' ').with_context(|| line.to_owned())?;
        Ok((name.to_owned(), value.parse().with_context(|| line.to_owned())?))
    };
    lines.map(read).collect()
}

#[test]
fn what_happens_shows_in_the_metrics() -> Result<()> {
    let [port] = free_ports::<1>()?;
    let address = format!("127.0.0.1:{port}");
    let settings = Settings::default().with("riverrun.metrics.listeners", &address);
    let broker = SingleNode::start(Maker::Riverrun, &settings)?;
    let mut talk = Talk::to(&broker)?;
    talk.create_topic("measured", 2, &[("retention.bytes", "1000")])?;
    for _ in 0..3 {
        talk.append("measured", 0, 100)?;
    }
    let fetched = records(&talk.fetch("measured", 0, 0)?).len();
    assert_eq!(talk.fetch("measured", 0, 99)?.error_code, 1);
    let software = ApiVersionsRequest {
        client_software_name: "teller".to_owned(),
        client_software_version: "1.2".to_owned(),
        ..Default::default()
    };
    assert_eq!(talk.ask(&software, 3)?.error_code, 0);
    let page = scrape(&address)?;
    let value = |name: &str| page.get(name).copied();
    let of_topics = |name: &str| value(&format!("kafka_server_brokertopicmetrics_{name}_total"));
    assert_eq!(of_topics("messagesin"), Some(3.0));
    assert_eq!(of_topics("bytesin"), Some(fetched as f64));
    assert_eq!(of_topics("bytesout"), Some(fetched as f64));
    assert_eq!(of_topics("totalproducerequests"), Some(3.0));
    assert_eq!(of_topics("totalfetchrequests"), Some(2.0));
    assert_eq!(
        (of_topics("failedproducerequests"), of_topics("failedfetchrequests")),
        (Some(0.0), Some(1.0))
    );
    let produces = value("kafka_network_requestmetrics_requests_total{request=\"Produce\",version=\"9\"}");
    assert_eq!(produces, Some(3.0));
    assert_eq!(
        value("kafka_network_requestmetrics_totaltimems_count{request=\"Produce\"}"),
        Some(3.0)
    );
    let slowest = value("kafka_network_requestmetrics_totaltimems{request=\"Produce\",quantile=\"0.999\"}");
    assert!(slowest.is_some_and(|slowest| slowest > 0.0), "{slowest:?}");
    assert_eq!(value("kafka_server_replicamanager_partitioncount"), Some(2.0));
    let of_controller = |name: &str| value(&format!("kafka_controller_kafkacontroller_{name}"));
    assert_eq!(
        [
            "activecontrollercount",
            "activebrokercount",
            "globaltopiccount",
            "offlinepartitionscount"
        ]
        .map(of_controller),
        [Some(1.0), Some(1.0), Some(1.0), Some(0.0)]
    );
    let silence = value("kafka_controller_kafkacontroller_timesincelastheartbeatreceivedms{broker=\"1\"}");
    assert!(silence.is_some_and(|silence| silence <= 9_000.0), "{silence:?}");
    let level = |name: &str, feature: &str| value(&format!("kafka_server_{name}{{{feature}\"}}"));
    assert_eq!(
        level("metadataloader_finalizedlevel", "featureName=\"metadataVersion"),
        Some(30.0)
    );
    assert_eq!(
        [
            level("metadataloader_finalizedlevel", "featureName=\"groupVersion"),
            level(
                "node_metrics_maximum_supported_level",
                "feature_name=\"transaction-version"
            ),
            level(
                "node_metrics_minimum_supported_level",
                "feature_name=\"metadata-version"
            ),
            value("kafka_server_metadataloader_currentmetadataversion"),
            value("kafka_server_metadataloader_currentcontrollerid"),
        ],
        [Some(1.0), Some(2.0), Some(7.0), Some(30.0), Some(1.0)]
    );
    assert!(
        value("kafka_server_kafkaserver_linux_disk_write_bytes").is_some(),
        "{page:?}"
    );
    let of_raft = |name: &str| value(&format!("kafka_server_raft_metrics_{name}"));
    assert_eq!(of_raft("current_leader"), Some(1.0));
    assert!(of_raft("high_watermark") > Some(0.0) && of_raft("high_watermark") <= of_raft("log_end_offset"));
    let of_sockets = |name: &str| {
        value(&format!(
            "kafka_server_socket_server_metrics_{name}{{listener=\"PLAINTEXT\"}}"
        ))
    };
    assert_eq!(of_sockets("connection_count"), Some(1.0));
    assert!(of_sockets("connection_accept_rate") > Some(0.0), "{page:?}");
    assert_eq!(of_sockets("connection_accept_throttle_time"), None, "none had to wait");
    let of_software = |name: &str| {
        let labels = format!("clientSoftwareName=\"{name}\",clientSoftwareVersion=\"1.2\",listener=\"PLAINTEXT\"");
        value(&format!("kafka_server_socket_server_metrics_connections{{{labels}}}"))
    };
    assert_eq!(of_software("teller"), Some(1.0));
    assert_eq!(value("kafka_server_replicamanager_leadercount"), Some(2.0));
    assert_eq!(
        value("kafka_server_replicamanager_underreplicatedpartitions"),
        Some(0.0)
    );
    let of_log = |name: &str| value(&format!("kafka_log_log_{name}{{topic=\"measured\",partition=\"0\"}}"));
    assert_eq!(
        ["size", "numlogsegments", "logstartoffset", "logendoffset"].map(of_log),
        [Some(fetched as f64), Some(1.0), Some(0.0), Some(3.0)]
    );
    assert_eq!(of_log("retentionsizeinpercent"), Some((fetched / 10) as f64));
    assert_eq!(value("kafka_log_logmanager_offlinelogdirectorycount"), Some(0.0));
    let dir = format!(
        "kafka_log_logmanager_remaininglogstorecover{{dir=\"{}\"}}",
        broker.data_dir().display()
    );
    assert_eq!(value(&dir), Some(0.0));
    assert!(
        value("kafka_log_logcleanermanager_max_dirty_percent").is_some(),
        "{page:?}"
    );
    Ok(())
}

#[test]
fn who_has_a_quota_for_partitions_shows_in_the_metrics() -> Result<()> {
    let [port] = free_ports::<1>()?;
    let address = format!("127.0.0.1:{port}");
    let settings = Settings::default().with("riverrun.metrics.listeners", &address);
    let broker = SingleNode::start(Maker::Riverrun, &settings)?;
    super::mutation_quota::quota(&broker, Some(0.5))?;
    let mut talk = Talk::to(&broker)?;
    talk.create_topic("measured", 3, &[])?;
    let page = scrape(&address)?;
    let of_quota = |name: &str| {
        let labels = "resource=\"ControllerMutation\",clientId=\"testkit\"";
        page.get(&format!("kafka_server_quota_{name}{{{labels}}}")).copied()
    };
    // Eleven samples of a second at half a partition each, and three of them used.
    let tokens = of_quota("tokens");
    assert!(tokens.is_some_and(|tokens| (2.5..5.5).contains(&tokens)), "{tokens:?}");
    assert!(of_quota("mutation_rate").is_some_and(|rate| rate > 0.0), "{page:?}");
    assert_eq!(of_quota("throttle_time"), None, "nobody had to wait");
    Ok(())
}

#[test]
fn groups_show_in_the_metrics() -> Result<()> {
    let [port] = free_ports::<1>()?;
    let address = format!("127.0.0.1:{port}");
    let settings = Settings::default()
        .with("riverrun.metrics.listeners", &address)
        .with("offsets.topic.num.partitions", 3);
    let broker = SingleNode::start(Maker::Riverrun, &settings)?;
    let mut talk = Talk::to(&broker)?;
    talk.create_topic("t", 1, &[])?;
    super::append_linger::until_committed(&mut talk, "g")?;
    until("all coordinators have read their logs", || {
        let page = scrape(&address)?;
        let value = |name: &str| {
            page.get(&format!("kafka_server_group_coordinator_metrics_{name}"))
                .copied()
        };
        Ok(value("num_partitions{state=\"active\"}") == Some(3.0))
    })?;
    let page = scrape(&address)?;
    for (name, count) in [
        (
            "server_group_coordinator_metrics_group_count{protocol=\"classic\"}",
            1.0,
        ),
        (
            "server_group_coordinator_metrics_group_count{protocol=\"consumer\"}",
            0.0,
        ),
        (
            "server_group_coordinator_metrics_classic_group_count{state=\"Empty\"}",
            1.0,
        ),
        (
            "server_group_coordinator_metrics_consumer_group_count{state=\"Stable\"}",
            0.0,
        ),
        (
            "server_group_coordinator_metrics_num_partitions{state=\"loading\"}",
            0.0,
        ),
        ("coordinator_group_groupmetadatamanager_numgroups", 1.0),
        ("coordinator_group_groupmetadatamanager_numgroupsempty", 1.0),
        ("coordinator_group_groupmetadatamanager_numgroupsstable", 0.0),
        ("coordinator_group_groupmetadatamanager_numoffsets", 1.0),
    ] {
        assert_eq!(page.get(&format!("kafka_{name}")), Some(&count), "{name}");
    }
    Ok(())
}
