import java.nio.file.Files;
import java.util.List;
import java.util.Map;

/** Kafka's own command line tools. */
final class ToolCases {
    private static final String TOOLS = "org.apache.kafka.tools.";

    private ToolCases() { }

    static void addTo(Map<String, Suite.Body> cases) {
        cases.put("kafka-topics", ToolCases::topics);
        cases.put("kafka-configs", ToolCases::configs);
        cases.put("kafka-get-offsets", ToolCases::offsets);
        cases.put("kafka-log-dirs", ToolCases::logDirs);
        cases.put("kafka-producer-perf-test", ToolCases::producerPerformance);
        cases.put("kafka-broker-api-versions", ToolCases::apiVersions);
        cases.put("kafka-cluster", ToolCases::clusterId);
        cases.put("kafka-features", ToolCases::features);
        cases.put("kafka-metadata-quorum", ToolCases::quorum);
        cases.put("kafka-delete-records", ToolCases::deleteRecords);
        cases.put("kafka-leader-election", ToolCases::election);
    }

    private static ToolRun tool(String name, String... arguments) throws Exception {
        var all = new java.util.ArrayList<>(List.of("--bootstrap-server", Suite.BOOTSTRAP));
        all.addAll(List.of(arguments));
        return ToolRun.of(name, all.toArray(String[]::new));
    }

    private static ToolRun topicCommand(String... arguments) throws Exception {
        return tool(TOOLS + "TopicCommand", arguments);
    }

    private static void topics() throws Exception {
        String topic = "jt-topics" + Suite.RUN;
        topicCommand("--create", "--topic", topic, "--partitions", "3", "--replication-factor",
            String.valueOf(Suite.REPLICAS), "--config", "retention.ms=86400000").succeeds().prints("Created topic " + topic + ".");
        Suite.eventually("listed", () -> topicCommand("--list").succeeds().output().contains(topic));
        topicCommand("--describe", "--topic", topic).succeeds()
            .prints("PartitionCount: 3").prints("ReplicationFactor: " + Suite.REPLICAS).prints("retention.ms=86400000").prints("Isr: ");
        topicCommand("--alter", "--topic", topic, "--partitions", "4").succeeds();
        Suite.eventually("four", () -> topicCommand("--describe", "--topic", topic).output().contains("PartitionCount: 4"));
        Suite.equal("created twice", topicCommand("--create", "--topic", topic).prints("already exists").exitCode(), 1);
        topicCommand("--delete", "--topic", topic).succeeds();
        Suite.eventually("gone", () -> !topicCommand("--list").output().contains(topic));
    }

    private static void configs() throws Exception {
        String topic = AdminCases.create("jt-configs", 1, Map.of());
        String[] alter = {"--alter", "--entity-type", "topics", "--entity-name", topic, "--add-config", "retention.ms=7000"};
        tool("kafka.admin.ConfigCommand", alter).succeeds().prints("Completed updating config for topic " + topic + ".");
        String[] describe = {"--describe", "--entity-type", "topics", "--entity-name", topic};
        Suite.eventually("altered", () -> tool("kafka.admin.ConfigCommand", describe).output().contains("retention.ms=7000"));
        tool("kafka.admin.ConfigCommand", "--describe", "--all", "--entity-type", "brokers", "--entity-name", "1")
            .succeeds().prints("log.segment.bytes=1073741824");
    }

    private static void offsets() throws Exception {
        String topic = AdminCases.create("jt-offsets", 2, Map.of());
        ClientCases.send(Map.of(), ClientCases.values(topic, 5));
        tool(TOOLS + "GetOffsetShell", "--topic", topic).succeeds().prints(topic + ":0:5").prints(topic + ":1:0");
        tool(TOOLS + "GetOffsetShell", "--topic", topic, "--time", "earliest").succeeds().prints(topic + ":0:0");
        tool(TOOLS + "GetOffsetShell", "--topic", topic, "--time", "1002500").succeeds().prints(topic + ":0:3");
        tool(TOOLS + "GetOffsetShell", "--topic", topic, "--time", "max-timestamp").succeeds().prints(topic + ":0:4");
    }

    private static void logDirs() throws Exception {
        String topic = AdminCases.create("jt-dirs", 1, Map.of());
        ClientCases.send(Map.of(), ClientCases.values(topic, 5));
        tool(TOOLS + "LogDirsCommand", "--describe", "--topic-list", topic).succeeds()
            .prints("\"partition\":\"" + topic + "-0\"").prints("\"offsetLag\":0");
    }

    private static void producerPerformance() throws Exception {
        String topic = AdminCases.create("jt-perf", 1, Map.of());
        ToolRun.of(TOOLS + "ProducerPerformance", "--topic", topic, "--num-records", "20000", "--record-size", "100",
            "--throughput", "-1", "--producer-props", "bootstrap.servers=" + Suite.BOOTSTRAP, "acks=all").succeeds()
            .prints("20000 records sent");
        tool(TOOLS + "GetOffsetShell", "--topic", topic).succeeds().prints(topic + ":0:20000");
    }

    private static void apiVersions() throws Exception {
        tool(TOOLS + "BrokerApiVersionsCommand").succeeds().prints("Produce(0): 0 to 13").prints("Fetch(1): 4 to 18");
    }

    private static void clusterId() throws Exception {
        ToolRun.of(TOOLS + "ClusterTool", "cluster-id", "--bootstrap-server", Suite.BOOTSTRAP).succeeds().prints("Cluster ID: ");
    }

    private static void features() throws Exception {
        tool(TOOLS + "FeatureCommand", "describe").succeeds().prints("Feature: metadata.version").prints("FinalizedVersionLevel: 4.3-IV0");
    }

    private static void quorum() throws Exception {
        tool(TOOLS + "MetadataQuorumCommand", "describe", "--status").succeeds().prints("LeaderId:").prints("CurrentVoters:");
    }

    private static void deleteRecords() throws Exception {
        String topic = AdminCases.create("jt-delete", 1, Map.of());
        ClientCases.send(Map.of(), ClientCases.values(topic, 5));
        var file = Files.createTempFile("offsets", ".json");
        Files.writeString(file, "{\"partitions\":[{\"topic\":\"" + topic + "\",\"partition\":0,\"offset\":2}],\"version\":1}");
        tool(TOOLS + "DeleteRecordsCommand", "--offset-json-file", file.toString()).succeeds().prints("low_watermark: 2");
        Files.delete(file);
    }

    private static void election() throws Exception {
        String topic = AdminCases.create("jt-election", 1, Map.of());
        tool(TOOLS + "LeaderElectionCommand", "--election-type", "preferred", "--topic", topic, "--partition", "0")
            .succeeds().prints("Valid replica already elected");
    }
}
