import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.quota.ClientQuotaFilter;

/** What an administrator does. */
final class AdminCases {
    private AdminCases() { }

    static void addTo(Map<String, Suite.Body> cases) {
        cases.put("topics are created, described, grown and deleted", AdminCases::topics);
        cases.put("configs are described and altered", AdminCases::configs);
        cases.put("records before an offset are deleted", AdminCases::deleteRecords);
        cases.put("offsets are listed", AdminCases::listOffsets);
        cases.put("the cluster, its quorum, features and log dirs are described", AdminCases::cluster);
        cases.put("producers are described", AdminCases::producers);
        cases.put("client quotas are stored", AdminCases::quotas);
    }

    static Admin admin() {
        var properties = new Properties();
        properties.put("bootstrap.servers", Suite.BOOTSTRAP);
        return Admin.create(properties);
    }

    /** Makes a topic and returns its whole name. */
    static String create(String name, int partitions, Map<String, String> configs) throws Exception {
        String topic = name + Suite.RUN;
        try (Admin admin = admin()) {
            admin.createTopics(List.of(new NewTopic(topic, partitions, Suite.REPLICAS).configs(configs))).all().get();
            Suite.eventually(topic + " is known", () -> admin.listTopics().names().get().contains(topic));
            // A producer's first batch may be refused by a leader that does not know that it leads, and its second one be taken
            // as the first that the partition ever saw.
            var led = new HashMap<TopicPartition, OffsetSpec>();
            for (int partition = 0; partition < partitions; partition++) {
                led.put(new TopicPartition(topic, partition), OffsetSpec.latest());
            }
            admin.listOffsets(led).all().get();
        }
        return topic;
    }

    static void delete(String topic) throws Exception {
        try (Admin admin = admin()) {
            admin.deleteTopics(List.of(topic)).all().get();
        }
    }

    private static void topics() throws Exception {
        String topic = create("ja-admin", 2, Map.of());
        try (Admin admin = admin()) {
            Suite.fails(TopicExistsException.class,
                () -> admin.createTopics(List.of(new NewTopic(topic, 1, Suite.REPLICAS))).all().get());
            Suite.fails(InvalidReplicationFactorException.class,
                () -> admin.createTopics(List.of(new NewTopic("ja-rf" + Suite.RUN, 1, (short) (Suite.BROKERS + 1)))).all().get());
            admin.createTopics(List.of(new NewTopic("ja-manual" + Suite.RUN, Map.of(0, List.of(1), 1, List.of(1))))).all().get();
            admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all().get();
            Suite.eventually("five partitions", () -> partitions(admin, topic) == 5);
            Suite.fails(InvalidPartitionsException.class,
                () -> admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all().get());
            admin.deleteTopics(List.of(topic)).all().get();
            Suite.eventually("the topic is gone", () -> !admin.listTopics().names().get().contains(topic));
            Suite.fails(UnknownTopicOrPartitionException.class, () -> admin.deleteTopics(List.of(topic)).all().get());
        }
    }

    private static int partitions(Admin admin, String topic) throws Exception {
        return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size();
    }

    private static ConfigEntry entry(Admin admin, ConfigResource resource, String key) throws Exception {
        return admin.describeConfigs(List.of(resource)).all().get().get(resource).get(key);
    }

    private static void alter(Admin admin, ConfigResource resource, String key, String value, AlterConfigOp.OpType type)
            throws Exception {
        Collection<AlterConfigOp> change = List.of(new AlterConfigOp(new ConfigEntry(key, value), type));
        admin.incrementalAlterConfigs(Map.of(resource, change)).all().get();
    }

    private static void configs() throws Exception {
        var resource = new ConfigResource(ConfigResource.Type.TOPIC, create("ja-configs", 1, Map.of("retention.ms", "1000000")));
        var broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
        try (Admin admin = admin()) {
            Suite.equal("as created", entry(admin, resource, "retention.ms").value(), "1000000");
            Suite.equal("the default", entry(admin, resource, "cleanup.policy").value(), "delete");
            alter(admin, resource, "cleanup.policy", "compact", AlterConfigOp.OpType.APPEND);
            Suite.eventually("appended", () -> entry(admin, resource, "cleanup.policy").value().equals("delete,compact"));
            alter(admin, resource, "cleanup.policy", "delete", AlterConfigOp.OpType.SUBTRACT);
            Suite.eventually("subtracted", () -> entry(admin, resource, "cleanup.policy").value().equals("compact"));
            alter(admin, resource, "retention.ms", "", AlterConfigOp.OpType.DELETE);
            Suite.eventually("the default again", () -> entry(admin, resource, "retention.ms").isDefault());
            Suite.fails(InvalidConfigurationException.class,
                () -> alter(admin, resource, "retention.ms", "x", AlterConfigOp.OpType.SET));
            alter(admin, broker, "log.cleaner.threads", "2", AlterConfigOp.OpType.SET);
            Suite.eventually("a broker's", () -> entry(admin, broker, "log.cleaner.threads").value().equals("2"));
            alter(admin, broker, "log.cleaner.threads", "", AlterConfigOp.OpType.DELETE);
        }
    }

    private static void deleteRecords() throws Exception {
        String topic = create("ja-delete-records", 1, Map.of());
        ClientCases.send(Map.of(), ClientCases.values(topic, 10));
        var partition = new TopicPartition(topic, 0);
        try (Admin admin = admin(); var consumer = ClientCases.consumer()) {
            var deleted = admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(4)));
            Suite.equal("low watermark", deleted.lowWatermarks().get(partition).get().lowWatermark(), 4L);
            Suite.equal("beginning", consumer.beginningOffsets(List.of(partition)), Map.of(partition, 4L));
        }
    }

    private static void listOffsets() throws Exception {
        String topic = create("ja-list-offsets", 1, Map.of());
        ClientCases.send(Map.of("batch.size", "0"), ClientCases.values(topic, 10));
        var partition = new TopicPartition(topic, 0);
        Map<OffsetSpec, Long> wanted = Map.of(OffsetSpec.earliest(), 0L, OffsetSpec.latest(), 10L,
            OffsetSpec.maxTimestamp(), 9L, OffsetSpec.forTimestamp(1_003_500), 4L, OffsetSpec.earliestLocal(), 0L);
        try (Admin admin = admin()) {
            for (var each : wanted.entrySet()) {
                var listed = admin.listOffsets(Map.of(partition, each.getKey())).partitionResult(partition).get();
                Suite.equal("offset of " + each.getKey().getClass(), listed.offset(), each.getValue());
            }
        }
    }

    private static void cluster() throws Exception {
        String topic = create("ja-dirs", 1, Map.of());
        ClientCases.send(Map.of(), ClientCases.values(topic, 3));
        try (Admin admin = admin()) {
            Suite.equal("nodes", admin.describeCluster().nodes().get().size(), Suite.BROKERS);
            Suite.check(!admin.describeCluster().clusterId().get().isEmpty(), "a cluster id");
            Suite.equal("voters", admin.describeMetadataQuorum().quorumInfo().get().voters().size(), Suite.BROKERS);
            Suite.check(admin.describeFeatures().featureMetadata().get().finalizedFeatures().containsKey("metadata.version"),
                "metadata.version is finalized");
            var dirs = admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1);
            var partition = new TopicPartition(topic, 0);
            Suite.check(dirs.values().stream().anyMatch(dir -> dir.replicaInfos().containsKey(partition)
                && dir.replicaInfos().get(partition).size() > 0), "the topic is in a log dir");
        }
    }

    private static void producers() throws Exception {
        String topic = create("ja-producers", 1, Map.of());
        ClientCases.send(Map.of("enable.idempotence", "true", "acks", "all"), ClientCases.values(topic, 3));
        var partition = new TopicPartition(topic, 0);
        try (Admin admin = admin()) {
            var states = admin.describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers();
            Suite.equal("producers", states.size(), 1);
            Suite.equal("last sequence", states.get(0).lastSequence(), 2);
        }
    }

    private static void quotas() throws Exception {
        var entity = new ClientQuotaEntity(Map.of("client-id", "ja" + Suite.RUN));
        var set = new ClientQuotaAlteration(entity, Set.of(new ClientQuotaAlteration.Op("consumer_byte_rate", 1e9)));
        try (Admin admin = admin()) {
            admin.alterClientQuotas(List.of(set)).all().get();
            Suite.eventually("stored", () -> Optional.ofNullable(
                admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get().get(entity))
                .map(values -> values.get("consumer_byte_rate")).equals(Optional.of(1e9)));
        }
    }
}
